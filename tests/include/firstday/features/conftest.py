"""A lake of faulty events, and engines that its users are divided by."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.firstday import landing
from include.firstday.features import rebuild_features, update_features
from include.firstday.features.over_users import over_users
from include.firstday.features.partitions import load
from include.firstday.features.user_features import build_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints
from include.firstday.lake.lake import Lake
from include.firstday.lake.written_files import file_sha256
from include.firstday.models.training import training_set
from include.firstday.operations import forget_user
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests import servers

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FAULTS = {"late_share": 0.1, "duplicate_share": 0.05}
GIANT_EVENTS = 2_000
STATE = {"users": "from users order by all", "feature_state": "from feature_state order by all"}


def home(patch: pytest.MonkeyPatch, folder: Path, **values: object) -> None:
    patch.setenv("FIRSTDAY_HOME", str(folder))
    for name, value in values.items():
        patch.setenv(f"FIRSTDAY_{name.upper()}", str(value))
    settings.cache_clear()


def giant() -> list[dict[str, object]]:
    """A user with a large share of all events, of an unknown postcode; ids that are sent again, with other values."""
    user, opened = {"user_id": "giant"}, NOON - timedelta(hours=26)
    rows: list[dict[str, object]] = [
        user | {"event_type": "new_registration", "event_time": f"{opened:%FT%TZ}", "label": 1, "postcode": "99999"},
        user | {"event_type": "new_purchases", "event_time": f"{opened:%FT%TZ}", "amount": 10},
    ]
    for number in range(GIANT_EVENTS):
        at = opened + timedelta(seconds=40 * number)
        bet = {"event_type": "new_bet", "event_time": f"{at:%FT%TZ}", "bet_amount": number % 97 + 0.25}
        rows.append(user | bet | {"event_id": f"bet-{number - number % 7}"})
    return rows


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[UseCase, Path]]:
    """A lake of late and repeated events, ids that come twice, unknown postcodes, a giant user and an erased one."""
    case = use_case.load("first_day_churn")
    assert case.generator is not None
    case = case.model_copy(update={"generator": case.generator.model_copy(update=FAULTS)})
    with pytest.MonkeyPatch.context() as patch:
        home(patch, folder := tmp_path_factory.mktemp("home"))
        generate_events.generate_history(case, NOON, days=1.4)
        content = "".join(json.dumps(row) + "\n" for row in giant()).encode()
        landing.deliver(case.name, "zz-giant.ndjson", lambda path: path.write_bytes(content))
        store_events.store_events(case)
        update_features.update_features(case)
        generate_events.generate_minutes(case, NOON, NOON + timedelta(minutes=2))
        store_events.store_events(case)
        update_features.update_features(case)
        with open_lake(case, read_only=True) as lake:
            (row,) = lake.query("select min(user_id) as user_id from users where window_start is not null").to_pylist()
        forget_user.forget_user(case, row["user_id"])
        yield case, folder
    settings.cache_clear()


@pytest.fixture(scope="module", params=["local", pytest.param("local-cluster", marks=pytest.mark.slow)])
def sail_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("pyspark", reason="make spark")
    with servers.sail(tmp_path_factory.mktemp("sail"), request.param) as url:
        yield url


@pytest.fixture
def faulty(made: tuple[UseCase, Path], churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    """That lake, in the place of the test's own."""
    home(monkeypatch, made[1])
    return made[0]


def state(lake: Lake) -> dict[str, pa.Table]:
    return {table: lake.query(text) for table, text in STATE.items()}


def compared(case: UseCase, folder: Path) -> tuple[int, dict[str, pa.Table], str]:
    """By the settings' engine: users that differ in a rebuild, the state recomputed, the hash of a training set."""
    changed = rebuild_features.rebuild_features(case).changed
    with open_lake(case) as lake, over_users(lake, case, upto := checkpoints.stored(lake).batch_id) as partitions:
        parts = partitions.compute(update_features.recompute_partition)
        found = {}
        for table in update_features.TABLES:
            load(lake, f"all_{table}", f"{table}_now", parts, like=table)
            found[table] = lake.query(f"from all_{table} order by all")
    with open_lake(case) as lake, training_set.computed_rows(lake, case, upto):
        training_set.write(lake, folder / "set.parquet")
    return changed, found, file_sha256(folder / "set.parquet")


def served(case: UseCase, as_of: datetime) -> dict[str, Any]:
    """The features of the user `a` as of a moment."""
    with open_lake(case, read_only=True) as lake:
        build_features(lake, case, as_of, into="now")
        (row,) = lake.rows_of("now", user_id="a")
    return {name: row[name] for name in case.features}


def trained(case: UseCase, upto: int) -> list[dict[str, Any]]:
    """The features of the user `a` in each row of the training set up to a micro-batch."""
    with open_lake(case) as lake:
        rows = training_set.rows(lake, case, upto).to_pylist()
    return [{name: row[name] for name in case.features} for row in rows if row["user_id"] == "a"]
