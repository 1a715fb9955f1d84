"""What DuckLake leaves in a SQLite catalog. Each function needs the write lock; other catalogs stay as they are."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from include.firstday.errors import LakeError
from include.firstday.lake.statements import statement
from include.firstday.lake.write_lock import LOCK_SECONDS
from include.firstday.settings import settings


def drop_statistics(schema: str) -> None:
    """Delete the ranges of a schema's columns by which no statement leaves out files.

    DuckDB reads the ranges of all columns and files at each statement with a filter
    (docs/concepts/adr/0036-the-catalog-has-the-ranges-of-few-columns.md).
    """
    with _connection() as catalog:
        if catalog:
            _drop_statistics(catalog, schema)


def shrink(schema: str) -> None:
    """Remove deleted content from the catalog's file. Raises LakeError if a reader holds it for too long."""
    with _connection() as catalog:
        if not catalog:
            return
        _drop_statistics(catalog, schema)
        # DuckLake widens a table's statistics with each row and does not always narrow them when rows go.
        catalog.execute(statement("lake/narrow_statistics").text)
        catalog.execute("vacuum")
        (is_busy, *_) = catalog.execute("pragma wal_checkpoint(truncate)").fetchone()
    if is_busy:
        raise LakeError(f"{settings().catalog}: a reader still holds the catalog's old content; retry")


def _drop_statistics(catalog: sqlite3.Connection, schema: str) -> None:
    drop = statement("lake/drop_statistics")
    catalog.execute(drop.text, drop.bind({"schema": schema}))


@contextmanager
def _connection() -> Iterator[sqlite3.Connection | None]:
    kind, _, path = settings().catalog.partition(":")
    if kind != "sqlite":
        yield None
        return
    with closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as catalog:
        yield catalog
