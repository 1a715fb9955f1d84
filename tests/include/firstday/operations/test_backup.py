"""A lake restored from its backup is the same; one restored from yesterday's catches up from landing."""

import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.firstday import landing
from include.firstday.__main__ import main
from include.firstday.errors import LakeError
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.operations import backup, maintain_lake
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2025, 11, 20, 12, 0, tzinfo=UTC)
EVERY = (
    "events", "rejected_events", "micro_batches", "consumed_files", "checkpoints", "postcodes", "users",
    "feature_state", "user_features", "predictions",
)  # fmt: skip
FEATURES = "select * exclude (batch_id) from users", "select * exclude (batch_id) from feature_state"
EVENTS = "select * exclude (batch_id, ingested_at) from events"


def minutes(case: UseCase, first: int, count: int) -> None:
    for minute in range(first, first + count):
        start = NOON + timedelta(minutes=minute)
        shares = {"registrations_per_minute": 3, "malformed_share": 0.2}
        generate_events.generate_minutes(case, start, start + timedelta(minutes=1), shares)
        store_events.store_events(case)
        update_features.update_features(case)


def content(case: UseCase, *questions: str) -> dict[str, list[dict[str, object]]]:
    texts = questions or tuple(f"select * from {table}" for table in EVERY)
    with open_lake(case, read_only=True) as lake:
        return {text: lake.query(f"from ({text}) order by all").to_pylist() for text in texts}


def move_to(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTDAY_HOME", str(home))
    settings.cache_clear()


def test_a_restored_lake_is_the_same_and_works_on(
    churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes(churn, 0, 3)
    maintain_lake.maintain_lake(churn)
    minutes(churn, 3, 1)
    before = content(churn)
    assert all(before[f"select * from {table}"] for table in ("events", "rejected_events", "feature_state"))
    assert main(["backup", str(tmp_path / "monday")]) == 0

    move_to(tmp_path / "new home", monkeypatch)
    assert main(["restore", str(tmp_path / "monday")]) == 0
    assert content(churn) == before
    maintain_lake.maintain_lake(churn)
    minutes(churn, 4, 1)
    assert len(content(churn)["select * from micro_batches"]) == 5


def test_a_lake_of_yesterday_catches_up_from_landing(churn: UseCase, home: Path, tmp_path: Path) -> None:
    minutes(churn, 0, 2)
    backup.backup(tmp_path / "yesterday")
    minutes(churn, 2, 2)
    landing.deliver(
        churn.name, "postcodes/fix.csv", lambda path: path.write_text("postcode,socioeconomic_idx\n10000,7\n")
    )
    landing.deliver(churn.name, "cut.parquet", lambda path: path.write_text("not parquet"))
    store_events.store_events(churn)
    before = content(churn, EVENTS, *FEATURES, "select * from user_features")
    refused = content(churn, "select source_file, row_number, reason, raw from rejected_events")
    scrub_first_consumed(churn)

    shutil.rmtree(home / "lake")
    assert main(["restore", str(tmp_path / "yesterday")]) == 0
    waiting = [file.name for file in landing.pending(churn.name, tuple(churn.enrichment))]
    assert waiting == ["postcodes/fix.csv", *(f"events-20251120T120{n}.ndjson.gz" for n in (2, 3)), "cut.parquet"]
    store_events.store_events(churn)
    update_features.update_features(churn)
    assert content(churn, EVENTS, *FEATURES, "select * from user_features") == before
    assert content(churn, "select source_file, row_number, reason, raw from rejected_events") == refused


def scrub_first_consumed(churn: UseCase) -> None:
    """As when a user of it is forgotten: shorter, but as old."""
    first = min((landing.folder(churn.name) / landing.CONSUMED).iterdir(), key=lambda path: path.stat().st_mtime_ns)
    times = first.stat().st_atime_ns, first.stat().st_mtime_ns
    first.write_bytes(first.read_bytes()[:-1])
    os.utime(first, ns=times)


def test_a_copy_made_while_micro_batches_and_maintenance_run_is_consistent(
    churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes(churn, 0, 1)
    done = threading.Event()

    def work() -> None:
        code = (
            "import sys; from datetime import timedelta; from include.firstday.operations import maintain_lake; "
            "from include.firstday.use_case import use_case; "
            "from tests.include.firstday.operations.test_backup import minutes; "
            "case = use_case.load('first_day_churn'); "
            "[(minutes(case, n, 1), maintain_lake.maintain_lake(case)) for n in range(2, 5)]"
        )
        subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
        done.set()

    working = threading.Thread(target=work)
    working.start()
    copies = 0
    while not done.is_set() and working.is_alive():
        copies += 1
        backup.backup(tmp_path / f"copy {copies}")
        done.wait(0.3)
    working.join()
    whole = content(churn, EVENTS)[EVENTS]
    assert copies > 2
    for copy in {1, copies // 2 + 1}:
        move_to(tmp_path / f"home {copy}", monkeypatch)
        backup.restore(tmp_path / f"copy {copy}")
        with open_lake(churn, read_only=True) as lake:
            (row,) = lake.query(CONSISTENT).to_pylist()
        assert row["rows"] == row["stored"]
        assert row["events"] == row["batches"]
        assert row["updated"] <= row["batches"]
        assert all(event in whole for event in content(churn, EVENTS)[EVENTS])


CONSISTENT = """
select
    (select count(*) from events) as rows,
    (select sum(rows_stored) from micro_batches) as stored,
    (select max(batch_id) from micro_batches) as batches,
    (select max(batch_id) from events) as events,
    (select min(batch_id) from checkpoints where stage = 'update_features') as updated
"""


def test_what_cannot_be_done_is_said_and_nothing_is_touched(
    churn: UseCase, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["backup", str(tmp_path / "copy")]) == 1
    assert "no lake to back up" in capsys.readouterr().err
    with open_lake(churn):
        pass
    backup.backup(tmp_path / "copy")
    for command, place, said in (
        ("backup", "copy", "already exists; choose a new folder"),
        ("restore", "copy", f"{home / 'lake'} away"),
        ("restore", "nothing", "expected a folder made by backup"),
    ):
        assert main([command, str(tmp_path / place)]) == 1
        assert said in capsys.readouterr().err
    next((tmp_path / "copy" / "data").rglob("*.parquet")).unlink()
    move_to(tmp_path / "new", monkeypatch)
    with pytest.raises(LakeError, match="is incomplete: 1 files are missing"):
        backup.restore(tmp_path / "copy")
    assert not (tmp_path / "new" / "lake" / "catalog.sqlite").exists()
