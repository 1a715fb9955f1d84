"""One writer at a time on the lake, on whichever catalog it has. Whoever dies gives the lock back.

A SQLite catalog needs it to be right: it locks whole. A PostgreSQL catalog would detect the conflict and undo the
second commit; with the lock nobody's work is undone, and maintenance never meets an open transaction.
"""

from types import TracebackType
from typing import Any, Protocol

from filelock import FileLock

from include.firstday.settings import Settings

LOCK_SECONDS = 300
_KEY = 0x66697273746461  # "firstda", among the advisory locks of the catalog's database

# A machine that is gone without a word gives the lock back after 25 seconds.
_KEEPALIVES = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"


class WriteLock(Protocol):
    """Held inside `with`; the same object may be entered again while it is held."""

    def __enter__(self) -> Any:
        """Wait for the lock, and take it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        """Give it back."""


class CatalogLock:
    """A lock in the catalog's PostgreSQL, held by a connection of its own. Raises TimeoutError after LOCK_SECONDS."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._depth = 0
        self._connection: Any = None

    def __enter__(self) -> "CatalogLock":
        """Wait for the lock, and take it."""
        if self._depth == 0:
            self._connection = self._locked()
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
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
            raise TimeoutError(f"another writer has held the lake for {LOCK_SECONDS} seconds") from error
        except BaseException:
            connection.close()
            raise
        return connection


def write_lock(config: Settings) -> WriteLock:
    """The lock of the lake that the settings name."""
    kind, _, where = config.catalog.partition(":")
    if kind == "postgres":
        return CatalogLock(where)
    return FileLock(config.lake_folder / "write.lock", timeout=LOCK_SECONDS)
