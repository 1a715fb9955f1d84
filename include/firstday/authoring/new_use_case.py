"""Create a new business case: YAML and SQL that run immediately, optionally for a given file of events.

The templates are in `include/firstday/authoring/skeleton/`.
"""

import json
import re
import tempfile
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import Template

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from include.firstday import landing
from include.firstday.authoring import guess_categories
from include.firstday.errors import UseCaseError
from include.firstday.lake import connections, statements
from include.firstday.lake.lake import quoted
from include.firstday.records import readers, text_tables
from include.firstday.records.contract import OWN_COLUMNS
from include.firstday.schema.value_type import LEAST_DECIMALS, MOST_DECIMALS
from include.firstday.use_case import use_case

SKELETON = Path(__file__).parent / "skeleton"
OURS = ("event_id", "user_id", "event_type", "event_time")
SAMPLE = 20_000  # rows used to infer types and formats
MOST_TYPES = 30
MOST = 0.99  # required share of values that are numbers or times; the others are rejected when they are stored
GUESSES = {
    "user_id": ("user_id", "userid", "customer", "client", "visitor", "account", "member", "session", "user"),
    "event_time": ("event_time", "timestamp", "datetime", "time", "date", "when", "created", "_at", "ts"),
    "event_type": ("event_type", "event", "action", "activity", "type", "kind", "what"),
}
DAYS = ("%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y", "%d.%m.%y")
CLOCKS = (" %H:%M:%S", " %H:%M", " %I:%M %p", "")
FORMATS = (*(day + clock for day in DAYS for clock in CLOCKS), "%Y%m%d%H%M%S", "%Y%m%dT%H%M%S")
EARLIEST = date(2000, 1, 1)
WHOLE, MANY = r"^-?\d+(\.0+)?$", 50
NUMBER, COMMA_NUMBER = r"^-?\d{1,15}(\.\d+)?$", r"^-?\d{1,3}(\.?\d{3})*,\d+$"


@dataclass
class Found:
    """Properties of the events: types, other columns, which of them are amounts, and their names."""

    types: dict[str, str]  # theirs -> ours
    columns: dict[str, str] = field(default_factory=dict)  # our name -> SQL type
    renamed: dict[str, str] = field(default_factory=dict)  # theirs -> ours
    time_format: str = ""
    decimal_comma: bool = False
    span: timedelta = timedelta(days=14)
    earliest: date = EARLIEST
    files: dict[str, str] = field(default_factory=dict)  # pattern of file names -> our event type
    users: int = 1000
    categories: list[str] = field(default_factory=list)  # our names of text columns with a few values
    notes: list[str] = field(default_factory=list)  # what could not be inferred, and what to do

    @property
    def amounts(self) -> list[str]:
        """Return the columns that are numbers."""
        return [name for name, kind in self.columns.items() if kind != "varchar"]


@dataclass(frozen=True)
class Chosen:
    """What a person has chosen: Firstday's columns → the file's; the event type of all rows; the format of times."""

    columns: dict[str, str] = field(default_factory=dict)
    event: str = ""
    time_format: str = ""


def new_use_case(name: str, file: Path | None = None, chosen: Chosen | None = None) -> tuple[list[Path], list[str]]:
    """Write the files of a new use case for a file, or a folder of files; return their paths, and what is to be done.

    Raises UseCaseError if the name is taken, or if the columns of users and times cannot be inferred from the file.
    """
    made = folders(name)
    found = (
        look(file, chosen or Chosen())
        if file
        else Found({"visited": "visited", "bought": "bought"}, {"amount": "decimal(18, 2)"})
    )
    texts = {
        made[0] / "use_case.yaml": _yaml(name, found, is_generated=file is None),
        made[1] / "events.sql": _filled(
            "events.sql", columns=_lines(f"    {_sql_name(c)} {k}," for c, k in found.columns.items())
        ),
        made[1] / "registrations.sql": _filled(
            "registrations.sql", categories="".join(f",\n    {_sql_name(name)}" for name in found.categories)
        ),
        made[1] / "measures.sql": _filled("measures.sql", amounts="".join(_amounts(found))),
        made[1] / "user_features.sql": _features(found),
        made[1] / "label.sql": _filled("label.sql"),
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts), found.notes


def folders(name: str) -> tuple[Path, Path]:
    """The folders of a new use case's YAML and SQL. Raises UseCaseError if the name is invalid or taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise UseCaseError(f"{name}: expected lower-case letters, digits and _, starting with a letter")
    found = use_case.USE_CASES / name, statements.SQL / "use_cases" / name
    for folder in found:
        if folder.exists():
            raise UseCaseError(f"{folder}: already exists; choose another name, or delete it first")
    return found


def look(file: Path, chosen: Chosen) -> Found:
    """Infer columns, types and formats from a file. Raises UseCaseError, naming the option that helps."""
    rows = read(file)
    samples = {name: sample(rows, name) for name in rows.column_names}
    notes: list[str] = []
    needed = ("user_id", "event_time") if chosen.event else tuple(GUESSES)
    key: dict[str, str] = {}
    for column in needed:
        key[column] = _column(column, chosen.columns, rows.column_names, key.values())
    types = [str(value) for value in _most_common(rows[key["event_type"]])] if not chosen.event else [chosen.event]
    others = [name for name in rows.column_names if name not in key.values() and name not in OWN_COLUMNS]
    ours = _unique([*OURS, *OWN_COLUMNS], others)
    numbers = {name for name in others if _matches(samples[name], f"{NUMBER}|{COMMA_NUMBER}")}
    numbers -= {name for name in numbers if _is_id(ours[name], rows[key["user_id"]], rows[name])}
    # One scale for all amounts, as measures.sql has all of them in its column `value`.
    amount = f"decimal(18, {max((_decimals(rows[name]) for name in numbers), default=LEAST_DECIMALS)})"
    columns = {ours[name]: amount if name in numbers else "varchar" for name in others if name != "event_id"}
    renamed = {theirs: name for name, theirs in key.items()} | {
        name: ours[name] for name in others if name != "event_id"
    }
    times = samples[key["event_time"]]
    given_format = chosen.time_format or time_format(times)
    if given_format is None:
        given_format = ""
        notes.append(
            f"{file}: column {key['event_time']}: unknown time format of {times[0].as_py()!r}; set mapping.time_format "
            "in the YAML, such as '%d.%m.%Y %H:%M', or choose the column with --time"
        )
    names = _unique([], types)
    texts = {name: ours[name] for name in others if columns.get(ours[name]) == "varchar"}
    moments = _moments(rows[key["event_time"]].cast(pa.string()), given_format)
    return Found(
        types=names,
        columns=columns,
        renamed={theirs: name for theirs, name in renamed.items() if theirs != name},
        time_format=given_format,
        decimal_comma=any(_matches(samples[name], COMMA_NUMBER) for name in numbers),
        span=max(moments) - min(moments) if moments else timedelta(0),
        earliest=min(EARLIEST, min(moments).date().replace(month=1, day=1)) if moments else EARLIEST,
        files={"*": names[chosen.event]} if chosen.event else {},
        users=len(pc.unique(rows[key["user_id"]])),
        categories=guess_categories.categories(rows, key["user_id"], texts),
        notes=notes,
    )


def _decimals(values: pa.ChunkedArray) -> int:
    """How many decimals a column of amounts needs, as many as are kept of a measure: from 2 to 8."""
    fractions = pc.struct_field(
        pc.extract_regex(values.cast(pa.string()).drop_null(), r"[.,](?P<fraction>\d+?)0*$"), "fraction"
    )
    longest = pc.max(pc.utf8_length(fractions.drop_null())).as_py() or 0
    return int(min(max(longest, LEAST_DECIMALS), MOST_DECIMALS))


def _is_id(name: str, users: pa.ChunkedArray, values: pa.ChunkedArray) -> bool:
    """Whether numbers look like ids: by their name, as whole numbers that differ, or as each user has one only."""
    if guess_categories.ID_NAME.search(name):
        return True
    known = pa.table({"user": users, "value": values.cast(pa.string())}).drop_null()
    different = len(pc.unique(known["value"]))
    if different < 2 or not _matches(known["value"], WHOLE):
        return False
    if known.num_rows >= MANY and different > 0.9 * known.num_rows:
        return True
    owned = known.group_by("user").aggregate([("value", "count_distinct"), ("value", "count"), ("value", "min")])
    often = pc.sum(pc.greater(owned["value_count"], 1)).as_py() or 0
    is_owned = pc.max(owned["value_count_distinct"]).as_py() == 1
    return bool(often >= 10 and is_owned and different > 0.9 * owned.num_rows)


def sample(rows: pa.Table, name: str) -> pa.ChunkedArray:
    """The first values of a column, as text, that are known."""
    return rows[name].slice(0, SAMPLE).cast(pa.string()).drop_null()


def read(file: Path) -> pa.Table:
    """The rows of a file, or of all files in a folder, as text. Raises UseCaseError where there are none."""
    endings = (*landing.ENDINGS, *text_tables.ENDINGS)
    files = [path for path in sorted(file.rglob("*")) if path.name.endswith(endings)] if file.is_dir() else [file]
    if not files or not files[0].is_file() or not files[0].name.endswith(endings):
        raise UseCaseError(f"{file}: expected a file ending in one of {', '.join(endings)}, or a folder of such files")
    rows = pa.concat_tables([_read_file(path) for path in files], promote_options="permissive")
    if rows.num_rows == 0:
        raise UseCaseError(f"{file}: expected events, found no rows")
    return rows


def _read_file(file: Path) -> pa.Table:
    with tempfile.TemporaryDirectory() as folder, connections.scratch("look") as lake:
        if text_tables.is_text_table(file):
            given, file = file, Path(folder) / text_tables.csv_name(file.name)
            text_tables.convert(given, file)
        readers.read_whole(lake, file, dict.fromkeys(readers.column_names(file), "VARCHAR"))
        return lake.query("from given_rows")


def _column(ours: str, columns: Mapping[str, str], names: list[str], taken: Collection[str]) -> str:
    option = {"user_id": "--user", "event_time": "--time", "event_type": "--type"}[ours]
    if chosen := columns.get(ours):
        if chosen not in names:
            raise UseCaseError(f"{option} {chosen}: expected one of the file's columns: {', '.join(names)}")
        return chosen
    if inferred := guess(ours, names, {*taken, *columns.values()}):
        return inferred
    other = ", or the event type of all rows with --event" if ours == "event_type" else ""
    raise UseCaseError(f"choose the column of the {ours} with {option}{other}; the columns are: {', '.join(names)}")


def guess(ours: str, names: list[str], taken: Collection[str]) -> str | None:
    """The column that is one of Firstday's, by its name, of those not taken; None where none looks like it."""
    free = [name for name in names if name not in taken]
    for part in GUESSES[ours]:
        for name in sorted(free, key=lambda name: name.lower() != part):
            if part in name.lower() and (part != "ts" or name.lower() == "ts"):
                return name
    return None


def _most_common(values: pa.ChunkedArray) -> list[object]:
    counted = sorted(pc.value_counts(values.drop_null()).to_pylist(), key=lambda row: -row["counts"])
    if len(counted) > MOST_TYPES:
        raise UseCaseError(
            f"{len(counted):,} different event types, expected at most {MOST_TYPES}: choose the column with --type, "
            "or the event type of all rows with --event"
        )
    return [row["values"] for row in counted]


def _unique(taken: list[str], theirs: list[str]) -> dict[str, str]:
    """Map the file's names to lower-case letters, digits and _; each name is used once."""
    names: dict[str, str] = {}
    for text in theirs:
        plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
        name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:50] or "unnamed"
        name = f"x_{name}" if name[0].isdigit() else name
        while name in (*taken, *names.values()):
            name = f"{name}_2"
        names[text] = name
    return names


def _matches(values: pa.ChunkedArray, pattern: str) -> bool:
    return len(values) > 0 and pc.mean(pc.match_substring_regex(values, pattern).cast(pa.int8())).as_py() >= MOST


def time_format(times: pa.ChunkedArray) -> str | None:
    """The format of times, empty for ISO 8601; None where it is none of those that are known."""
    if _matches(times, r"^\d{4}-\d{2}-\d{2}"):
        return ""
    for digits, name in ((10, "epoch_seconds"), (13, "epoch_milliseconds")):
        if _matches(times, rf"^\d{{{digits}}}(\.\d+)?$"):
            return name
    return next((text for text in FORMATS if reads(times, text)), None)


def reads(times: pa.ChunkedArray, text: str) -> bool:
    """Whether a format reads as many of some times as must be right."""
    return sum(1 for time in times.to_pylist() if _parsed(time, text)) >= MOST * len(times)


def _parsed(time: str, text: str) -> datetime | None:
    try:
        if text.startswith("epoch"):
            return datetime.fromtimestamp(float(time) / (1000 if text.endswith("milliseconds") else 1), UTC)
        found = datetime.strptime(time, text) if text else datetime.fromisoformat(time)
        return found.replace(tzinfo=found.tzinfo or UTC)
    except ValueError:
        return None


def _moments(times: pa.ChunkedArray, text: str) -> list[datetime]:
    """The moments of some of many times, of the whole span."""
    step = max(1, len(times) // SAMPLE)
    return [moment for time in times.to_pylist()[::step] if time and (moment := _parsed(time, text))]


def _yaml(name: str, found: Found, is_generated: bool) -> str:
    hours = 24 if found.span >= timedelta(days=4) else max(1, round(found.span / timedelta(hours=1) / 6))
    silence = min(168, max(1, round(found.span / timedelta(hours=1) / 3)))
    minutes = sorted({max(1, round(hours * 60 * part)) for part in (0.02, 0.1, 0.25, 0.5, 1)})
    return (
        _filled(
            "use_case.yaml",
            name=name,
            title=name.replace("_", " ").capitalize(),
            hours=hours,
            events=_lines(f"  {_key(name)}: {{}}" for name in found.types.values()).rstrip("\n"),
            mapping=_mapping(found),
            earliest=f"\nearliest: {found.earliest}             # events before it are rejected\n"
            if found.earliest < EARLIEST
            else "",
            measures=", ".join(map(_key, [*found.types.values(), *_measures(found).values(), "active_hour"])),
            scored=", ".join(map(_key, found.types.values())),
            features=_lines(f"  - {_key(name)}" for name in _feature_names(found)).rstrip("\n"),
            categories=_categories(found),
            cutoffs=", ".join(map(str, minutes)),
            label_hours=hours + silence,
            minimum_users=min(200, max(20, found.users // 5)),
            generator=(SKELETON / "generator.yaml").read_text(encoding="utf-8") if is_generated else "",
        ).rstrip("\n")
        + "\n"
    )


def _mapping(found: Found) -> str:
    types = {theirs: ours for theirs, ours in found.types.items() if theirs != ours}
    lines = [f"    {json.dumps(theirs, ensure_ascii=False)}: {_key(ours)}" for theirs, ours in found.renamed.items()]
    block = ["", "# The source's names and formats.", "mapping:"]
    block += ["  columns:", *lines] if lines else ["  columns: {}"]
    if types:
        block += [
            "  event_types:",
            *(f"    {json.dumps(theirs, ensure_ascii=False)}: {_key(ours)}" for theirs, ours in types.items()),
        ]
    if found.files:
        block += ["  files:", *(f"    {json.dumps(pattern)}: {_key(ours)}" for pattern, ours in found.files.items())]
    block += ["  time_zone: UTC               # of times without an offset"]
    if found.time_format:
        block += [f"  time_format: {json.dumps(found.time_format)}"]
    if found.decimal_comma:
        block += ["  decimal_comma: true"]
    return "\n".join(block) + "\n" if lines or types or found.files or found.time_format else ""


def _categories(found: Found) -> str:
    if not found.categories:
        return ""
    lines = _lines(f"  {_key(name)}: {{}}" for name in found.categories)
    return f"\ncategories:                      # features that are texts, which the model encodes\n{lines}"


def _measures(found: Found) -> dict[str, str]:
    """Column → the measure of its values."""
    return {name: f"{name}_value" if name in (*found.types.values(), "active_hour") else name for name in found.amounts}


def _amounts(found: Found) -> Iterator[str]:
    for column, measure in _measures(found).items():
        yield _filled("amount.sql", column=_sql_name(column), measure=measure)


def _feature_names(found: Found) -> list[str]:
    counts = [f"{name}_count" for name in found.types.values()]
    values = [f"{name}_{part}" for name in _measures(found).values() for part in ("sum", "min", "max")]
    times = ["active_hours", "minutes_active", "minutes_since_open", "minutes_since_event"]
    return [*found.categories, *counts, *values, *times]


def _features(found: Found) -> str:
    wide, selected = [], [f"    users.{_sql_name(name)}," for name in found.categories]
    for name in found.types.values():
        wide.append(f"        sum(value_count) filter (where measure = '{name}') as {name}_count,")
        selected.append(f"    coalesce(cast(wide.{name}_count as bigint), 0) as {name}_count,")
    for name in _measures(found).values():
        for part in ("sum", "min", "max"):
            wide.append(f"        {part}(value_{part}) filter (where measure = '{name}') as {name}_{part},")
            value = f"cast(cast(wide.{name}_{part} as varchar) as double)"
            selected.append(f"    {f'coalesce({value}, 0.0)' if part == 'sum' else value} as {name}_{part},")
    return _filled("user_features.sql", wide=_lines(wide), selected=_lines(selected))


def _sql_name(name: str) -> str:
    """A column's name as SQL text: quoted where SQL would take it for something else, as `order`."""
    return quoted(name) if connections.is_keyword(name) else name


def _key(name: str) -> str:
    """A name as YAML text: quoted where YAML would take it for something else, as `on`."""
    return name if yaml.safe_load(name) == name else json.dumps(name)


def _lines(lines: Iterator[str] | list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _filled(template: str, **values: object) -> str:
    return Template((SKELETON / template).read_text(encoding="utf-8")).substitute(values)
