"""Maintenance changes files, never rows, and keeps to its budget and the retention."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.firstday import generate_events, landing, maintain_lake, store_events, update_features
from include.firstday.prepare import open_lake
from include.firstday.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TABLES = ("events", "users", "feature_state", "micro_batches", "progress", "consumed_files", "postcodes")


def minutes(case: UseCase, count: int) -> None:
    for minute in range(count):
        start = NOON + timedelta(minutes=minute)
        generate_events.generate_minutes(case, start, start + timedelta(minutes=1))
        store_events.store_events(case)
        update_features.update_features(case)


def content(case: UseCase) -> dict[str, list[dict[str, object]]]:
    with open_lake(case, read_only=True) as opened:
        return {table: opened.query(f"from {table} order by all").to_pylist() for table in TABLES}


def parquet(home: Path) -> int:
    return sum(1 for _ in (home / "lake" / "data").rglob("*.parquet"))


def test_rows_stay_and_the_next_micro_batch_goes_on(churn: UseCase, home: Path) -> None:
    minutes(churn, 8)
    before = content(churn)
    done = maintain_lake.maintain_lake(churn)
    assert done[-1].startswith("delete orphans")
    assert content(churn) == before
    with open_lake(churn, read_only=True) as opened:
        files = opened.query(
            "select count(*) as n from ducklake_list_files('lake', 'events', schema => 'first_day_churn')"
        )
    assert files.to_pylist()[0]["n"] <= 2
    minutes(churn, 9)
    assert len(content(churn)["micro_batches"]) == 9


def test_a_spent_budget_stops_after_a_whole_step(churn: UseCase) -> None:
    assert maintain_lake.maintain_lake(churn, budget_seconds=0) == []


def test_consumed_files_are_kept_for_the_retention(churn: UseCase) -> None:
    minutes(churn, 2)
    consumed = sorted((landing.folder(churn.name) / "consumed").iterdir())
    long_ago = time.time() - 3 * 86_400
    os.utime(consumed[0], (long_ago, long_ago))
    assert maintain_lake.drop_consumed(churn) == 1
    assert consumed[1].exists()
    assert not consumed[0].exists()
