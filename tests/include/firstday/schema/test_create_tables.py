"""What a new lake is set to."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow.parquet as pq

from include.firstday import landing
from include.firstday.generator.events import events
from include.firstday.ingest import store_events
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

UNTIL = datetime(2026, 11, 20, 10, tzinfo=UTC)
SUM = "select count(*) as row_count, sum(bet_amount) as bet_sum, max(event_time) as last_at from events"


def test_files_of_events_have_version_2_pages_that_other_libraries_read(churn: UseCase) -> None:
    rows = events(churn.generator, UNTIL - timedelta(hours=1), UNTIL)
    landing.deliver(churn.name, "a.parquet", lambda path: pq.write_table(rows, path))
    store_events.store_events(churn)
    (file,) = (path for path in Path(settings().data_path).rglob("*.parquet") if "events" in path.parts)
    metadata = pq.ParquetFile(file).metadata
    times = metadata.schema.names.index("event_time")
    assert metadata.row_group(0).column(times).encodings == ("DELTA_BINARY_PACKED",)
    with open_lake(churn, read_only=True) as lake:
        (stored,) = lake.query(SUM).to_pylist()
    by_pandas, by_polars = pd.read_parquet(file), pl.read_parquet(file)
    expected = (stored["row_count"], stored["bet_sum"], stored["last_at"])
    assert (len(by_pandas), by_pandas["bet_amount"].dropna().sum(), by_pandas["event_time"].max()) == expected
    assert (by_polars.height, by_polars["bet_amount"].sum(), by_polars["event_time"].max()) == expected
