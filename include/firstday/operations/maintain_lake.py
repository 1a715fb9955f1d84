"""Maintenance: keeps the number of files, the catalog and landing's archive bounded, beside running micro-batches.

DuckLake's functions are called one by one, each under the write lock and for itself, so that micro-batches can
run in between and an exhausted budget stops after a whole step. A damaged data file ends the run before anything is
merged or deleted: what could replace the file may be among it.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.errors import OrphansError
from include.firstday.lake import clock, connections, sqlite_catalog
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.operations import verify
from include.firstday.privacy import person_data
from include.firstday.schema.create_tables import PARTITIONED, SORTED
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

REWRITTEN = ("users", "feature_state", "checkpoints")
REWRITE_FROM = 0.1  # the share of a file's rows that are gone
VERIFIED_SHARE = 1 / 24  # of the data files, in each hour; each is read once a day
ORPHANS_SHARE = 0.5  # more orphans than that share of the known files: not leftovers of the killed, but a wrong catalog
SORTED_ROW_GROUP = 4096  # rows of a sorted table, of which a row that is looked up may be one: they are read as a whole
MERGED_AT_ONCE = 10  # partitions: some have millions of rows, and all of a call are in memory together
DAYS_BYTES = 64_000_000  # files of days that have more are left: a busy day's would be written anew each hour
ANY_BYTES = 2**62
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
    artifacts: datetime

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
            artifacts=now - timedelta(days=settings().artifact_days),
        )


def maintain_lake(
    use_case: UseCase, run: Run | None = None, budget_seconds: float = 300, limits: Limits | None = None
) -> list[str]:
    """Run the steps in order within the time budget; return the names of those done. The next run does the rest.

    Raises DamagedFilesError where a data file is not what was written, OrphansError.
    """
    limits = limits or Limits.at(clock.now())
    ends = time.monotonic() + budget_seconds
    done = []
    with open_lake(use_case, run or Run(task="maintain_lake")) as lake:
        lake.cache_no_files()
        verify.check(verify.verify(VERIFIED_SHARE))
        _drop_files(use_case, limits)
        for what, step in _steps(lake, limits):
            if time.monotonic() > ends:
                log.warning("the time budget of %s s ended before: %s", budget_seconds, what)
                break
            # The lock is held for a piece of the merging at a time: stages take their turns in between.
            while (is_more := step()) and time.monotonic() <= ends:
                pass
            if not is_more:
                done.append(what)
    log.info("done: %s", ", ".join(done))
    return done


def drop_consumed(use_case: UseCase, before: datetime) -> int:
    """Delete landing files that were consumed before a moment (naive UTC); their number."""
    # A file's time of change is when it was moved to `consumed/`; that of its content may be long before.
    return _drop(landing.folder(use_case.name) / landing.CONSUMED, "*", before)


def drop_partial(use_case: UseCase, before: datetime) -> int:
    """Delete files that processes, killed before a moment (naive UTC), were writing; their number."""
    suffixes = landing.PARTIAL, person_data.SCRUBBED
    return sum(_drop(folder, f".*{suffix}", before) for folder in data_folders(use_case) for suffix in suffixes)


def data_folders(use_case: UseCase) -> tuple[Path, ...]:
    """Where files of rows are kept outside the lake: the landing folder first, then what was written from the lake."""
    places = settings().landing, settings().published, settings().training, settings().exports
    return tuple(place / use_case.name for place in places)


def drop_published(use_case: UseCase, before: datetime) -> int:
    """Delete files of predictions that were published before a moment (naive UTC); return their number."""
    return _drop(publish_predictions.folder(use_case), publish_predictions.PATTERN, before)


def drop_training_sets(use_case: UseCase, before: datetime) -> int:
    """Delete training sets that were built before a moment (naive UTC): MLflow has them; return their files' number."""
    return _drop(settings().training / use_case.name, "*", before)


def purge(lake: Lake) -> None:
    """Leave nothing on disk of rows that were deleted, nor of any older snapshot. Needs the write lock.

    Raises DamagedFilesError, OrphansError.
    """
    for table in sorted(lake.tables() - lake.views()):
        verify.check_sources(lake, lake.schema, table)
        _compact(lake, "rewrite_files", table=table, schema=lake.schema, threshold=0)
    verify.record(lake)
    tomorrow = clock.now() + DAY
    if old := _snapshots(lake, tomorrow, tomorrow):
        _call(lake, "expire_snapshots", versions=old)
    _call(lake, "cleanup_files", before=tomorrow)
    _delete_orphans(lake, tomorrow, math.inf)  # a killed task may have left many, and the person in them
    sqlite_catalog.shrink(lake.schema)
    connections.drop_dead_spill()


def _steps(lake: Lake, limits: Limits) -> Iterator[tuple[str, Callable[[], bool]]]:
    """What is done, in order: for people, and as a call that returns whether more of it is left to do."""
    for schema, table in (*((lake.schema, table) for table in REWRITTEN), (verify.SCHEMA, verify.TABLE)):
        verify.check_sources(lake, schema, table)
        yield f"rewrite {table}", partial(_rewrite, lake, schema, table)
    for table in SORTED:
        yield f"set row groups of {table}", partial(_set_row_group, lake, table)
    own = sorted(lake.tables() - lake.views())
    for schema, table in (*((lake.schema, table) for table in own), (verify.SCHEMA, verify.TABLE)):
        verify.check_sources(lake, schema, table)
        yield f"merge {table}", partial(_merge, lake, schema, table)
    yield "drop statistics", partial(_drop_statistics, lake)
    yield "keep hashes", partial(_record, lake)
    # By id: on SQLite, DuckLake compares times as text, in which a whole day is older than any moment of it.
    if old := _snapshots(lake, limits.snapshots, limits.thinned):
        yield f"expire {len(old)} snapshots", partial(_call, lake, "expire_snapshots", versions=old)
    # For the same reason up to the end of the day before; there is no list of these files to choose from.
    day_before = limits.unneeded.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(microseconds=1)
    yield f"delete files unneeded since {day_before}", partial(_call, lake, "cleanup_files", before=day_before)
    yield (
        f"delete orphans of before {limits.leftovers}",
        partial(_delete_orphans, lake, limits.leftovers, ORPHANS_SHARE),
    )


def _compact(lake: Lake, statement: str, **parameters: object) -> bool:
    """Merge or rewrite files in a transaction, which records the hashes of the new ones; whether any were."""
    with lake.transaction() as commit:
        changed = lake.rows(f"operations/maintain_lake/{statement}", **parameters)
        commit.message = f"{statement.replace('_', ' ')} of {parameters['table']}"
    return bool(changed)


def _merge(lake: Lake, schema: str, table: str) -> bool:
    below = DAYS_BYTES if table in PARTITIONED else ANY_BYTES
    return _compact(lake, "merge_files", table=table, schema=schema, partitions=MERGED_AT_ONCE, bytes=below)


def _rewrite(lake: Lake, schema: str, table: str) -> bool:
    _compact(lake, "rewrite_files", table=table, schema=schema, threshold=REWRITE_FROM)
    return False


def _set_row_group(lake: Lake, table: str) -> bool:
    with lake.exclusive():
        lake.set_row_group(table, SORTED_ROW_GROUP)
    return False


def _drop_statistics(lake: Lake) -> bool:
    with lake.exclusive():
        sqlite_catalog.drop_statistics(lake.schema)
    return False


def _record(lake: Lake) -> bool:
    verify.record(lake)
    return False


def _call(lake: Lake, statement: str, **parameters: object) -> bool:
    """One of DuckLake's functions that commit by themselves, under the write lock."""
    with lake.exclusive():
        lake.rows(f"operations/maintain_lake/{statement}", **parameters)
    return False


def _delete_orphans(lake: Lake, before: datetime, share: float) -> bool:
    """Delete what killed processes left in the data folder, if it can be that. Raises OrphansError."""
    with lake.exclusive():
        orphans = _orphans(lake, before)
        known = len(lake.rows(f"{verify.SQL}/known_files"))
        if len(orphans) > share * known:
            raise OrphansError(f"{_described(orphans)}, but knows {known:,}. {_REMEDY}")
        made_at = min(row["built_at"] for row in lake.rows_of("schema_history"))
        if older := _orphans(lake, min(before, made_at - DAY)):
            raise OrphansError(f"{_described(older)}, written before the lake was made at {made_at}. {_REMEDY}")
        if orphans:
            _orphans(lake, before, is_rehearsal=False)
    return False


def _orphans(lake: Lake, before: datetime, is_rehearsal: bool = True) -> list[dict[str, Any]]:
    return lake.rows("operations/maintain_lake/delete_orphans", before=before, is_rehearsal=is_rehearsal)


def _described(orphans: list[dict[str, Any]]) -> str:
    return f"the catalog does not know {len(orphans):,} data files, as {orphans[0]['path']}"


_REMEDY = (
    "None was deleted. Where an older catalog stands in for a newer one, restore the newer (firstday restore); where "
    "the files are of no use, move them out of the data folder"
)


def _snapshots(lake: Lake, before: datetime, thinned: datetime) -> list[int]:
    return [
        row["snapshot_id"]
        for row in lake.rows("operations/maintain_lake/old_snapshots", before=before, thinned_before=thinned)
    ]


def _drop_files(use_case: UseCase, limits: Limits) -> None:
    consumed, partials = drop_consumed(use_case, limits.consumed), drop_partial(use_case, limits.leftovers)
    published, trained = drop_published(use_case, limits.artifacts), drop_training_sets(use_case, limits.artifacts)
    spills = connections.drop_dead_spill()
    log.info("dropped: %d consumed files, %d partial files, %d spill folders", consumed, partials, spills)
    log.info("dropped: %d published files, %d files of training sets", published, trained)


def _drop(folder: Path, pattern: str, before: datetime) -> int:
    oldest = before.replace(tzinfo=UTC).timestamp()
    old = [path for path in folder.rglob(pattern) if path.is_file() and path.stat().st_ctime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    for parent in {path.parent for path in old} - {folder}:
        with suppress(OSError):  # something is in it, or has just come
            parent.rmdir()
    return len(old)
