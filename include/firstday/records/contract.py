"""The contract of a table that is filled from landing: its DDL in `sql/use_cases/<name>/`, applied to what comes.

Whatever a source sends, each column is cast to its type in the DDL, and the first rule that a row breaks is its reason.
The text is composed here because its columns are the use case's; names come from the DDL and the checked YAML only.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from enum import Enum

from include.firstday.lake.lake import Columns, quoted
from include.firstday.records import numbers
from include.firstday.records.text import CONTROL, CONTROL_OR_BREAK
from include.firstday.use_case.use_case import UseCase

PATH = "_path"  # where a row came from, of files that are read together
READERS_OWN = ("_row_number", "_line", "_header", "_is_object", PATH)  # `_`, as no identifier begins
IDENTIFIERS = frozenset({"user_id", "event_id", "event_type"})
OWN_COLUMNS = frozenset({"batch_id", "ingested_at", "source_file"})
UNZONED = frozenset({"TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
VALID_FROM = "valid_from"  # of an enrichment table: from when a row of a key counts
MAXIMUM_LEAD = timedelta(hours=1)  # a source's clock may be this far ahead
HELD = "event_time: held until its time, as it is more than an hour ahead of the clock"


class Search(Enum):
    """How texts are searched for control characters."""

    NONE = "where there can be none"
    JOINED = "all of a row at once, as each by itself takes as long as reading them"
    EACH = "each by itself, where DuckDB searches the dictionaries of Parquet once"


def expected(columns: Columns) -> dict[str, str]:
    """The columns a source may send, without Firstday's own."""
    return {name: kind for name, kind in columns.items() if name not in OWN_COLUMNS}


def as_text(columns: Columns) -> dict[str, str]:
    """The same columns, all read as text."""
    return dict.fromkeys(columns, "VARCHAR")


def typed_rows(columns: Columns, given: Columns, rules: Iterator[str], source: str = "given_rows") -> str:
    """SELECT of `_row_number`, the typed columns, `_reason` (null for a good row) and `_held_until` from `source`.

    `given` are the columns of `source` and their types; missing ones become NULL. Without a `_row_number` the rows
    are numbered as they were read.
    """
    number = "_row_number" if "_row_number" in given else "rowid + 1"
    typed = _typed(columns, given, source, f"{number} as _row_number")
    own = f"{_reason(columns, given, rules)} as _reason, {_held_until(columns)} as _held_until"
    return f"{typed} select _row_number, {_names(columns)}, {own} from typed"


def good_rows(columns: Columns, given: Columns, rules: Iterator[str], source: str, search: Search) -> str:
    """SELECT of the typed columns from `source`, an error where a row breaks a rule: nothing is kept but the result.

    With `_path`, `source_file` is a column too.
    """
    source_file = f", parse_filename({PATH}) as source_file" if PATH in given else ""
    is_good = (
        f"case when {_reason(columns, given, rules, search)} is null then true else error('a row breaks a rule') end"
    )
    return f"{_typed(columns, given, source)} select {_names(columns)}{source_file} from typed where {is_good}"


def _typed(columns: Columns, given: Columns, source: str, *own: str) -> str:
    """WITH clause `typed`: the columns by their types, those of the readers, and in `_given` what they were."""
    texts = numbers.as_texts(columns, given)
    casts = [f"{_cast(kind, texts.get(name), given.get(name))} as {quoted(name)}" for name, kind in columns.items()]
    as_given = f"struct_pack({', '.join(_given(name, given) for name in columns)}) as _given"
    kept = [
        f"cast({text} as varchar) as {quoted(numbers.TEXT + name)}"
        for name, text in texts.items()
        if not numbers.is_exact(columns[name], given[name])
    ]
    read = [name for name in ("_is_object", PATH) if name in given]
    return f"with typed as (select {', '.join([*own, *casts, as_given, *kept, *read])} from {source})"


def _reason(columns: Columns, given: Columns, rules: Iterator[str], search: Search = Search.JOINED) -> str:
    """The first rule that a row breaks; null where it breaks none."""
    control = _control_characters(columns, given, search)
    broken = [*_unread(given), *control, *numbers.inexact(columns, given), *rules]
    return f"case {' '.join(broken)} end" if broken else "cast(null as varchar)"


def _held_until(columns: Columns) -> str:
    """The time of an event that breaks no rule but that it is ahead of the clock; null of any other row."""
    is_held = f"starts_with(_reason, '{HELD}')"
    return f"case when {is_held} then event_time end" if "event_time" in columns else "cast(null as timestamp)"


def _names(columns: Columns) -> str:
    return ", ".join(map(quoted, columns))


def event_rules(use_case: UseCase, now: datetime) -> Iterator[str]:
    """What every event must hold, as branches of the `case` that yields the reason. `now` is naive UTC."""
    types = ", ".join(f"'{name}'" for name in use_case.events)
    lead = max(MAXIMUM_LEAD, timedelta(hours=use_case.hold_hours))
    hours = "an hour" if lead == MAXIMUM_LEAD else f"{use_case.hold_hours:g} hours"
    read_at = f"', read at {_seconds(now)}'"
    yield "when user_id is null or trim(user_id) = '' then 'user_id: required, missing'"
    yield "when event_type is null then 'event_type: required, missing'"
    yield (
        f"when event_type not in ({types}) then 'event_type: expected one of {types.replace(chr(39), '')}, found '''"
        " || left(event_type, 100) || ''''"
    )
    yield "when event_time is null then 'event_time: required, missing'"
    yield (
        f"when not isfinite(event_time) or event_time > timestamp '{_seconds(now + lead)}' "
        f"then 'event_time: expected at most {hours} ahead of the clock, found ' || event_time || {read_at}"
    )
    yield (
        f"when event_time < timestamp '{use_case.earliest} 00:00:00' "
        f"then 'event_time: expected at least {use_case.earliest} 00:00:00, found ' || event_time"
    )
    for name, event in use_case.events.items():
        for column in event.required:
            yield (
                f"when event_type = '{name}' and {quoted(column)} is null then '{column}: required by {name}, missing'"
            )
    if lead > MAXIMUM_LEAD:  # the last rule: what is held breaks no other
        yield (
            f"when event_time > timestamp '{_seconds(now + MAXIMUM_LEAD)}' "
            f"then '{HELD}, found ' || event_time || {read_at}"
        )


def _seconds(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")


def enrichment_rules(columns: Collection[str]) -> Iterator[str]:
    """What every row of an enrichment table must hold: its first column is its key, with `valid_from` if it has it."""
    keys = [next(iter(columns)), *({VALID_FROM} & set(columns))]
    for key in keys:
        yield f"when {quoted(key)} is null then '{key}: required, missing'"
    names, within = ", ".join(map(quoted, keys)), " of one valid_from" if len(keys) > 1 else ""
    yield f"when count(*) over (partition by {names}) > 1 then '{keys[0]}: expected once{within}, found twice'"


def _given(name: str, given: Collection[str]) -> str:
    return f"{quoted(name)} := {quoted(name) if name in given else 'null'}"


def _cast(kind: str, text: str | None, given_as: str | None) -> str:
    if text is None:
        return f"cast(null as {kind})"
    if kind == given_as:
        return text
    # A time without a zone is UTC; by way of a zoned one it would take fifty times as long.
    if kind != "TIMESTAMP" or given_as in UNZONED:
        return f"try_cast({text} as {kind})"
    return _timestamp(text, given_as == "VARCHAR")


def _timestamp(given: str, is_text: bool) -> str:
    """Through the zoned type, so that an offset is applied; what has none is UTC.

    The name of a zone is rejected: DuckDB would apply it to later rows as well. Text that begins with a digit and
    has no offset is cast at once, to the same moment in a fifth of the time.
    """
    if not is_text:
        return f"try_cast(try_cast({given} as timestamptz) as timestamp)"
    utc = f"regexp_replace({given}, ' ?UTC$', 'Z')"
    unnamed = f"case when not regexp_matches({utc}, '[A-Za-z]{{2}}') then {utc} end"
    is_plain = (
        f"{given}[1] between '0' and '9' and not contains({given}, '+') and not contains({given}[9:], '-') "
        f"and not contains({given}, '(') and not ends_with({given}, 'UTC')"
    )
    return (
        f"case when {is_plain} then try_cast({given} as timestamp) "
        f"else try_cast(try_cast({unnamed} as timestamptz) as timestamp) end"
    )


def _unread(given: Collection[str]) -> Iterator[str]:
    if "_is_object" in given:
        yield "when not _is_object then 'expected a JSON object on one line'"


def _control_characters(columns: Columns, given: Columns, search: Search) -> Iterator[str]:
    """No control characters: none at all in identifiers, of which the first column of an enrichment table is one."""
    texts = [name for name, kind in columns.items() if kind == "VARCHAR"]
    identifiers = [name for name in texts if name in IDENTIFIERS] or texts[:1]
    for names, pattern in (
        ([name for name in identifiers if name in given], CONTROL_OR_BREAK),
        ([name for name in texts if name in given and name not in identifiers], CONTROL),
    ):
        each = " ".join(_control_character(name, pattern) for name in names)
        if each and search is Search.EACH:
            yield each
        elif each and search is Search.JOINED:
            joined = f"concat_ws('', {', '.join(map(quoted, names))})"
            yield f"when regexp_matches({joined}, '{pattern}') then case {each} end"


def _control_character(name: str, pattern: str) -> str:
    found = f"left(regexp_replace({quoted(name)}, '{CONTROL_OR_BREAK}', '�', 'g'), 100)"
    return (
        f"when regexp_matches({quoted(name)}, '{pattern}') "
        f"then '{name}: expected no control characters, found ''' || {found} || ''''"
    )
