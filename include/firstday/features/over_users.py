"""Work over all users: each partition of users gets all its events, and the statements of `sql/` run on it in DuckDB.

What computes a feature is the same for a micro-batch and for all users; only who brings a user's events together
differs. Locally, `events` is read once and divided by a hash of the user into files, and one partition after the other
is computed: the time is linear in the events, and the memory is that of one partition.
"""

import math
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from include.firstday.lake import checkpoints, connections
from include.firstday.lake.lake import Lake
from include.firstday.lake.written_files import PARQUET, file_sha256
from include.firstday.settings import private_folder, settings
from include.firstday.use_case.use_case import UseCase

PARTITION_EVENTS = 2_000_000  # computed at once: bounds memory
STATE = ("users", "feature_state")  # read by the statements, and empty: every user is computed from their events

# From `events` of a partition of users, and the enrichment tables, to temporary tables with a `user_id`: their names.
Work = Callable[[Lake, UseCase], Collection[str]]
Progress = Callable[[int, int, str], None]


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

    def compute(self, work: Work, number: int, events: Collection[str]) -> list[Part]:
        """Run the work on the events in some files, and write what it makes; the manifest of it."""
        target = Path(self.folder)
        with connections.scratch(self.use_case.name, spill=target / f"spill-{number}") as lake:
            lake.execute(f"use_cases/{self.use_case.name}/events")
            if events:
                lake.insert_files("events", events)
            for table, path in self.tables.items():
                lake.create_from_files(table, [path])
            made = work(lake, self.use_case)
            return [self._write(lake, table, target / f"{table}-{number:05}{PARQUET}") for table in made]

    def _write(self, lake: Lake, table: str, path: Path) -> Part:
        rows = lake.write_file(table, str(path))
        return Part(table, str(path), rows, lake.count_distinct(table, "user_id"), file_sha256(path))


class Partitions:
    """All users' events up to a micro-batch, divided into partitions of users, in files of this process."""

    def __init__(self, lake: Lake, use_case: UseCase, upto: int, folder: Path, progress: Progress) -> None:
        self._lake, self._use_case, self._folder, self._progress = lake, use_case, folder, progress
        self.count = _partitions(lake, upto)
        self._runs = 0
        with lake.snapshot():
            lake.write_partitions(
                "features/over_users/partitioned_events",
                str(folder / "events"),
                "user_partition",
                upto=upto,
                partitions=self.count,
            )
            for table in use_case.enrichment:
                lake.as_of(table, upto, into=f"shared_{table}")
            for table in STATE:
                lake.build_like(f"shared_{table}", table)
            self._tables = {table: self.share(f"shared_{table}") for table in (*use_case.enrichment, *STATE)}

    def compute(self, work: Work) -> list[Part]:
        """Run the work on one partition after the other; the manifest of what it made."""
        self._runs += 1
        folder = self._folder / f"made-{self._runs}"
        folder.mkdir()
        kernel, parts = Kernel(self._use_case, self._tables, str(folder)), []
        for number in range(self.count):
            events = sorted((self._folder / "events" / f"user_partition={number}").glob(f"*{PARQUET}"))
            parts += kernel.compute(work, number, [str(path) for path in events])
            self._progress(number + 1, self.count, f"part {number + 1} of {self.count} computed")
        return parts

    def share(self, table: str) -> str:
        """Move a temporary table into a file that the work on each partition may read; its path."""
        path = str(self._folder / f"{table}{PARQUET}")
        self._lake.write_file(table, path)
        self._lake.drop(table)
        return path


def _none(done: int, total: int, text: str) -> None:
    """Report nothing."""


@contextmanager
def over_users(lake: Lake, use_case: UseCase, upto: int, progress: Progress = _none) -> Iterator[Partitions]:
    """Divide all events up to a micro-batch by user, for work on all users. The files are deleted at the end."""
    folder = connections.spill_folder(settings())
    private_folder(folder)
    try:
        yield Partitions(lake, use_case, upto, folder, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def load(lake: Lake, name: str, table: str, parts: Collection[Part]) -> None:
    """Store the rows of a table that the work made in the temporary table `name`, replacing it."""
    lake.build_files(name, [part.path for part in parts if part.table == table])


def _partitions(lake: Lake, upto: int) -> int:
    if count := settings().engine_partitions:
        return count
    return max(1, math.ceil(checkpoints.stored(lake, upto).rows_stored / PARTITION_EVENTS))
