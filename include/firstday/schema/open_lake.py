"""Open a use case's part of the lake; create or migrate its tables first, if necessary."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from include.firstday.errors import LakeError, QueryError
from include.firstday.lake import connections
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.schema.readiness import is_ready
from include.firstday.use_case.use_case import UseCase


@contextmanager
def open_lake(
    use_case: UseCase, run: Run | None = None, read_only: bool = False, snapshot: int | None = None
) -> Iterator[Lake]:
    """Open the use case's part of the lake; for writing, it is made ready first where it is not.

    A read-only lake is opened as it is: a server that is older than the statements must not put back what newer code
    has made of them. With a snapshot, it is read as of that commit. Raises NoLakeError where there is none, LakeError
    where it cannot be opened.
    """
    if read_only or snapshot is not None:
        with connections.connect(use_case.name, run, read_only=True, snapshot=snapshot) as lake:
            yield lake
        return
    with ExitStack() as stack:
        try:
            lake = stack.enter_context(connections.connect(use_case.name, run))
            ready = is_ready(lake, use_case)
        except (QueryError, LakeError):
            ready = False
        if not ready:
            stack.close()
            # Rarely needed: the tables are usually up to date.
            from include.firstday.schema import create_tables

            create_tables.prepare(use_case)
            lake = stack.enter_context(connections.connect(use_case.name, run))
        yield lake
