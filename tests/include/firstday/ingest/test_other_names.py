"""The documents' example of a source with other event types, files of the same names, and a clock that is ahead."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from include.firstday.ingest import add_files, store_events
from include.firstday.lake import clock
from include.firstday.lake.run import Run
from include.firstday.operations import micro_batch
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY
from include.firstday.use_case.events import SourceMapping
from include.firstday.use_case.use_case import UseCase

PAGE = REPOSITORY / "docs" / "how-to" / "adapt-a-use-case.md"
EXAMPLE = re.compile(r"## Example: event types.*?```yaml\n(.*?)```", re.DOTALL)
COLUMNS = {"user_id": pa.string(), "event_type": pa.string(), "event_time": pa.timestamp("us"), "postcode": pa.string(),
           "amount": pa.float64(), "bet_amount": pa.float64(), "win_amount": pa.float64()}  # fmt: skip


@pytest.fixture
def mapped(churn: UseCase) -> UseCase:
    found = EXAMPLE.search(PAGE.read_text(encoding="utf-8"))
    assert found
    example = yaml.safe_load(found[1])
    mapping = SourceMapping.model_validate(example["mapping"])
    return churn.model_copy(update={"mapping": mapping, "hold_hours": example["hold_hours"]})


def write(path: Path, *rows: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows), pa.schema(list(COLUMNS.items()))), path)


def stored(case: UseCase) -> dict[str, int]:
    with open_lake(case, read_only=True) as lake:
        return {row["event_type"]: row["n"] for row in lake.query(
            "select event_type, count(*) as n from events group by all order by all").to_pylist()}  # fmt: skip


def test_a_folder_is_read_as_the_example_says(mapped: UseCase, tmp_path: Path) -> None:
    now = clock.now().replace(microsecond=0)
    at = {"user_id": "u1", "event_time": now}
    first = [at | {"event_type": "registration", "postcode": "10115"}, at | {"event_type": "purchase", "amount": 5.0}]
    write(tmp_path / "days/day-1/part-0.parquet", *first)
    write(tmp_path / "days/day-2/part-0.parquet",
          at | {"event_type": "bet", "bet_amount": 1.5, "event_time": now + timedelta(minutes=50)},
          at | {"event_type": "win", "win_amount": 2.5, "event_time": now + timedelta(hours=3)})  # fmt: skip
    for _ in range(2):
        list(add_files.add_files(mapped, [tmp_path / "days"]))
        store_events.store_events(mapped)
    early = {"new_bet": 1, "new_purchases": 1, "new_registration": 1}
    assert stored(mapped) == early
    for hours, late in ((2, {}), (3, {"new_win": 1}), (4, {"new_win": 1})):
        with clock.simulated(now + timedelta(hours=hours)):
            micro_batch.process(mapped, Run(task="test"), lambda done: None, with_scores=False)
        assert stored(mapped) == early | late
