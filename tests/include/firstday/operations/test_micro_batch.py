"""A micro-batch in one transaction is what its stages make of it, and storing waits for no later stage."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.firstday import landing
from include.firstday.errors import NoChampionError, QueryError
from include.firstday.features import rebuild_features, update_features
from include.firstday.generator.events import events as generated
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.run import Run
from include.firstday.models import promotion
from include.firstday.operations import micro_batch, verify
from include.firstday.operations.micro_batch import Done
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12)
STAGES = ["store_events", "update_features", "score_users", "publish_predictions"]
TABLES = ("events", "rejected_events", "users", "feature_state", "predictions", "micro_batches", "checkpoints")
TIMES = ("started_at", "committed_at", "scored_at", "updated_at", "airflow_run")


def arrivals(case: UseCase, chance: random.Random) -> Iterator[pa.Table]:
    """An eighth of a window of generated events in six files: some late, some twice, some before the registration."""
    assert case.generator
    end, span = NOON.replace(tzinfo=UTC), timedelta(hours=max(3, case.window.hours // 8))
    rows = generated(case.generator, end - span, end).to_pylist()
    rows += chance.sample(rows, len(rows) // 50)
    files: list[list[dict[str, Any]]] = [[] for _ in range(6)]
    for place, row in enumerate(rows):
        late = chance.randrange(3) if chance.random() < 0.1 else 0
        files[min(5, place * 6 // len(rows) + late)].append(row)
    schema = pa.Table.from_pylist(rows).schema
    for file in files:
        chance.shuffle(file)
        yield pa.Table.from_pylist(file, schema)


def deliver(case: UseCase, name: str, table: pa.Table) -> None:
    landing.deliver(case.name, f"{name}.parquet", partial(pq.write_table, table))


def together(case: UseCase) -> list[Done]:
    done: list[Done] = []
    micro_batch.process(case, Run(), done.append)
    return done


def apart(case: UseCase) -> None:
    store_events.store_events(case)
    update_features.update_features(case)
    score_users.score_users(case)


def rows(case: UseCase, table: str) -> list[tuple[Any, ...]]:
    """What a table holds, without the times of work and the stage that only one of the ways has."""
    with open_lake(case, read_only=True) as lake:
        found = lake.query(f"from {table}").to_pylist()
    kept = [row for row in found if row.get("stage") != "publish_predictions"]
    return sorted(tuple((name, repr(row[name])) for name in sorted(row.keys() - set(TIMES))) for row in kept)


@pytest.mark.parametrize("name", use_case.names())
def test_together_is_as_apart(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, found = use_case.load(name), {}
    for way in (together, apart):
        monkeypatch.setenv("FIRSTDAY_HOME", str(tmp_path / way.__name__))
        settings.cache_clear()
        promotion.register_bundled(case)
        for number, table in enumerate(arrivals(case, random.Random(name))):
            deliver(case, f"file-{number}", table)
            with clock.simulated(NOON + number * timedelta(minutes=20)):
                way(case)
        found[way.__name__] = {table: rows(case, table) for table in TABLES}
    for table in TABLES:
        assert found["together"][table] == found["apart"][table], table
    assert found["together"]["predictions"]


def test_of_users_in_their_window_no_file_of_earlier_ones_is_read(churn: UseCase, home: Path) -> None:
    """However many there have been: here, these files are gone meanwhile."""
    promotion.register_bundled(churn)
    deliver(churn, "earlier", opened("earlier", clock.now() - timedelta(days=3)))
    together(churn)
    earlier = [path for table in ("events", *update_features.TABLES) for path in home.glob(f"lake/data/*/{table}/**/*")]
    earlier = [path for path in earlier if path.is_file()]
    deliver(churn, "now", opened("now", clock.now() - timedelta(hours=2)))
    together(churn)
    for path in earlier:
        path.rename(path.with_suffix(".gone"))
    bet = {"user_id": "now", "event_type": "new_bet", "event_time": clock.now(), "bet_amount": 1.5}
    deliver(churn, "bet", pa.Table.from_pylist([bet]))
    assert [done.stage for done in together(churn)] == STAGES
    for path in earlier:
        path.with_suffix(".gone").rename(path)
    assert len(earlier) >= 3
    assert rebuild_features.rebuild_features(churn).changed == 0


def opened(user: str, at: datetime) -> pa.Table:
    """The events of a user whose window has been open since a time."""
    values = ({"event_type": "new_registration"}, {"event_type": "new_purchases", "amount": 5.0})
    rows = [{"user_id": user, "event_time": at, "postcode": "10115", "amount": None} | value for value in values]
    return pa.Table.from_pylist(rows)


def test_it_is_one_commit_with_what_each_stage_did(churn: UseCase) -> None:
    promotion.register_bundled(churn)
    deliver(churn, "first", next(arrivals(churn, random.Random(1))))
    assert [done.stage for done in together(churn)] == STAGES
    with open_lake(churn, read_only=True) as lake:
        commits = lake.rows("operations/status/commits", since=None, row_limit=2)
        stages = lake.rows("web/overview/stage_commits", since=datetime(2026, 1, 1), row_limit=2)
    assert [commit["task"] for commit in commits] == ["publish_predictions", "micro_batch"]
    assert [stage["task"] for stage in stages] == STAGES
    assert [stage["seconds"] is not None for stage in stages] == [False, True, True, False]
    assert all(stage["message"] in commits[1]["message"] for stage in stages[:3])


def test_it_is_one_commit_on_postgresql_and_s3(churn: UseCase, catalog: str, on_s3: str) -> None:
    """DuckLake removes files that the same transaction wrote: of them no hash is asked for."""
    promotion.register_bundled(churn)
    for number, table in enumerate(list(arrivals(churn, random.Random(3)))[:3]):
        deliver(churn, str(number), table)
        assert [one.stage for one in together(churn)] == STAGES
    assert not verify.verify().damaged


def test_a_stage_that_is_behind_catches_up_by_itself(churn: UseCase) -> None:
    promotion.register_bundled(churn)
    first, second, third, *_ = arrivals(churn, random.Random(2))
    deliver(churn, "first", first)
    store_events.store_events(churn)
    deliver(churn, "second", second)
    assert [done.stage for done in together(churn)] == STAGES
    assert state(churn) == dict.fromkeys(STAGES, 2)
    assert "micro_batch" not in tasks(churn)
    deliver(churn, "third", third)
    together(churn)
    assert "micro_batch" in tasks(churn)


def test_without_a_champion_the_features_are_up_to_date(churn: UseCase) -> None:
    deliver(churn, "first", next(arrivals(churn, random.Random(3))))
    with pytest.raises(NoChampionError):
        together(churn)
    assert state(churn) == {"store_events": 1, "update_features": 1, "score_users": 0, "publish_predictions": 0}
    promotion.register_bundled(churn)
    assert [done.stage for done in together(churn)] == STAGES[2:]


def test_what_a_later_stage_cannot_do_is_stored_all_the_same(churn: UseCase) -> None:
    first, second, *_ = arrivals(churn, random.Random(4))
    deliver(churn, "first", first)
    together_without_scores(churn)
    with open_lake(churn) as lake, lake.transaction():
        lake.drop_column("users", "label")
    deliver(churn, "second", second)
    with pytest.raises(QueryError):
        together_without_scores(churn)
    assert state(churn) == {"store_events": 2, "update_features": 1, "score_users": 0, "publish_predictions": 0}
    assert not landing.pending(churn.name)
    with open_lake(churn) as lake, lake.transaction():
        lake.add_column("users", "label", "integer")
    assert [done.stage for done in together_without_scores(churn)] == ["update_features"]


def together_without_scores(case: UseCase) -> list[Done]:
    done: list[Done] = []
    micro_batch.process(case, Run(), done.append, with_scores=False)
    return done


def state(case: UseCase) -> dict[str, int]:
    with open_lake(case, read_only=True) as lake:
        return {stage: checkpoints.of(lake, stage) for stage in STAGES}


def tasks(case: UseCase) -> set[str]:
    with open_lake(case, read_only=True) as lake:
        return {row["task"] for row in lake.rows("operations/status/commits", since=None, row_limit=100)}
