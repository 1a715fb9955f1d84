"""The event handler: the one input for all events, whatever their source.

Consumes landing files oldest first, checks every row against the contract, and appends valid ones to `events`, the
rejected ones to `rejected_events`, both with the files' ledger entries in one transaction: a micro-batch.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow as pa

from include.firstday import landing
from include.firstday.errors import CheckpointConflictError
from include.firstday.ingest import staging
from include.firstday.ingest.over_files import over_files
from include.firstday.ingest.staging import Consumed, Elsewhere
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Commit, Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.lake.words import counted
from include.firstday.landing import LandingFile
from include.firstday.privacy import person_data, tombstones
from include.firstday.records import readers
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "store_events"
FILE_LIMIT = 500  # landing files one micro-batch takes at most: each costs time, however small
ROW_LIMIT = 1_000_000  # and rows, where files say how many they hold: a few megabytes of Parquet can be millions
HISTORY_BATCHES = 8  # micro-batches that a cluster reads as one, of a history of more bytes than theirs
TURN_SECONDS = 180.0  # time budget of a task; the next run continues with the backlog


@dataclass(frozen=True)
class MicroBatch:
    """What one micro-batch stored: files, or held rows. `batch_id` is None where all had been consumed before."""

    batch_id: int | None
    files: int
    rows_stored: int
    rows_rejected: int
    files_pending: int = 0
    bytes_pending: int = 0


# Work in the transaction that stores a micro-batch at a time, after its rows: `staged_events` holds the events, too.
Within = Callable[[Lake, MicroBatch, datetime, Commit], None]


def store_events(
    use_case: UseCase,
    run: Run | None = None,
    on_batch: Callable[[MicroBatch], None] | None = None,
    seconds: float = math.inf,
    within: Within | None = None,
) -> list[MicroBatch]:
    """Store pending files, oldest first, in bounded micro-batches; return the micro-batches stored.

    After `seconds` no further micro-batch is started, so that later stages can run; the next run continues.
    """
    batches: list[MicroBatch] = []
    ends = time.monotonic() + seconds
    run = run or Run(task=STAGE)
    while time.monotonic() < ends and (batch := store_micro_batch(use_case, run, within)) is not None:
        if batch.batch_id is not None:
            batches.append(batch)
            log.info("%s", describe(batch))
            if on_batch:
                on_batch(batch)
    return batches


def describe(batch: MicroBatch) -> str:
    """Describe the result in one line."""
    if not batch.files:
        return f"micro-batch {batch.batch_id}: {counted(batch.rows_stored, 'held event')} stored"
    return (
        f"micro-batch {batch.batch_id}: {counted(batch.rows_stored, 'event')} stored, "
        f"{batch.rows_rejected:,} rejected, from {counted(batch.files, 'file')}"
        + (
            f"; {counted(batch.files_pending, 'file')}, {batch.bytes_pending / 1e6:,.1f} MB, pending"
            if batch.files_pending
            else ""
        )
    )


@retrying
def store_micro_batch(use_case: UseCase, run: Run, within: Within | None = None) -> MicroBatch | None:
    """Store the oldest files as one micro-batch, within limits of bytes, rows and files; None if none is pending."""
    waiting = landing.pending_renamed(use_case.name, tuple(use_case.enrichment))
    is_history = settings().engine == "spark" and sum(file.bytes for file in waiting) > _batch_bytes() * HISTORY_BATCHES
    files = _take(waiting, HISTORY_BATCHES if is_history else 1)
    if not files:
        return None
    later = waiting[len(files) :]
    started_at = clock.now()
    with (
        over_files() if is_history else nullcontext() as elsewhere,
        _staged(use_case, run, files, started_at, elsewhere) as (lake, staged),
    ):
        batch, is_anyone_erased = MicroBatch(None, 0, 0, 0), tombstones.is_anyone(lake)
        consumed = staged.consumed
        if consumed:
            batch, consumed = _commit(lake, use_case, consumed, started_at, within)
    for file in staged.quarantined:
        landing.retire(use_case.name, file, landing.QUARANTINE)
    for file in staged.repeated:
        log.warning("%s holds bytes that were stored before; it is not stored again", file.name)
        if is_anyone_erased:
            landing.drop(file)  # the stored copy may have been rewritten without them
        else:
            landing.retire(use_case.name, file)
    for entry in consumed:
        _retire(use_case, entry)
    return replace(batch, files_pending=len(later), bytes_pending=sum(file.bytes for file in later))


@contextmanager
def _staged(
    use_case: UseCase, run: Run, files: list[LandingFile], started_at: datetime, elsewhere: Elsewhere | None
) -> Iterator[tuple[Lake, staging.Staged]]:
    """The lake with staged files. A file that ends the connection takes no other with it: all are staged again."""
    suspects: set[LandingFile] = set()
    while True:
        with open_lake(use_case, run) as lake:
            try:
                staged = staging.stage(lake, use_case, files, started_at, suspects, elsewhere)
            except staging.ConnectionLostError as error:
                log.warning("DuckDB ended the connection; read again, each by itself: %s", error)
                suspects |= error.files
                continue
            yield lake, staged
            return


def _retire(use_case: UseCase, entry: Consumed) -> None:
    to = landing.CONSUMED if entry.is_readable else landing.QUARANTINE
    if entry.erased and not entry.is_readable:
        landing.drop(entry.file)  # as forget_user does: it serves nobody else
    elif entry.erased:
        without = partial(_copy_without, entry)
        landing.retire_rewritten(use_case.name, entry.file, to, without)
    else:
        landing.retire(use_case.name, entry.file, to)


def _copy_without(entry: Consumed, target: Path) -> None:
    person_data.copy_without(entry.file.path, target, *entry.erased)


def _batch_bytes() -> int:
    return settings().batch_megabytes * 10**6


def _take(waiting: list[LandingFile], batches: int) -> list[LandingFile]:
    """The oldest files, as many as some micro-batches may have."""
    taken, rows, tables = 0, 0, set()
    for count, file in enumerate(waiting):
        taken += file.bytes
        rows += readers.row_count(file.path)
        # A second correction of the same enrichment table is the next micro-batch's: the newest counts.
        if (
            (count and (taken > batches * _batch_bytes() or rows > batches * ROW_LIMIT))
            or count == batches * FILE_LIMIT
            or file.table in tables
        ):
            return waiting[:count]
        tables |= {file.table} - {"events"}
    return waiting


def _ledger(consumed: list[Consumed], batch_id: int) -> pa.Table:
    """Rows of `consumed_files`, appended at once: each INSERT would make a Parquet file."""
    rows = [
        {
            "source_file": entry.file.name,
            "bytes": entry.file.bytes,
            "sha256": entry.bytes.sha256,
            "rows_stored": entry.rows_stored,
            "rows_rejected": entry.rows_rejected,
            "batch_id": batch_id,
            "quarantined_ns": None if entry.is_readable else entry.file.changed_ns,
        }
        for entry in consumed
    ]
    return pa.Table.from_pylist(rows)


def _commit(
    lake: Lake, use_case: UseCase, consumed: list[Consumed], started_at: datetime, within: Within | None
) -> tuple[MicroBatch, list[Consumed]]:
    with lake.transaction() as commit:
        # Others may have stored other files meanwhile, so the number is known only now; never the same ones.
        known = staging.known_hashes(lake, (entry.bytes.sha256 for entry in consumed))
        if any(known.get(entry.bytes.sha256, set()) & {None, entry.file.changed_ns} for entry in consumed):
            raise CheckpointConflictError(f"{STAGE}: another run has stored some of these files")
        batch_id = (after := checkpoints.of(lake, STAGE)) + 1
        consumed = _without_erased(lake, consumed)
        extent = lake.row("ingest/store_events/staged_extent")
        batch = MicroBatch(batch_id, len(consumed), extent["rows_stored"], extent["rows_rejected"])
        commit.message = describe(batch)
        now = clock.now()
        lake.insert_from("events", "staged_events", batch_id=batch_id, ingested_at=now)
        lake.insert_from("rejected_events", "staged_rejects", batch_id=batch_id, rejected_at=now)
        for table in use_case.enrichment:
            lake.insert_from(table, f"staged_{table}", batch_id=batch_id)
        lake.append("consumed_files", _ledger(consumed, batch_id))
        lake.insert_row(
            "micro_batches",
            batch_id=batch_id,
            **extent,
            airflow_run=lake.run_id,
            started_at=started_at,
            committed_at=now,
        )
        checkpoints.advance(lake, STAGE, after, batch_id)
        if within is not None:
            within(lake, batch, now, commit)
    return batch, consumed


def _without_erased(lake: Lake, consumed: list[Consumed]) -> list[Consumed]:
    """Drop staged rows of erased users, and note their files. Inside the transaction: a tombstone may be new."""
    dropped = tombstones.drop_staged(lake)
    for entry in consumed:
        if entry.file.table != "events":  # one file of an enrichment table is all that is staged of it
            dropped += tombstones.drop_from(lake, f"staged_{entry.file.table}", entry.file.name)
        if not entry.is_readable:
            erased = tombstones.erased_in_file(lake, entry.file.path)
            dropped += [tombstones.Dropped(entry.file.name, user_id, 0, 0) for user_id in erased]
    return [
        replace(
            entry,
            rows_stored=entry.rows_stored - sum(of.events for of in found),
            rows_rejected=entry.rows_rejected - sum(of.rejects for of in found),
            erased=tuple(person_data.Person(of.user_id) for of in found),
        )
        if (found := [of for of in dropped if of.source_file == entry.file.name])
        else entry
        for entry in consumed
    ]
