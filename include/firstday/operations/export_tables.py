"""Features and predictions as plain Parquet, for tools that do not read a DuckLake.

`<home>/exports/<use case>/user_features.parquet` is as of the last export; `predictions/scored_on=<day>/` holds a
file for each day, which stays as it is once the day is over. A file appears whole, and replaces the one before at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.firstday import landing
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.privacy import tombstones
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

STAGE = "export_tables"


@dataclass(frozen=True)
class Exported:
    """What an export wrote: users, and predictions of the days that were not complete before."""

    users: int
    predictions: int
    days: int


def folder(use_case: UseCase) -> Path:
    """Where the exported tables of one use case are."""
    return settings().exports / use_case.name


def export_tables(
    use_case: UseCase,
    run: Run | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Exported:
    """Write current features, and the predictions of the last exported day and all later days.

    `progress` is called at each file.
    """
    users = predictions = 0
    with open_lake(use_case, run or Run(task=STAGE), read_only=True) as lake:
        users = _put(lake, folder(use_case) / "user_features.parquet", "user_features")
        days = [row["scored_on"] for row in lake.rows("operations/export_tables/days", from_day=_last_day(use_case))]
        for number, day in enumerate(days, start=1):
            progress(number, len(days) + 1, f"exporting predictions of {day:%Y-%m-%d}")
            predictions += _put(lake, _file(use_case, day), "predictions", scored_on=day)
    return Exported(users, predictions, len(days))


def describe(exported: Exported) -> str:
    """Describe the result in one line."""
    days = "1 day" if exported.days == 1 else f"{exported.days:,} days"
    return f"{exported.users:,} users and {exported.predictions:,} predictions of {days} exported"


def _file(use_case: UseCase, day: date) -> Path:
    return folder(use_case) / "predictions" / f"scored_on={day:%Y-%m-%d}" / "predictions.parquet"


def _last_day(use_case: UseCase) -> date:
    found = (folder(use_case) / "predictions").glob("scored_on=*")
    return max((datetime.fromisoformat(path.name.partition("=")[2]).date() for path in found), default=date(1970, 1, 1))


def _put(lake: Lake, path: Path, statement: str, **parameters: object) -> int:
    """Write the rows of a statement; their number."""
    counts: list[int] = []
    schema, batches = lake.read(f"operations/export_tables/{statement}", **parameters)
    landing.put(path, partial(_write, schema, batches, counts))
    user_ids = pq.read_table(path, columns=["user_id"])["user_id"].unique().to_pylist()
    tombstones.scrub_written(lake, path, user_ids)
    return sum(counts)


def _write(schema: pa.Schema, batches: Iterator[pa.RecordBatch], counts: list[int], path: Path) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            counts.append(batch.num_rows)
