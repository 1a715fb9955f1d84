"""The event handler: the one input for all events, whatever their source.

Consumes landing files oldest first, checks every row against the contract, and appends the good ones to `events`, the
refused ones to `rejected_events`, both with the files' ledger entries in one transaction: a micro-batch.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.firstday import contract, forgotten, lake, landing, readers, sql, traces, translate
from include.firstday.lake import Lake, Run
from include.firstday.landing import LandingFile
from include.firstday.prepare import open_lake
from include.firstday.settings import settings
from include.firstday.shards import WHOLE, Shard
from include.firstday.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "store_events"
SQL = f"stages/{STAGE}"
FILE_LIMIT = 500  # landing files one micro-batch takes at most: each costs time, however small
ROW_LIMIT = 1_000_000  # and rows, where files say how many they hold: a few megabytes of Parquet can be millions
TURN_SECONDS = 180.0  # after which a task leaves the rest of a backlog to the next run


@dataclass(frozen=True)
class MicroBatch:
    """What one micro-batch stored. `batch_id` is None where every file had been consumed before."""

    batch_id: int | None
    files: int
    rows_stored: int
    rows_rejected: int
    files_waiting: int = 0
    bytes_waiting: int = 0


@dataclass(frozen=True)
class _Consumed:
    file: LandingFile
    sha256: str
    rows_stored: int
    rows_rejected: int
    is_readable: bool = True
    forgotten: tuple[traces.Person, ...] = ()  # whose rows it brought, which are not kept


class _Moved(Exception):
    """A file was moved or replaced while it was read; nothing of what was read may stay."""


def store_events(
    use_case: UseCase,
    run: Run | None = None,
    on_batch: Callable[[MicroBatch], None] | None = None,
    seconds: float = math.inf,
    shard: Shard = WHOLE,
) -> list[MicroBatch]:
    """Store what waits in landing, one bounded micro-batch after the other, oldest first; the micro-batches stored.

    A shard takes its share of the files, beside the others. After `seconds` no other micro-batch is begun, so that the
    later stages get their turn; what still waits is the next run's.
    """
    batches: list[MicroBatch] = []
    ends = time.monotonic() + seconds
    run = run or Run(task=STAGE)
    while time.monotonic() < ends and (batch := store_micro_batch(use_case, run, shard)) is not None:
        if batch.batch_id is not None:
            batches.append(batch)
            log.info("%s", describe(batch))
            if on_batch:
                on_batch(batch)
    return batches


def describe(batch: MicroBatch) -> str:
    """One line for people."""
    return (
        f"micro-batch {batch.batch_id}: {batch.rows_stored:,} events stored, "
        f"{batch.rows_rejected:,} rejected, from {batch.files:,} files"
        + (f"; {batch.files_waiting:,} files, {batch.bytes_waiting / 1e6:,.1f} MB, wait" if batch.files_waiting else "")
    )


@lake.retrying
def store_micro_batch(use_case: UseCase, run: Run, shard: Shard = WHOLE) -> MicroBatch | None:
    """Store the oldest files as one micro-batch, within the limits of bytes, rows and files; None if nothing waits."""
    waiting = _waiting(use_case, shard)
    files = _take(waiting)
    if not files:
        return None
    started_at = lake.now()
    with open_lake(use_case, run) as opened:
        consumed, repeated = _stage(opened, use_case, files, started_at)
        batch, is_anyone_forgotten = MicroBatch(None, 0, 0, 0), forgotten.is_anyone(opened)
        if consumed:
            batch, consumed = _commit(opened, use_case, consumed, started_at)
    for file in repeated:
        log.warning("%s holds bytes that were stored before; it is not stored again", file.name)
        if is_anyone_forgotten:
            landing.drop(file)  # what is kept of the first may be without them
        else:
            landing.retire(use_case.name, file)
    for entry in consumed:
        _retire(use_case, entry)
    later = waiting[len(files) :]
    return replace(batch, files_waiting=len(later), bytes_waiting=sum(file.bytes for file in later))


def _waiting(use_case: UseCase, shard: Shard) -> list[LandingFile]:
    """The shard's files. Corrections of enrichment tables are all the first one's, as their order counts."""
    waiting = landing.pending(use_case.name, tuple(use_case.enrichment))
    return [
        file for file in waiting if (shard.takes(file.name) if file.table == "events" else shard.number == WHOLE.number)
    ]


def _retire(use_case: UseCase, entry: _Consumed) -> None:
    to = landing.CONSUMED if entry.is_readable else landing.QUARANTINE
    if entry.forgotten and entry.is_readable:
        without = partial(_copy_without, entry)
        landing.retire_rewritten(use_case.name, entry.file, to, without)
    else:
        landing.retire(use_case.name, entry.file, to)


def _copy_without(entry: _Consumed, target: Path) -> None:
    traces.copy_without(entry.file.path, target, *entry.forgotten)


def _take(waiting: list[LandingFile]) -> list[LandingFile]:
    limit, taken, rows, tables = settings().batch_megabytes * 10**6, 0, 0, set()
    for count, file in enumerate(waiting):
        taken += file.bytes
        rows += readers.row_count(file.path)
        # A second correction of the same enrichment table is the next micro-batch's: the newest counts.
        if (count and (taken > limit or rows > ROW_LIMIT)) or count == FILE_LIMIT or file.table in tables:
            return waiting[:count]
        tables |= {file.table} - {"events"}
    return waiting


def _stage(
    opened: Lake, use_case: UseCase, files: list[LandingFile], now: datetime
) -> tuple[list[_Consumed], list[LandingFile]]:
    opened.build_like("staged_events", "events", without=("batch_id", "ingested_at"))
    opened.build_like("staged_rejects", "rejected_events", without=("batch_id", "rejected_at"))
    for table in use_case.enrichment:
        opened.build_like(f"staged_{table}", table, without=("batch_id",))
    hashes = {file: sha256 for file in files if (sha256 := _sha256(file))}
    known = _known(opened, hashes.values())
    consumed: list[_Consumed] = []
    repeated: list[LandingFile] = []
    for file, sha256 in hashes.items():
        if sha256 in known:
            repeated.append(file)
            continue
        known.add(sha256)
        try:
            consumed.append(_stage_file(opened, use_case, file, sha256, now))
        except _Moved:
            _unstage(opened, file)
            log.warning("%s was moved or replaced while it was read; it is taken when it is there", file.name)
    return consumed, repeated


def _known(opened: Lake, hashes: Iterable[str]) -> set[str]:
    """Those of some files' hashes that have been consumed."""
    return {row["sha256"] for row in opened.rows(f"{SQL}/known_hashes", arriving=list(hashes))}


def _sha256(file: LandingFile) -> str | None:
    try:
        return landing.sha256(file.path)
    except OSError:
        # Cannot be read, so it has no hash; as a file like any other it goes to quarantine for that.
        return f"unread {file.name} {file.arrived_at_ns}"


def _stage_file(opened: Lake, use_case: UseCase, file: LandingFile, sha256: str, now: datetime) -> _Consumed:
    entry = _Consumed(file, sha256, 0, 0)
    try:
        entry = _stage_rows(opened, use_case, entry, now)
    except (OSError, EOFError, readers.UnreadableFile, lake.Unreadable) as error:
        if lake.is_out_of_room(error):
            raise
        if landing.is_unchanged(file):
            return _refuse_file(opened, entry, error)
    if not landing.is_unchanged(file):
        raise _Moved(file.name)
    return entry


def _stage_rows(opened: Lake, use_case: UseCase, entry: _Consumed, now: datetime) -> _Consumed:
    file, is_text = entry.file, readers.is_text(entry.file.path)
    columns = contract.expected(opened.columns(file.table))
    wanted = translate.readable(use_case, file.table, columns)
    event_type = translate.event_type_of(use_case, file.name)
    try:
        readers.read_whole(opened, file.path, wanted)
        type_rows(opened, use_case, file.table, columns, now, event_type)
        if not (is_text and opened.has_rows("broken_rows")):
            return _keep(opened, entry, "refused_records")
    except lake.Unreadable as error:
        if lake.is_out_of_room(error) or not is_text:
            raise
    for rejected in readers.read_rows(opened, file.path, wanted):
        type_rows(opened, use_case, file.table, columns, now, event_type)
        entry = _keep(opened, _refuse_lines(opened, entry, rejected), "refused_lines")
    return entry


def type_rows(
    opened: Lake, use_case: UseCase, table: str, columns: lake.Columns, now: datetime, event_type: str | None = None
) -> None:
    """From `given_rows` to `arriving_rows`, typed as the table's columns, and `broken_rows`, which break a rule.

    `event_type` is that of rows which name none.
    """
    is_event = table == "events"
    if is_event:
        translate.translate(opened, use_case, columns, event_type)
    rules = contract.event_rules(use_case, now) if is_event else contract.enrichment_rules(next(iter(columns)))
    opened.build_text("arriving_rows", contract.typed_rows(columns, opened.columns("given_rows"), rules))
    opened.build(f"{SQL}/broken_rows")
    for check in sql.below(f"use_cases/{use_case.name}/checks") if is_event else ():
        opened.insert("broken_rows", check)


def _keep(opened: Lake, entry: _Consumed, refused: str) -> _Consumed:
    constants = {"source_file": entry.file.name}
    stored = opened.insert(
        f"staged_{entry.file.table}", f"{SQL}/good_rows", **(constants if entry.file.table == "events" else {})
    )
    rejected = opened.insert("staged_rejects", f"{SQL}/{refused}", **constants)
    if stored + rejected != (arrived := opened.value(f"{SQL}/arriving_count")):
        raise RuntimeError(f"{entry.file.name}: {arrived} rows arrived, {stored} stored and {rejected} rejected")
    for table in ("given_rows", "arriving_rows"):  # what is staged needs their memory
        opened.drop(table)
    return replace(entry, rows_stored=entry.rows_stored + stored, rows_rejected=entry.rows_rejected + rejected)


def _refuse_lines(opened: Lake, entry: _Consumed, rejected: readers.Rejected) -> _Consumed:
    rows = [
        {"source_file": entry.file.name, "row_number": number, "reason": reason, "raw": raw}
        for number, reason, raw in rejected
    ]
    if rows:
        opened.append("staged_rejects", pa.Table.from_pylist(rows))
    return replace(entry, rows_rejected=entry.rows_rejected + len(rows))


def _refuse_file(opened: Lake, entry: _Consumed, error: Exception) -> _Consumed:
    """Nothing of a file that cannot be read to its end is stored: it may come again, whole."""
    _unstage(opened, entry.file)
    reason = f"file: cannot be read to its end: {str(error).splitlines()[0]}"
    row: dict[str, Any] = {"source_file": entry.file.name, "row_number": None, "reason": reason, "raw": None}
    opened.append("staged_rejects", pa.Table.from_pylist([row]))
    log.warning("%s goes to quarantine: %s", entry.file.name, reason)
    return replace(entry, rows_stored=0, rows_rejected=1, is_readable=False)


def _unstage(opened: Lake, file: LandingFile) -> None:
    if file.table == "events":
        opened.execute(f"{SQL}/unstage_events", source_file=file.name)
    else:
        opened.build_like(f"staged_{file.table}", file.table, without=("batch_id",))
    opened.execute(f"{SQL}/unstage_rejects", source_file=file.name)


def _ledger(consumed: list[_Consumed], batch_id: int) -> pa.Table:
    """Rows of `consumed_files`, appended at once: each INSERT would make a Parquet file."""
    rows = [
        {
            "source_file": entry.file.name,
            "bytes": entry.file.bytes,
            "sha256": entry.sha256,
            "rows_stored": entry.rows_stored,
            "rows_rejected": entry.rows_rejected,
            "batch_id": batch_id,
        }
        for entry in consumed
    ]
    return pa.Table.from_pylist(rows)


def _commit(
    opened: Lake, use_case: UseCase, consumed: list[_Consumed], started_at: datetime
) -> tuple[MicroBatch, list[_Consumed]]:
    with opened.transaction() as commit:
        # Others may have stored other files meanwhile, so the number is known only now; never the same ones.
        if _known(opened, (entry.sha256 for entry in consumed)):
            raise lake.ProgressMoved(f"{STAGE}: another run has stored some of these files")
        batch_id = (after := opened.progress(STAGE)) + 1
        consumed = _without_forgotten(opened, consumed)
        extent = opened.row(f"{SQL}/staged_extent")
        batch = MicroBatch(batch_id, len(consumed), extent["rows_stored"], extent["rows_rejected"])
        commit.message = describe(batch)
        now = lake.now()
        opened.insert_from("events", "staged_events", batch_id=batch_id, ingested_at=now)
        opened.insert_from("rejected_events", "staged_rejects", batch_id=batch_id, rejected_at=now)
        for table in use_case.enrichment:
            opened.insert_from(table, f"staged_{table}", batch_id=batch_id)
        opened.append("consumed_files", _ledger(consumed, batch_id))
        opened.execute(
            f"{SQL}/insert_micro_batch",
            batch_id=batch_id,
            **extent,
            airflow_run=opened.run_id,
            started_at=started_at,
            now=now,
        )
        opened.advance(STAGE, after, batch_id)
    return batch, consumed


def _without_forgotten(opened: Lake, consumed: list[_Consumed]) -> list[_Consumed]:
    """Drop what forgotten users have staged, and note in which file it came. Inside the transaction: it may be new."""
    dropped = forgotten.drop_staged(opened)
    return [
        replace(
            entry,
            rows_stored=entry.rows_stored - sum(of.events for of in found),
            rows_rejected=entry.rows_rejected - sum(of.rejects for of in found),
            forgotten=tuple(traces.Person(of.user_id) for of in found),
        )
        if (found := [of for of in dropped if of.source_file == entry.file.name])
        else entry
        for entry in consumed
    ]
