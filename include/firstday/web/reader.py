"""One read-only connection per use case, kept open: opening the lake takes longer than any query.

What was at an earlier snapshot is read by a connection of its own, of which the few last ones are kept.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import TypeVar

from include.firstday.errors import QueryError, UnknownSnapshotError
from include.firstday.lake.lake import Lake
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase, load
from include.firstday.web.cache import Memory

KEPT = 4  # readers of earlier snapshots

Answer = TypeVar("Answer")


class Reader:
    """Runs one query at a time; each reads the latest snapshot, or always the same one."""

    def __init__(self, use_case: UseCase, snapshot: int | None = None) -> None:
        self.use_case = use_case
        self.snapshot = snapshot
        self._lock = threading.Lock()
        self._memory = Memory()
        self._stack = ExitStack()
        self._lake: Lake | None = None

    def ask(self, question: Callable[[Lake], Answer], *key: object, seconds: float = 0) -> Answer:
        """Run a query; with a key and `seconds`, return a cached result that is younger than that."""
        if not seconds:
            return self._ask(question)
        return self._memory.get(lambda: self._ask(question), key, seconds)

    def forget(self) -> None:
        """Drop cached results: something has been changed from here."""
        self._memory = Memory()

    def close(self) -> None:
        """Close the connection; the next query opens a new one."""
        with self._lock:
            self._close()

    def _ask(self, question: Callable[[Lake], Answer]) -> Answer:
        with self._lock:
            try:
                return question(self._open())
            except QueryError as error:
                if self.snapshot is not None:
                    self._close()
                    raise UnknownSnapshotError(
                        f"snapshot {self.snapshot} cannot be read by the present statements, or has expired: {error}"
                    ) from error
                # The catalog was replaced, or files this connection had listed were deleted: retry on a new connection.
                self._close()
                return question(self._open())

    def _open(self) -> Lake:
        if self._lake is None:
            self._lake = self._stack.enter_context(open_lake(self.use_case, read_only=True, snapshot=self.snapshot))
        return self._lake

    def _close(self) -> None:
        self._stack.close()
        self._lake = None


def reader(name: str) -> Reader:
    """Return this process's reader of a use case, as its YAML is now. Raises UseCaseError for an unknown name."""
    use_case = load(name)
    with _readers_lock:
        known = _readers.get(name)
        if known is None or known.use_case != use_case:
            _readers[name] = Reader(use_case)
            if known:
                known.close()
        return _readers[name]


def reader_at(name: str, snapshot: int) -> tuple[Reader, datetime]:
    """This process's reader of a use case as of a snapshot, and when that was committed, naive UTC.

    Raises UnknownSnapshotError where there is no such snapshot, or not any more.
    """
    present = reader(name)
    committed = present.ask(lambda lake: lake.rows("web/reader/snapshot", snapshot_id=snapshot))
    if not committed:
        raise UnknownSnapshotError(f"no snapshot {snapshot}: it has expired, or was never committed")
    with _readers_lock:
        found = _past.pop((name, snapshot), None)
        if found is None or found.use_case != present.use_case:
            found = Reader(present.use_case, snapshot)
        _past[name, snapshot] = found
        for key in list(_past)[:-KEPT]:
            _past.pop(key).close()
    return found, committed[0]["committed_at"]


_readers: dict[str, Reader] = {}
_past: dict[tuple[str, int], Reader] = {}
_readers_lock = threading.Lock()
