"""One writer at a time, and a lake whose catalog is in PostgreSQL and whose files are on S3."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from include.firstday import landing
from include.firstday.errors import LockTimeoutError, QueryError
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints, write_lock
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case.use_case import UseCase

HOLD = """
import sys, time
from include.firstday.settings import settings
from include.firstday.lake.write_lock import write_lock
with write_lock(settings()):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_second_waits_for_the_first_and_a_killed_one_gives_it_back(
    kind: str, home: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "postgres":
        request.getfixturevalue("catalog")
    settings().lake_folder.mkdir(parents=True)
    holder = subprocess.Popen([sys.executable, "-c", HOLD], cwd=REPOSITORY, env=os.environ, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    got = threading.Event()

    def take() -> None:
        with write_lock.write_lock(settings()):
            got.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    assert not got.wait(0.5)
    holder.kill()
    holder.wait()
    assert got.wait(10)
    thread.join()


def test_the_holder_may_take_it_again(catalog: str) -> None:
    lock, other = write_lock.write_lock(settings()), write_lock.write_lock(settings())
    with lock:
        with lock:
            pass
        assert lock._connection.closed == 0  # type: ignore[attr-defined]
    with other:
        pass


def test_one_that_waits_for_too_long_says_so(catalog: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_lock, "LOCK_SECONDS", 1)
    with (
        write_lock.write_lock(settings()),
        pytest.raises(LockTimeoutError, match="another writer has held the write lock for 1 seconds"),
        write_lock.write_lock(settings()),
    ):
        pass


def test_overlapping_transactions_all_commit_at_the_first_try(churn: UseCase, catalog: str) -> None:
    with open_lake(churn):
        pass
    failed: list[BaseException] = []

    def advance(stage: str) -> None:
        try:
            for number in range(5):
                with open_lake(churn) as lake, lake.transaction():
                    after = checkpoints.of(lake, stage)
                    time.sleep(0.02)
                    checkpoints.advance(lake, stage, after, number + 1)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=advance, args=(stage,)) for stage in checkpoints.STAGES[:3]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with open_lake(churn, read_only=True) as lake:
        assert [checkpoints.of(lake, stage) for stage in checkpoints.STAGES[:3]] == [5, 5, 5]


def test_events_become_features_on_postgresql_and_s3(churn: UseCase, catalog: str, on_s3: str) -> None:
    from datetime import UTC, datetime

    generate_events.generate_history(churn, datetime(2026, 11, 20, 12, tzinfo=UTC), days=0.05)
    stored = store_events.store_events(churn)
    assert sum(batch.rows_stored for batch in stored) > 1000
    assert update_features.update_features(churn)[-1].users > 0
    assert landing.pending(churn.name) == []
    assert not list(settings().lake_folder.rglob("*.parquet"))
    with open_lake(churn, read_only=True) as lake:
        assert lake.count("users") > 0
        with pytest.raises(QueryError, match=r"disabled|not allowed|Permission"):
            lake.query("select * from read_text('/etc/hostname')")
        with pytest.raises(QueryError, match=r"disabled|not allowed|Permission"):
            lake.query("select * from read_text('s3://another/key')")
        shown = str(lake.query("from duckdb_secrets()").to_pylist())
        assert "secret=redacted" in shown
