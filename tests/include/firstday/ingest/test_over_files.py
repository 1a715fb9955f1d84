"""A history that a cluster reads is stored as the driver alone would store it, broken rows and all."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.firstday import landing
from include.firstday.errors import EngineError
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase
from tests import servers
from tests.include.firstday.features.conftest import home
from tests.servers import free_port

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STORED = {
    "events": "select * exclude (batch_id, ingested_at) from events order by all",
    "rejected_events": "select * exclude (batch_id, rejected_at) from rejected_events order by all",
    "consumed_files": "select * exclude (batch_id, quarantined_ns) from consumed_files order by all",
    "postcodes": "select * exclude (batch_id) from postcodes order by all",
}
BROKEN = '{"user_id": "anna", "event_type": "new_bet", "event_time": "2026-11-20T10:00:00Z", "bet_amount": "much"}\n'


def deliver(case: UseCase, folder: Path) -> None:
    """A history in files of each format, one with a broken row, one that is truncated, and one that comes twice."""
    generate_events.generate_history(case, NOON, days=0.3)
    generate_events.generate_minutes(case, NOON, NOON + timedelta(minutes=3))
    table = pa.Table.from_pylist(
        [
            {"user_id": f"user-{number}", "event_type": "new_bet", "event_time": NOON, "bet_amount": 1.5}
            for number in range(500)
        ]
    )
    landing.deliver(case.name, "bets.parquet", partial(pq.write_table, table))
    text = "".join(json.dumps(row, default=str) + "\n" for row in table.slice(0, 20).to_pylist())
    packed = gzip.compress(text.encode(), mtime=0)
    for name, content in {
        "broken.ndjson": (text + BROKEN).encode(),
        "packed.ndjson.gz": packed,
        "repeated.ndjson.gz": packed,
        "truncated.ndjson.gz": packed[:-9],
        "bets.csv": b"user_id,event_type,event_time,bet_amount\nben,new_bet,2026-11-20 10:00:00,3.25\n",
    }.items():
        landing.deliver(case.name, name, lambda path, content=content: path.write_bytes(content))
    codes = pa.table({"postcode": ["10115"], "socioeconomic_idx": [0.5]})
    landing.add(case.name, "codes.parquet", partial(pq.write_table, codes), table="postcodes")


def stored(case: UseCase) -> tuple[dict[str, pa.Table], int]:
    """What the tables hold, and how many micro-batches it took."""
    batches = store_events.store_events(case)
    with open_lake(case) as lake:
        return {table: lake.query(text) for table, text in STORED.items()}, len(batches)


def as_a_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever waits is a history, and one micro-batch."""
    monkeypatch.setattr(store_events, "HISTORY_BATCHES", 1e-6)
    monkeypatch.setattr(store_events, "_take", lambda waiting, batches: waiting)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["local", "local-cluster"])
def test_a_cluster_stores_what_one_machine_does(
    churn: UseCase, mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pyspark", reason="make spark")
    deliver(churn, tmp_path)
    expected, alone = stored(churn)
    assert expected["rejected_events"].num_rows == 2
    with servers.sail(tmp_path / "sail", mode) as url:
        home(monkeypatch, tmp_path / "other", engine="spark", spark=url, batch_megabytes=1)
        as_a_history(monkeypatch)
        deliver(churn, tmp_path)
        found, together = stored(churn)
    assert (alone, together) == (1, 1)
    for table, rows in expected.items():
        assert found[table] == rows, table
    assert not [path for path in (settings().lake_folder / "spill").rglob("*") if path.is_file()]


def test_the_files_of_a_minute_are_stored_without_the_cluster(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home(monkeypatch, settings().home, engine="spark", spark=f"sc://127.0.0.1:{free_port()}")
    deliver(churn, tmp_path)
    assert stored(churn)[0]["events"].num_rows > 1000
    as_a_history(monkeypatch)
    deliver(churn, tmp_path)
    with pytest.raises(EngineError, match="no Spark Connect server answers there"):
        store_events.store_events(churn)
    assert landing.pending(churn.name)
