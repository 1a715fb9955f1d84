"""Others read what is exported, and the lake itself: pandas, Polars, PyArrow, Spark, and a DuckDB without our code."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from include.firstday.lake import checkpoints, connections
from include.firstday.operations import export_tables, forget_user
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase
from tests.servers import BENCH, NO_SPARK

DAY = datetime(2026, 11, 20, 12)

PLAIN_DUCKDB = """
import duckdb, sys
connection = duckdb.connect()
for extension in sys.argv[3:]:
    connection.execute(f"load '{extension}'")
connection.execute(f"attach 'ducklake:sqlite:{sys.argv[1]}' as lake (data_path '{sys.argv[2]}', read_only)")
connection.execute("set disabled_optimizers = 'statistics_propagation'")
print(connection.execute("select count(*), max(probability) from lake.first_day_churn.predictions").fetchone())
"""

SPARK = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
features = spark.read.parquet(f"{sys.argv[1]}/user_features.parquet").count()
days = spark.read.parquet(f"{sys.argv[1]}/predictions").groupBy("scored_on").count().orderBy("scored_on").collect()
print(features, [(str(day["scored_on"]), day["count"]) for day in days])
"""


def add(case: UseCase, users: int, scored_at: datetime) -> None:
    """Some users of one micro-batch, registered and scored."""
    with open_lake(case) as lake, lake.transaction():
        after = checkpoints.of(lake, "score_users")
        ids = [f"u{after}-{number}" for number in range(users)]
        lake.append("users", pa.table({"user_id": ids, "registered_at": [scored_at] * users}))
        rows = {"user_id": ids, "scored_at": [scored_at] * users, "probability": [0.25] * users}
        lake.append("predictions", pa.table(rows | {"batch_id": [after + 1] * users, "model_version": [1] * users}))
        checkpoints.advance(lake, "score_users", after, after + 1)


@pytest.fixture
def exported(churn: UseCase) -> Path:
    add(churn, 3, DAY)
    add(churn, 2, DAY + timedelta(days=1))
    assert export_tables.export_tables(churn) == export_tables.Exported(users=5, predictions=5, days=2)
    return export_tables.folder(churn)


def test_pandas_reads_it(churn: UseCase, exported: Path) -> None:
    features = pd.read_parquet(exported / "user_features.parquet")
    assert list(features["user_id"]) == ["u0-0", "u0-1", "u0-2", "u1-0", "u1-1"]
    assert set(churn.features) < set(features.columns)
    predictions = pd.read_parquet(exported / "predictions")
    assert predictions.groupby("scored_on", observed=True)["user_id"].count().to_dict() == {
        "2026-11-20": 3,
        "2026-11-21": 2,
    }


def test_pyarrow_reads_a_day_of_it(exported: Path) -> None:
    days = pyarrow.dataset.dataset(exported / "predictions", partitioning="hive")
    assert days.to_table(filter=pyarrow.dataset.field("scored_on") == "2026-11-21").num_rows == 2


def test_polars_reads_it(exported: Path) -> None:
    predictions = pl.scan_parquet(exported / "predictions" / "**" / "*.parquet", hive_partitioning=True)
    days = predictions.group_by("scored_on").len().sort("scored_on").collect()
    assert [(str(day), count) for day, count in days.rows()] == [("2026-11-20", 3), ("2026-11-21", 2)]
    assert pl.read_parquet(exported / "user_features.parquet").height == 5


@pytest.mark.slow
@pytest.mark.skipif(bool(NO_SPARK), reason=NO_SPARK)
def test_spark_reads_it(exported: Path) -> None:
    ran = subprocess.run(
        [BENCH / "bin" / "python", "-c", SPARK, exported], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.stdout.strip() == "5 [('2026-11-20', 3), ('2026-11-21', 2)]", ran.stderr


def test_a_plain_duckdb_attaches_the_lake_read_only(churn: UseCase, exported: Path) -> None:
    config = settings()
    extensions = [str(connections.extension_file(name)) for name in ("sqlite_scanner", "ducklake")]
    command = [sys.executable, "-c", PLAIN_DUCKDB, config.catalog.partition(":")[2], config.data_path, *extensions]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.strip() == "(5, 0.25)", ran.stderr


def test_a_day_that_is_over_is_not_written_again(churn: UseCase, exported: Path) -> None:
    first, last = (exported / "predictions" / f"scored_on=2026-11-{day}" / "predictions.parquet" for day in (20, 21))
    before = first.stat().st_mtime_ns
    add(churn, 4, DAY + timedelta(days=1, hours=1))
    assert export_tables.export_tables(churn) == export_tables.Exported(users=9, predictions=6, days=1)
    assert first.stat().st_mtime_ns == before
    assert len(pd.read_parquet(last)) == 6


def test_nothing_is_an_empty_table_of_features(churn: UseCase) -> None:
    with open_lake(churn):
        pass
    assert export_tables.export_tables(churn) == export_tables.Exported(0, 0, 0)
    features = pd.read_parquet(export_tables.folder(churn) / "user_features.parquet")
    assert len(features) == 0
    assert set(churn.features) < set(features.columns)


@pytest.mark.slow
def test_who_is_forgotten_is_in_no_export(churn: UseCase, exported: Path) -> None:
    forget_user.forget_user(churn, "u0-1")
    assert "u0-1" not in list(pd.read_parquet(exported / "user_features.parquet")["user_id"])
    assert "u0-1" not in list(pd.read_parquet(exported / "predictions")["user_id"])
