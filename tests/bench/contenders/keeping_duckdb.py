"""DuckDB that keeps the events, as Parquet by day, then aggregates what it has kept: no check, no ledger."""

import tempfile
import time

from tests.bench.contenders import Rows
from tests.bench.contenders.bare_duckdb import PARQUET, aggregate, connect, features, read


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    with connect(postcodes) as connection, tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        connection.execute(
            f"copy (select *, date_trunc('day', event_time) as event_day {read(events)}) to '{folder}' "
            "(format parquet, partition_by (event_day))",
            {"path": events},
        )
        aggregate(connection, PARQUET, f"{folder}/*/*.parquet")
        seconds = time.perf_counter() - begun
        return seconds, features(connection)
