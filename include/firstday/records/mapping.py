"""Map a source's columns, event types, times and decimal commas to the contract's, by `mapping` in the YAML.

It works on `given_rows`, before the contract is checked. What cannot be translated stays unchanged, so that the
contract rejects it with the value that the source sent. Names come from the checked YAML; values are bound parameters.
"""

from dataclasses import dataclass
from fnmatch import fnmatch

from include.firstday.lake.lake import Columns, Lake, quoted
from include.firstday.landing import given_name
from include.firstday.records.contract import READERS_OWN, expected
from include.firstday.use_case.events import SourceMapping
from include.firstday.use_case.use_case import UseCase

_HAS_OFFSET = r":\d{2}.*(Z|UTC|[+-]\d{2}(:?\d{2})?)$"
_COMMA_NUMBER = r"\s*[+-]?([1-9]\d{0,2}(\.\d{3})+(,\d*)?|\d+,\d*|,\d+)\s*"
_EPOCHS = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000}


@dataclass(frozen=True)
class Layout:
    """What the rows of a file are: of which table, and how they are read.

    `columns` are the table's without Firstday's own, `wanted` those and the source's names for them; `event_type` is
    that of rows which name none.
    """

    table: str
    columns: Columns
    wanted: Columns
    event_type: str | None
    is_csv: bool


def layout(use_case: UseCase, table: str, columns: Columns, file_name: str) -> Layout:
    """The layout of a file of rows for a table with some columns, by its name."""
    own = expected(columns)
    source = use_case.mapping if table == "events" else None
    wanted = {**own, **dict.fromkeys(source.columns if source else (), "VARCHAR")}
    event_type = event_type_of(use_case, file_name) if source else None
    return Layout(table, own, wanted, event_type, file_name.endswith(".csv"))


def event_type_of(use_case: UseCase, file_name: str) -> str | None:
    """The event type of the rows of a file that name none, by its name."""
    files = use_case.mapping.files if use_case.mapping else {}
    names = (file_name, given_name(file_name))
    return next((kind for pattern, kind in files.items() if any(fnmatch(name, pattern) for name in names)), None)


def translate(lake: Lake, use_case: UseCase, layout: Layout) -> str:
    """Translate `given_rows` of events to the contract's columns in a table, and return its name.

    `given_rows` stay as they were given: what is rejected of them is kept, and translated again by a replay.
    """
    if use_case.mapping is None:
        return "given_rows"
    given = lake.columns("given_rows")
    number = () if "_row_number" in given else ("rowid + 1 as _row_number",)
    text, parameters = translated(use_case.mapping, layout, given, "given_rows", *number)
    lake.build_text("mapped_rows", text, **parameters)
    return "mapped_rows"


def translated(
    source: SourceMapping, layout: Layout, given: Columns, table: str, *own: str
) -> tuple[str, dict[str, object]]:
    """SELECT of the contract's columns from a table or query of columns `given`, and its parameters."""
    parameters: dict[str, object] = {}
    chosen = [
        f"{expression} as {quoted(name)}"
        for name, kind in layout.columns.items()
        if (expression := _expression(source, name, kind, given, layout, parameters))
    ]
    kept = [quoted(name) for name in READERS_OWN if name in given]
    return f"select {', '.join([*chosen, *kept, *own])} from {table}", parameters


def _expression(
    source: SourceMapping,
    name: str,
    kind: str,
    given: Columns,
    layout: Layout,
    parameters: dict[str, object],
) -> str | None:
    found = [theirs for theirs, ours in source.columns.items() if ours == name and theirs in given]
    found += [name] if name in given and name not in found else []
    if not found and not (name == "event_type" and layout.event_type):
        return None
    text, given_as = _first_of(found, given)
    if name == "event_type":
        options = [f"cast({text} as varchar)"]
        if source.event_types:
            parameters |= {"theirs": list(source.event_types), "ours": list(source.event_types.values())}
            options.insert(0, f"list_extract($ours, list_position($theirs, {options[0]}))")
        if layout.event_type:
            parameters["event_type"] = layout.event_type
            options.append("$event_type")
        return f"coalesce({', '.join(options)})" if len(options) > 1 else options[0]
    if kind == "TIMESTAMP":
        return _time(source, text, given_as, parameters)
    if source.decimal_comma and given_as == "VARCHAR" and kind.startswith(("DECIMAL", "DOUBLE")):
        return _with_point(text, layout.is_csv)
    return text


def _with_point(text: str, is_csv: bool) -> str:
    """A number written as 1.234,50, with a decimal point. Outside of CSV only where it has a comma."""
    is_written_so = f"regexp_full_match({text}, '{_COMMA_NUMBER}')" + ("" if is_csv else f" and contains({text}, ',')")
    return f"case when {is_written_so} then replace(replace({text}, '.', ''), ',', '.') else {text} end"


def _first_of(found: list[str], given: Columns) -> tuple[str, str]:
    """The first of some columns that has a value, and its type."""
    if not found:
        return "cast(null as varchar)", "VARCHAR"
    if len(found) == 1:
        return quoted(found[0]), given[found[0]]
    return f"coalesce({', '.join(f'cast({quoted(name)} as varchar)' for name in found)})", "VARCHAR"


def _time(source: SourceMapping, text: str, given_as: str, parameters: dict[str, object]) -> str:
    if source.time_format in _EPOCHS:
        if given_as.startswith("TIMESTAMP"):
            return text
        microseconds = f"try_cast({text} as decimal(24, 6)) * {_EPOCHS[source.time_format]}"
        return _or_as_given(f"make_timestamp(cast({microseconds} as bigint))", text)
    if given_as == "TIMESTAMP" and source.time_zone != "UTC":
        parameters["time_zone"] = source.time_zone
        return f"timezone($time_zone, {text})"
    if given_as != "VARCHAR" or (source.time_zone == "UTC" and not source.time_format):
        return text
    parameters["time_zone"] = source.time_zone
    if source.time_format:
        parameters["time_format"] = source.time_format
        return _or_as_given(f"timezone('UTC', timezone($time_zone, try_strptime({text}, $time_format)))", text)
    local = f"timezone('UTC', timezone($time_zone, try_cast({text} as timestamp)))"
    return f"case when regexp_matches({text}, '{_HAS_OFFSET}') then {text} else {_or_as_given(local, text)} end"


def _or_as_given(moment: str, text: str) -> str:
    return f"coalesce(strftime({moment}, '%Y-%m-%dT%H:%M:%S.%fZ'), cast({text} as varchar))"
