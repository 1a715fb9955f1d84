"""Maintenance: keeps the number of files, the catalog and landing's archive bounded, beside running micro-batches.

DuckLake's functions are called one by one, each under the write lock and for itself, so that micro-batches get their
turn in between and an exhausted budget stops after a whole step.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.lake import clock, connections
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

REWRITTEN = ("users", "feature_state", "checkpoints")
REWRITE_FROM = 0.1  # the share of a file's rows that are gone
MERGE = "merge_files"
MERGED_AT_ONCE = 50  # partitions: some have millions of rows, and all of a call are in memory together
DAY = timedelta(days=1)
THINNED_AFTER = timedelta(hours=1)  # longer than any transaction lasts; each minute's files are read with the catalog


@dataclass(frozen=True)
class Limits:
    """From before which moments (naive UTC) snapshots, files no snapshot needs, and leftovers of the killed may go.

    Of snapshots from before `thinned` one an hour stays, until `snapshots`. Files go a day or more ago: an open
    transaction may need what is younger. Tests that know theirs pass others.
    """

    thinned: datetime
    snapshots: datetime
    unneeded: datetime
    leftovers: datetime
    consumed: datetime

    @classmethod
    def at(cls, now: datetime) -> "Limits":
        """The limits by the settings, as of a moment."""
        retention = max(timedelta(days=settings().retention_days), DAY)
        return cls(
            thinned=now - THINNED_AFTER,
            snapshots=now - retention,
            unneeded=now - DAY,
            leftovers=now - 2 * DAY,
            consumed=now - retention,
        )


def maintain_lake(
    use_case: UseCase, run: Run | None = None, budget_seconds: float = 300, limits: Limits | None = None
) -> list[str]:
    """Do the steps in order until the budget is spent; the names of those done. The rest waits for the next run."""
    limits = limits or Limits.at(clock.now())
    ends = time.monotonic() + budget_seconds
    done = []
    with open_lake(use_case, run or Run(task="maintain_lake")) as lake:
        lake.cache_no_files()
        for what, statement, parameters in _steps(lake, limits):
            if time.monotonic() > ends:
                log.warning("the time budget of %s s is spent before: %s", budget_seconds, what)
                break
            # The lock is held for a piece of the merging at a time: stages take their turns in between.
            is_done = False
            while not is_done and time.monotonic() <= ends:
                with lake.exclusive():
                    changed = lake.rows(f"operations/maintain_lake/{statement}", **parameters)
                is_done = statement != MERGE or not changed
            if is_done:
                done.append(what)
    dropped = (
        drop_consumed(use_case, limits.consumed),
        drop_partial(use_case, limits.leftovers),
        connections.drop_dead_spill(),
    )
    log.info("done: %s; dropped: %d consumed files, %d partial files, %d spill folders", ", ".join(done), *dropped)
    return done


def drop_consumed(use_case: UseCase, before: datetime) -> int:
    """Delete landing files that were consumed before a moment (naive UTC); their number."""
    # A file's time of change is when it was moved to `consumed/`; that of its content may be long before.
    return _drop(landing.folder(use_case.name) / landing.CONSUMED, "*", before)


def drop_partial(use_case: UseCase, before: datetime) -> int:
    """Delete files that processes, killed before a moment (naive UTC), were writing; their number."""
    folders = landing.folder(use_case.name), publish_predictions.folder(use_case)
    return sum(_drop(folder, f".*{landing.PARTIAL}", before) for folder in folders)


def purge(lake: Lake) -> None:
    """Leave nothing on disk of rows that were deleted, nor of any older snapshot. Needs the write lock."""
    for table in sorted(lake.tables() - lake.views()):
        lake.rows("operations/maintain_lake/rewrite_files", table=table, schema=lake.schema, threshold=0)
    tomorrow = clock.now() + DAY
    if old := _snapshots(lake, tomorrow, tomorrow):
        lake.rows("operations/maintain_lake/expire_snapshots", versions=old)
    for statement in ("cleanup_files", "delete_orphans"):
        lake.rows(f"operations/maintain_lake/{statement}", before=tomorrow)
    lake.shrink_catalog()
    connections.drop_dead_spill()


def _steps(lake: Lake, limits: Limits) -> Iterator[tuple[str, str, dict[str, object]]]:
    """What is done, in order: for people, as a statement, with its parameters."""
    rewritten = {"schema": lake.schema, "threshold": REWRITE_FROM}
    for table in REWRITTEN:
        yield f"rewrite {table}", "rewrite_files", {"table": table, **rewritten}
    for table in sorted(lake.tables() - lake.views()):
        yield f"merge {table}", MERGE, {"table": table, "schema": lake.schema, "partitions": MERGED_AT_ONCE}
    # By id: on SQLite, DuckLake compares times as text, in which a whole day is older than any moment of it.
    if old := _snapshots(lake, limits.snapshots, limits.thinned):
        yield f"expire {len(old)} snapshots", "expire_snapshots", {"versions": old}
    # For the same reason up to the end of the day before; there is no list of these files to choose from.
    day_before = limits.unneeded.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(microseconds=1)
    yield f"delete files unneeded since {day_before}", "cleanup_files", {"before": day_before}
    yield f"delete orphans of before {limits.leftovers}", "delete_orphans", {"before": limits.leftovers}


def _snapshots(lake: Lake, before: datetime, thinned: datetime) -> list[int]:
    return [
        row["snapshot_id"]
        for row in lake.rows("operations/maintain_lake/old_snapshots", before=before, thinned_before=thinned)
    ]


def _drop(folder: Path, pattern: str, before: datetime) -> int:
    oldest = before.replace(tzinfo=UTC).timestamp()
    old = [path for path in folder.rglob(pattern) if path.is_file() and path.stat().st_ctime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
