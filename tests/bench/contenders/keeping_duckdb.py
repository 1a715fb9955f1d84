"""DuckDB that keeps the events, as Parquet by hour, then aggregates what it has kept: no check, no ledger."""

import tempfile
import time

from tests.bench.contenders import Rows
from tests.bench.contenders.bare_duckdb import READ, aggregate, connect, features


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    with connect(postcodes) as connection, tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        connection.execute(
            f"copy (select *, date_trunc('hour', event_time) as event_hour {READ}) to '{folder}' "
            "(format parquet, partition_by (event_hour))",
            {"path": events},
        )
        aggregate(connection, "from read_parquet($path)", f"{folder}/*/*.parquet")
        seconds = time.perf_counter() - begun
        return seconds, features(connection)
