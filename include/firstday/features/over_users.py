"""Work over all users: each partition of users gets all its events, and the statements of `sql/` run on it in DuckDB.

What computes a feature is the same for a micro-batch and for all users; only who brings a user's events together
differs. Locally, `events` is read once and divided by a hash of the user into files, and one partition after the other
is computed: the time is linear in the events, and the memory is that of one partition. With `FIRSTDAY_ENGINE=spark`, a
Spark cluster shuffles the events (`spark_partitions`).
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from include.firstday.features import spark_partitions
from include.firstday.features.partitions import LocalPartitions, Partitions, Progress, nothing
from include.firstday.lake import connections
from include.firstday.lake.lake import Lake
from include.firstday.settings import private_folder, settings
from include.firstday.use_case.use_case import UseCase


@contextmanager
def over_users(lake: Lake, use_case: UseCase, upto: int, progress: Progress = nothing) -> Iterator[Partitions]:
    """Divide all events up to a micro-batch by user, for work on all users. The files are deleted at the end.

    Raises EngineError, before any work, where the engine of the settings cannot do it.
    """
    folder = connections.spill_folder(settings())
    private_folder(folder)
    try:
        if settings().engine == "spark":
            with spark_partitions.connected(use_case, folder) as partitions:
                yield partitions(lake, use_case, upto, folder, progress)
        else:
            yield LocalPartitions(lake, use_case, upto, folder, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
