"""One writer at a time on the lake, for every catalog. The lock of a dead process is released.

On a SQLite catalog the lock is needed for correctness. A PostgreSQL catalog would detect the conflict and roll back the
second commit; with the lock no work is lost, and maintenance never runs beside an open transaction.
"""

from types import TracebackType
from typing import Any, Protocol

from filelock import FileLock, Timeout

from include.firstday.errors import LockTimeoutError
from include.firstday.settings import Settings

LOCK_SECONDS = 300
_KEY = 0x66697273746461  # "firstda", among the advisory locks of the catalog's database

# The lock of an unreachable machine is released after 25 seconds.
_KEEPALIVES = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"


class WriteLock(Protocol):
    """A lock held inside `with`; the holder may enter it again."""

    def __enter__(self) -> Any:
        """Wait for the lock and acquire it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        """Release the lock."""


class CatalogLock:
    """A lock in the catalog's PostgreSQL, held by its own connection. Raises LockTimeoutError after LOCK_SECONDS."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._depth = 0
        self._connection: Any = None

    def __enter__(self) -> "CatalogLock":
        """Wait for the lock and acquire it."""
        if self._depth == 0:
            self._connection = self._locked()
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        self._depth -= 1
        if self._depth == 0:
            self._connection.close()

    def _locked(self) -> Any:
        import psycopg2

        options = f"{_KEEPALIVES} -c lock_timeout={LOCK_SECONDS}s"
        connection = psycopg2.connect(self._dsn, options=options, application_name="firstday write lock")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_lock(%s)", (_KEY,))
        except psycopg2.errors.LockNotAvailable as error:
            connection.close()
            raise _too_long() from error
        except BaseException:
            connection.close()
            raise
        return connection


class FolderLock(FileLock):
    """A lock on a file beside a SQLite catalog. Raises LockTimeoutError after LOCK_SECONDS."""

    def __enter__(self) -> "FolderLock":
        """Wait for the lock, and take it."""
        try:
            return super().__enter__()
        except Timeout as error:
            raise _too_long() from error


def write_lock(config: Settings) -> WriteLock:
    """Return the lock of the configured lake."""
    kind, _, where = config.catalog.partition(":")
    if kind == "postgres":
        return CatalogLock(where)
    return FolderLock(config.lake_folder / "write.lock", timeout=LOCK_SECONDS)


def _too_long() -> LockTimeoutError:
    return LockTimeoutError(f"another writer has held the write lock for {LOCK_SECONDS} seconds; retry later")
