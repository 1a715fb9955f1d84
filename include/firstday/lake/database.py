"""A DuckDB that raises the project's errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from include.firstday.errors import ConflictError, FatalQueryError, QueryError


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raise QueryError, or the kind of it that fits, in the place of DuckDB's error."""
    try:
        yield
    except duckdb.TransactionException as error:
        raise ConflictError(str(error)) from error
    except duckdb.FatalException as error:
        raise FatalQueryError(str(error)) from error
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def duckdb_version() -> str:
    """Return the version of DuckDB that runs the statements."""
    return str(duckdb.__version__)


class Result:
    """The rows of one statement."""

    def __init__(self, result: duckdb.DuckDBPyConnection) -> None:
        self._result = result

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return [str(column[0]) for column in self._result.description or ()]

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row. All are fetched: until then the catalog's content is held, also by who waits for a lock."""
        return next(iter(self.fetchall()), None)

    @_own_errors()
    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        rows: list[tuple[Any, ...]] = self._result.fetchall()
        return rows

    @_own_errors()
    def to_arrow_table(self) -> pa.Table:
        """All rows as an Arrow table."""
        return self._result.to_arrow_table()

    @_own_errors()
    def to_arrow_reader(self, rows: int) -> pa.RecordBatchReader:
        """The rows as Arrow batches of so many."""
        return self._result.to_arrow_reader(rows)


class Database:
    """A DuckDB of its own. What it is asked for may raise QueryError, ConflictError or FatalQueryError."""

    @_own_errors()
    def __init__(self, config: Mapping[str, object] | None = None) -> None:
        self._connection = duckdb.connect(config=dict(config or {}))

    @_own_errors()
    def execute(self, text: str, parameters: Mapping[str, object] | None = None) -> Result:
        """Run statements; the rows of the last."""
        return Result(self._connection.execute(text, parameters or None))

    @_own_errors()
    def statements(self, text: str) -> int:
        """The number of statements in a text."""
        return len(self._connection.extract_statements(text))

    @_own_errors()
    def begin(self) -> None:
        """Begin a transaction."""
        self._connection.begin()

    @_own_errors()
    def commit(self) -> None:
        """Commit the transaction."""
        self._connection.commit()

    @_own_errors()
    def rollback(self) -> None:
        """Undo the transaction."""
        self._connection.rollback()

    @_own_errors()
    def register(self, name: str, rows: pa.Table) -> None:
        """Give an Arrow table a name for statements."""
        self._connection.register(name, rows)

    @_own_errors()
    def unregister(self, name: str) -> None:
        """Take that name away."""
        self._connection.unregister(name)

    def interrupt(self) -> None:
        """End the running statement, from another thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
