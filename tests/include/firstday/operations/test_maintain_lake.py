"""Maintenance changes files, never rows, and keeps to its budget and the retention."""

import dataclasses
import os
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.firstday import landing
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import clock
from include.firstday.operations import maintain_lake, status
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TABLES = ("events", "users", "feature_state", "micro_batches", "checkpoints", "consumed_files", "postcodes")


def minutes(case: UseCase, count: int) -> None:
    for minute in range(count):
        start = NOON + timedelta(minutes=minute)
        generate_events.generate_minutes(case, start, start + timedelta(minutes=1))
        store_events.store_events(case)
        update_features.update_features(case)


def content(case: UseCase) -> dict[str, list[dict[str, object]]]:
    with open_lake(case, read_only=True) as lake:
        return {table: lake.query(f"from {table} order by all").to_pylist() for table in TABLES}


def parquet(home: Path) -> int:
    return sum(1 for _ in (home / "lake" / "data").rglob("*.parquet"))


def test_rows_stay_and_the_next_micro_batch_goes_on(churn: UseCase, home: Path) -> None:
    minutes(churn, 8)
    before = content(churn)
    done = maintain_lake.maintain_lake(churn)
    assert done[-1].startswith("delete orphans")
    assert not any(step.startswith("expire") for step in done)
    assert content(churn) == before
    with open_lake(churn, read_only=True) as lake:
        files = lake.query(
            "select count(*) as n from ducklake_list_files('lake', 'events', schema => 'first_day_churn')"
        )
    assert files.to_pylist()[0]["n"] <= 2
    minutes(churn, 9)
    assert len(content(churn)["micro_batches"]) == 9


def test_files_that_are_large_enough_stay_as_they_are(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    def files() -> int:
        with open_lake(churn, read_only=True) as lake:
            return {row["table_name"]: row["files"] for row in status.tables(lake)}["events"]

    minutes(churn, 3)
    before = files()
    with monkeypatch.context() as patch:
        patch.setattr(maintain_lake, "DAYS_BYTES", 1000)
        maintain_lake.maintain_lake(churn)
    assert files() == before
    maintain_lake.maintain_lake(churn)
    assert files() == 1 < before


def snapshots(case: UseCase) -> list[datetime]:
    with open_lake(case, read_only=True) as lake:
        rows = lake.query("select cast(snapshot_time as timestamp) as at from ducklake_snapshots('lake')")
    return [row["at"] for row in rows.to_pylist()]


def test_only_what_is_older_than_its_limit_goes_also_within_a_day(churn: UseCase, home: Path) -> None:
    minutes(churn, 3)
    maintain_lake.maintain_lake(churn)  # merges, so that the small files are needed by old snapshots only
    files, before = parquet(home), snapshots(churn)
    limits = maintain_lake.Limits.at(clock.now())
    between = before[len(before) // 2]
    maintain_lake.maintain_lake(churn, limits=dataclasses.replace(limits, snapshots=between))
    assert [at for at in snapshots(churn) if at < between] == []
    assert [at for at in before if at >= between] == [at for at in snapshots(churn) if at in before]
    # Files that are unneeded since a moment ago are of today; with a limit in this day none of them may go.
    maintain_lake.maintain_lake(churn, limits=dataclasses.replace(limits, snapshots=clock.now(), unneeded=clock.now()))
    assert parquet(home) >= files
    tomorrow = clock.now() + timedelta(days=1)
    maintain_lake.maintain_lake(churn, limits=dataclasses.replace(limits, snapshots=clock.now(), unneeded=tomorrow))
    assert parquet(home) < files / 2
    assert len(content(churn)["micro_batches"]) == 3


def test_of_older_snapshots_one_an_hour_stays(churn: UseCase) -> None:
    minutes(churn, 2)
    rows, before, tomorrow = content(churn), snapshots(churn), clock.now() + timedelta(days=1)
    maintain_lake.maintain_lake(
        churn, limits=dataclasses.replace(maintain_lake.Limits.at(clock.now()), thinned=tomorrow)
    )
    left = [at for at in snapshots(churn) if at in before]
    by_hour = {at.replace(minute=0, second=0, microsecond=0) for at in before}
    assert len(left) <= len(by_hour) < len(before)
    assert content(churn) == rows


def test_a_spent_budget_stops_after_a_whole_step(churn: UseCase) -> None:
    assert maintain_lake.maintain_lake(churn, budget_seconds=0) == []


def test_consumed_files_are_kept_for_the_retention_since_they_were_consumed(churn: UseCase) -> None:
    minutes(churn, 1)
    consumed = landing.folder(churn.name) / "consumed"
    for file in consumed.iterdir():
        os.utime(file, (0, 0))  # long waiting, just consumed
    between = clock.now()
    time.sleep(0.05)
    minutes(churn, 2)
    assert maintain_lake.drop_consumed(churn, maintain_lake.Limits.at(clock.now()).consumed) == 0
    assert maintain_lake.drop_consumed(churn, between) == 1
    assert len(list(consumed.iterdir())) == 2


def test_what_the_killed_left_behind_goes(churn: UseCase, home: Path) -> None:
    minutes(churn, 1)
    alive, dead = os.getpid(), subprocess.Popen(["true"])
    dead.wait()
    spill = [home / "lake" / "spill" / f"{socket.gethostname()}-{pid}-x" for pid in (alive, dead.pid)]
    partial = [landing.folder(churn.name) / ".a.csv.7.partial", home / "published" / churn.name / ".b.ndjson.7.partial"]
    for folder in spill:
        folder.mkdir(parents=True)
        (folder / "duckdb_temp_storage_S32K-0.tmp").touch()
    for file in partial:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    maintain_lake.maintain_lake(churn)
    assert [folder.exists() for folder in spill] == [True, False]
    assert all(file.exists() for file in partial)
    moment = clock.now() + timedelta(seconds=1)
    maintain_lake.maintain_lake(churn, limits=dataclasses.replace(maintain_lake.Limits.at(moment), leftovers=moment))
    assert not any(file.exists() for file in partial)


def test_published_files_and_training_sets_are_kept_for_their_days_and_a_targets_own_files_for_ever(
    churn: UseCase, home: Path
) -> None:
    published, training = home / "published" / churn.name, home / "training" / churn.name
    old = [
        published / "2026-11-20" / "predictions-000000001.ndjson",
        training / "batch-000000001" / "training_set.parquet",
    ]
    own = published / "archive" / "of_a_target.ndjson"
    for file in (*old, own):
        file.parent.mkdir(parents=True)
        file.touch()
    with open_lake(churn):
        pass
    maintain_lake.maintain_lake(churn)
    assert all(file.exists() for file in old)
    moment = clock.now() + timedelta(seconds=1)
    limits = dataclasses.replace(maintain_lake.Limits.at(clock.now()), artifacts=moment)
    maintain_lake.maintain_lake(churn, limits=limits)
    assert not any(file.exists() or file.parent.exists() for file in old)
    assert own.exists()


def test_landing_is_its_owners(churn: UseCase, home: Path) -> None:
    landing.deliver(churn.name, "a.csv", lambda path: path.write_text("x"))
    assert (home / "landing").stat().st_mode & 0o777 == 0o700
