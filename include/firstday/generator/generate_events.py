"""The stage that stands for a source: writes generated events into landing, one file a minute or an hour of history.

The same seed and minute give the same file name and bytes, so whatever is repeated is recognised as repeated.
"""

import gzip
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.firstday import landing
from include.firstday.errors import UseCaseError
from include.firstday.generator import events
from include.firstday.generator.chance import Ints, uniform
from include.firstday.generator.response import Reached
from include.firstday.lake.words import counted
from include.firstday.use_case.generator import Generator
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LATE_BY = (5, 30, 120)  # minutes
LONGEST_GAP = timedelta(days=3)
MARKER = ".generated.json"


@dataclass(frozen=True)
class Generated:
    """What was written: files, and rows in them, repeated and broken ones included."""

    files: int
    rows: int

    def __str__(self) -> str:
        return f"{counted(self.rows, 'row')} in {counted(self.files, 'file')}"


def generate_missed(
    use_case: UseCase,
    now: datetime | None = None,
    overrides: dict[str, float] | None = None,
    reached: Reached | None = None,
) -> Generated:
    """Write every whole minute between the last one written and `now`, at most three days of them.

    `reached`: users by an offer, and when, to whom the generator's response applies.

    Whole hours are a file each, or a long pause would leave thousands. What is written is remembered file by file.
    """
    end = (now or datetime.now(UTC)).astimezone(UTC).replace(second=0, microsecond=0)
    since, until = _remembered(use_case) or (end - MINUTE, end - MINUTE)
    if end - until > LONGEST_GAP:
        log.warning("events from %s to %s are left out: a pause counts for 3 days at most", until, end - LONGEST_GAP)
    config = Generator.model_validate(_config(use_case).model_dump() | (overrides or {}))
    files = rows = 0
    for first, last in _missed(max(until, end - LONGEST_GAP), end):
        size = _write(use_case, config, first, last, since, reached)
        files, rows = files + (size > 0), rows + size
        _remember(use_case, since, last)
        if last - first > MINUTE:
            log.info("missed minutes up to %s: %s rows in %s files", last, f"{rows:,}", f"{files:,}")
    return Generated(files, rows)


def generate_minutes(
    use_case: UseCase,
    start: datetime,
    end: datetime,
    overrides: dict[str, float] | None = None,
    since: datetime | None = None,
    reached: Reached | None = None,
) -> Generated:
    """Write the events of each minute from `start` to before `end` as a file of its own, with the faults asked for.

    With `since`, only of players who registered from then on. `reached`: as of `generate_missed`.
    """
    config = Generator.model_validate(_config(use_case).model_dump() | (overrides or {}))
    sizes = [_write(use_case, config, minute, minute + MINUTE, since, reached) for minute in _minutes(start, end)]
    return Generated(sum(1 for size in sizes if size), sum(sizes))


def generate_history(
    use_case: UseCase,
    end: datetime,
    days: float = 3,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Generated:
    """Write the events of the days before `end`, a whole minute, as one Parquet file an hour, without faults."""
    config = _config(use_case)
    start = (end - timedelta(days=days)).replace(second=0, microsecond=0)
    files = rows = 0
    parts = list(_hours(start, end))
    for number, (first, last) in enumerate(parts, 1):
        table = events(config, first, last, since=start)
        if table.num_rows:
            name = f"events-{first:%Y%m%dT%H%M}-{last:%H%M}.parquet"
            landing.deliver(use_case.name, name, partial(pq.write_table, table))
            files, rows = files + 1, rows + table.num_rows
        progress(number, len(parts), f"history up to {last:%Y-%m-%d %H:%M}: {rows:,} events")
    _remember(use_case, start, end)
    return Generated(files, rows)


def _config(use_case: UseCase) -> Generator:
    if use_case.generator is None:
        raise UseCaseError(f"{use_case.folder / 'use_case.yaml'}: generator: expected, to generate events; missing")
    return use_case.generator


def _write(
    use_case: UseCase,
    config: Generator,
    first: datetime,
    last: datetime,
    since: datetime | None,
    reached: Reached | None = None,
) -> int:
    lines = [line for minute in _minutes(first, last) for line in _lines(config, minute, since, reached)]
    if lines:
        ending = "ndjson" if config.format == "parquet" else config.format
        content = b"".join(lines)
        if ending.endswith(".gz"):
            # Without a time in its header, so that the same lines give the same bytes.
            content = gzip.compress(content, mtime=0)
        name = f"events-{first:%Y%m%dT%H%M}{f'-{last:%H%M}' if last - first > MINUTE else ''}.{ending}"
        landing.deliver(use_case.name, name, partial(_write_bytes, content))
    return len(lines)


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    return (start + MINUTE * count for count in range((end - start) // MINUTE))


def _missed(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Whole hours, and the minutes before and after them."""
    first = start
    while first < end:
        is_whole_hour = first.minute == 0 and first + HOUR <= end
        last = first + (HOUR if is_whole_hour else MINUTE)
        yield first, last
        first = last


def _hours(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    first = start
    while first < end:
        last = min(first.replace(minute=0) + HOUR, end)
        yield first, last
        first = last


def _remembered(use_case: UseCase) -> tuple[datetime, datetime] | None:
    """Since when players register, and up to which minute their events are written; None before the first."""
    marker = landing.folder(use_case.name) / MARKER
    if not marker.exists():
        return None
    content = json.loads(marker.read_text(encoding="utf-8"))
    return datetime.fromisoformat(content["since"]), datetime.fromisoformat(content["until"])


def _remember(use_case: UseCase, since: datetime, until: datetime) -> None:
    marker = landing.folder(use_case.name) / MARKER
    marker.parent.mkdir(parents=True, exist_ok=True)
    new = marker.with_name(f"{MARKER}{landing.PARTIAL}")
    new.write_text(json.dumps({"since": since.isoformat(), "until": until.isoformat()}), encoding="utf-8")
    new.rename(marker)


def _lines(config: Generator, minute: datetime, since: datetime | None, reached: Reached | None) -> Iterator[bytes]:
    """The lines delivered in one minute: its own events but the late ones, and those that were late before."""
    for late_by in (0, *LATE_BY) if config.late_share else (0,):
        yield from _delivered(config, minute - late_by * MINUTE, minute, since, reached)


def _delivered(
    config: Generator, happened: datetime, delivered: datetime, since: datetime | None, reached: Reached | None
) -> Iterator[bytes]:
    table = events(config, happened, happened + MINUTE, since, reached)
    position = np.arange(table.num_rows)
    key = int(happened.timestamp())
    lateness = _lateness(config, key, position)
    now = lateness == (delivered - happened) // MINUTE
    is_repeated = uniform("repeated", config.seed, key, position) < config.duplicate_share
    is_broken = uniform("broken", config.seed, key, position) < config.malformed_share
    for row, line in enumerate(_json_lines(table)):
        if now[row]:
            yield line
            if is_repeated[row]:
                yield line
            if is_broken[row]:
                # Beside the event, not in its place: what was said well is still all there.
                yield line[: len(line) // 2] + b"\n"


def _lateness(config: Generator, key: int, position: Ints) -> Ints:
    is_late = uniform("late", config.seed, key, position) < config.late_share
    choice = (uniform("late by", config.seed, key, position) * len(LATE_BY)).astype(np.int64)
    return np.where(is_late, np.asarray(LATE_BY)[choice], 0)


def _json_lines(table: pa.Table) -> Iterator[bytes]:
    """One JSON object a row, without its nulls; money with two decimals, times as ISO 8601 in UTC."""
    times = pc.strftime(table["event_time"].cast(pa.timestamp("us")), "%Y-%m-%dT%H:%M:%SZ")
    table = table.set_column(table.schema.get_field_index("event_time"), "event_time", times)
    columns = [(f'"{name}":'.encode(), _json_column(table[name])) for name in table.column_names]
    for row in range(table.num_rows):
        fields = (key + value for key, values in columns if (value := values[row]) is not None)
        yield b"{" + b",".join(fields) + b"}\n"


def _json_column(column: pa.ChunkedArray) -> list[bytes | None]:
    text = column.cast(pa.string()).to_pylist()
    if pa.types.is_decimal(column.type) or pa.types.is_integer(column.type):
        return [None if value is None else value.encode() for value in text]
    return [None if value is None else _quoted(value) for value in text]


def _quoted(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
