"""Queries of a person on the lake: read-only, with limits of rows and time, each on a connection of its own."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from include.firstday.errors import InputError, QueryError
from include.firstday.lake.lake import Lake
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.schemas import lake as schemas

ROWS = 2_000
SECONDS = 20.0
POLL_SECONDS = 0.1
TEXT = 500  # characters of a value
SAFE = 2**53  # beyond it a browser's numbers are not exact


class Query:
    """One query, which another thread may cancel."""

    def __init__(self, use_case: UseCase, sql: str) -> None:
        self._use_case, self._sql = use_case, sql
        self._lake: Lake | None = None
        self._is_cancelled = threading.Event()

    def run(self) -> schemas.QueryResult:
        """Return the first rows. Raises InputError with DuckDB's message for a query that cannot be run."""
        begun = time.perf_counter()
        try:
            with open_lake(self._use_case, read_only=True) as lake:
                self._lake = lake
                if self._is_cancelled.is_set():
                    raise QueryError("INTERRUPT")
                found = lake.first_rows(self._sql, ROWS + 1)
                self._lake = None
        except QueryError as error:
            if self._is_cancelled.is_set():
                raise InputError(f"the query was cancelled, or took longer than {SECONDS:g} s") from error
            raise InputError(str(error)) from error
        rows = [[plain(value) for value in row.values()] for row in found.slice(0, ROWS).to_pylist()]
        return schemas.QueryResult(
            columns=found.column_names,
            rows=rows,
            is_cut=found.num_rows > ROWS,
            seconds=round(time.perf_counter() - begun, 3),
        )

    def cancel(self) -> None:
        """End the query as soon as possible."""
        self._is_cancelled.set()
        if self._lake is not None:
            self._lake.interrupt()


async def run(use_case: UseCase, sql: str, is_gone: Callable[[], Awaitable[bool]]) -> schemas.QueryResult:
    """Run a query until it ends, its time is over, or who has asked is gone."""
    query = Query(use_case, sql)
    task = asyncio.ensure_future(asyncio.to_thread(query.run))
    ends = time.monotonic() + SECONDS
    while not task.done():
        await asyncio.wait({task}, timeout=POLL_SECONDS)
        if not task.done() and (time.monotonic() > ends or await is_gone()):
            query.cancel()
    return task.result()


def plain(value: Any) -> Any:
    """A value as JSON can hold it: what has no exact form there is text."""
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < SAFE):
        return value if value == value else None  # NaN is none in JSON
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else str(value)[:TEXT]
