"""Partitions of users with all their events, and the kernel that computes one of them in DuckDB."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from include.firstday.lake import checkpoints, connections
from include.firstday.lake.lake import OPEN_FILES, Lake
from include.firstday.lake.written_files import PARQUET, file_sha256
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

# Computed at once: bounds memory; more where there would be more files than open ones.
PARTITION_EVENTS, PARTITION_USERS = 2_000_000, 50_000
STEP_EVENTS = 50_000_000  # divided at once: until its end, a file keeps a kilobyte in memory per column of a row group
STATE = ("users", "feature_state")  # read by the statements, and empty: every user is computed from their events

# From `events` of a partition of users, and the enrichment tables, to temporary tables with a `user_id`: their names.
Work = Callable[[Lake, UseCase], Collection[str]]
Progress = Callable[[int, int, str], None]
_NOBODY: AbstractContextManager[object] = nullcontext()


@dataclass(frozen=True)
class Part:
    """A Parquet file with the rows of one table that the work on one partition of users made."""

    table: str
    path: str
    rows: int
    users: int
    sha256: str


@dataclass(frozen=True)
class Kernel:
    """Computes one partition in a DuckDB of its own. `tables`: table → Parquet file of what all partitions read."""

    use_case: UseCase
    tables: dict[str, str]
    folder: str

    def compute(
        self, work: Work, name: str, bring: Callable[[Lake], object], alone: AbstractContextManager[object] = _NOBODY
    ) -> list[Part]:
        """Run the work on `events` that `bring` makes, and write what it makes under a name; the manifest of it.

        `alone`: entered when the events are there, so that what brings them is never kept waiting.
        """
        target = Path(self.folder)
        with connections.scratch(self.use_case.name, spill=target / f"spill-{name}") as lake:
            bring(lake)
            with alone:
                for table, path in self.tables.items():
                    lake.create_from_files(table, [path])
                made = work(lake, self.use_case)
                return [self._write(lake, table, target / f"{table}-{name}{PARQUET}") for table in made]

    def _write(self, lake: Lake, table: str, path: Path) -> Part:
        rows = lake.write_file(table, str(path))
        return Part(table, str(path), rows, lake.count_distinct(table, "user_id"), file_sha256(path))


class Partitions(ABC):
    """All users' events up to a micro-batch, divided into partitions of users."""

    def __init__(self, lake: Lake, use_case: UseCase, upto: int, folder: Path, progress: Progress) -> None:
        self.lake, self.use_case, self.folder, self.progress = lake, use_case, folder, progress
        self.count = _count(lake, upto)
        with lake.snapshot():
            self.divide(upto)
            for table in use_case.enrichment:
                lake.as_of(table, upto, into=f"shared_{table}")
            for table in STATE:
                lake.build_like(f"shared_{table}", table)
            tables = {table: self.share(f"shared_{table}") for table in (*use_case.enrichment, *STATE)}
        self.kernel = Kernel(use_case, tables, str(folder))

    @abstractmethod
    def divide(self, upto: int) -> None:
        """Note or copy the events up to a micro-batch, as of the snapshot that the lake reads."""

    @abstractmethod
    def compute(self, work: Work, together: int = 1) -> list[Part]:
        """Run the work on each partition; the manifest of what it made.

        `together`: that many partitions may be computed as one, as the work reads the events of one in so many users.
        """

    def share(self, table: str) -> str:
        """Move a temporary table into a file that the work on each partition may read; its path."""
        path = str(self.folder / f"{table}{PARQUET}")
        self.lake.write_file(table, path)
        self.lake.drop(table)
        return path


class LocalPartitions(Partitions):
    """Partitions in files of this process, computed one after the other."""

    def divide(self, upto: int) -> None:
        """Copy the events, some micro-batches at a time, into a folder per partition."""
        if not settings().engine_partitions:
            self.count = min(self.count, OPEN_FILES)
        self.lake.cache_no_files()
        statement = "features/over_users/partitioned_events"
        for step in self.lake.rows("features/over_users/steps", upto=upto, rows=STEP_EVENTS):
            last = step["last_batch"]
            folder = str(self.folder / f"events-{last:09}")
            self.lake.write_partitions(statement, folder, "user_partition", partitions=self.count, **step)
            self.progress(0, self.count, f"events up to micro-batch {last} divided")
        self._columns = self.lake.columns("events")

    def compute(self, work: Work, together: int = 1) -> list[Part]:
        """Run the work on some partitions after the others; the manifest of what it made."""
        parts: list[Part] = []
        for first in range(0, self.count, together):
            numbers = range(first, min(first + together, self.count))
            made = self.kernel.compute(work, f"{first:05}", partial(self._bring, numbers))
            tables = ", ".join(part.table for part in made)
            self.progress(numbers.stop, self.count, f"part {numbers.stop} of {self.count} computed: {tables}")
            parts += made
        return parts

    def _bring(self, numbers: range, lake: Lake) -> None:
        """Make `events` of partitions: a view, so that the work reads no column that it does not need."""
        files = [self.folder.glob(f"events-*/user_partition={number}/*{PARQUET}") for number in numbers]
        if paths := sorted(str(path) for path in chain.from_iterable(files)):
            lake.create_view_of_files("events", paths, self._columns)
        else:
            lake.execute(f"use_cases/{self.use_case.name}/events")


def nothing(*_: object) -> None:
    """Report nothing."""


def load(lake: Lake, name: str, table: str, parts: Collection[Part], like: str = "") -> None:
    """Store the rows of a table that the work made in the temporary table `name`, with the columns of `like`."""
    paths = [part.path for part in parts if part.table == table]
    if like:  # whose columns are in another order where a lake was migrated
        lake.build_like(name, like)
        lake.insert_files(name, paths)
    else:
        lake.build_files(name, paths)


def _count(lake: Lake, upto: int) -> int:
    if count := settings().engine_partitions:
        return count
    events, users = checkpoints.stored(lake, upto).rows_stored, lake.count("users")
    return max(1, math.ceil(events / PARTITION_EVENTS), math.ceil(users / PARTITION_USERS))
