"""However many shards share the work, and whenever their number changes, the tables are the same bit for bit."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.features import rebuild_features, update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints
from include.firstday.lake.run import Run
from include.firstday.lake.shards import ALL, Shard
from include.firstday.models import promotion
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FAULTS = {"late_share": 0.2, "duplicate_share": 0.1}
TABLES = {
    "events": "select distinct * exclude (batch_id, ingested_at, source_file) from events order by all",
    "users": "select * exclude (batch_id) from users order by all",
    "feature_state": "select * exclude (batch_id) from feature_state order by all",
    "user_features": "from user_features order by all",
}


def split(of: int) -> list[Shard]:
    return [Shard(number, of) for number in range(of)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Thirty minutes of events, some late and some repeated."""
    from include.firstday.use_case import use_case

    with pytest.MonkeyPatch.context() as patch:
        home(patch, tmp_path_factory.mktemp("source"))
        churn = use_case.load("first_day_churn")
        generate_events.generate_minutes(churn, NOON - timedelta(minutes=30), NOON, FAULTS)
        yield [file.path for file in landing.pending(churn.name)]
    settings.cache_clear()


def home(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("FIRSTDAY_HOME", str(folder))
    settings.cache_clear()


def deliver(case: UseCase, files: list[Path]) -> None:
    for file in files:
        landing.deliver(case.name, file.name, lambda path, file=file: path.write_bytes(file.read_bytes()))


def tables(case: UseCase) -> dict[str, list[dict[str, object]]]:
    with open_lake(case, read_only=True) as lake:
        return {table: lake.query(text).to_pylist() for table, text in TABLES.items()}


def process(case: UseCase, of: int) -> None:
    """Each stage by its shards at once, as several workers would."""
    with ThreadPoolExecutor(of) as workers:
        for stage in (store_events.store_events, update_features.update_features):
            list(workers.map(lambda shard, stage=stage: stage(case, shard=shard), split(of)))


def test_every_bucket_and_file_is_one_shards() -> None:
    for of in (1, 2, 3, 4, 16):
        assert sorted(bucket for shard in split(of) for bucket in shard.buckets) == list(ALL)
        assert all(sum(shard.takes(f"{number}.ndjson") for shard in split(of)) == 1 for number in range(50))


def test_users_are_spread_over_the_buckets_as_they_always_were(churn: UseCase) -> None:
    """The hash of an id must not change with a version of DuckDB: progress is kept by it."""
    text = "select list(md5_number_lower('player-' || n) % 16 order by n) as buckets from range(8) as numbers (n)"
    with open_lake(churn) as lake:
        assert lake.query(text).to_pylist() == [{"buckets": [7, 6, 7, 5, 13, 1, 7, 12]}]


def test_one_two_and_four_shards_at_once_give_the_same_tables(
    churn: UseCase, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for of in (1, 2, 4):
        home(monkeypatch, tmp_path / str(of))
        for start in range(0, len(files), 15):
            deliver(churn, files[start : start + 15])
            process(churn, of)
        found.append(tables(churn))
    assert found[0]["user_features"]
    assert found[0] == found[1] == found[2]


@hypothesis_settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rounds=st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, 16]), st.randoms()), min_size=1, max_size=3))
def test_the_number_of_shards_may_change_while_some_are_behind(
    churn: UseCase,
    files: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
    rounds: list[tuple[int, random.Random]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        home(patch, tmp_path_factory.mktemp("lake"))
        for number, (of, rng) in enumerate(rounds):
            deliver(churn, files[number * 10 : number * 10 + 10])
            for shard in rng.sample(split(of), rng.randint(0, of)):
                store_events.store_events(churn, shard=shard)
            for shard in rng.sample(split(of), rng.randint(0, of)):
                update_features.update_features(churn, shard=shard)
        process(churn, 1)
        with open_lake(churn, read_only=True) as lake:
            last = checkpoints.of(lake, store_events.STAGE)
            assert set(checkpoints.of_buckets(lake, update_features.STAGE, ALL).values()) == {last}
        assert rebuild_features.rebuild_features(churn).changed == 0


def test_a_rebuild_brings_shards_that_are_behind_up_to_the_others(churn: UseCase, files: list[Path]) -> None:
    deliver(churn, files)
    store_events.store_events(churn)
    update_features.update_features(churn, shard=Shard(1, 4))
    rebuilt = rebuild_features.rebuild_features(churn)
    assert rebuilt.upto == 1
    assert update_features.update_features(churn) == []
    assert rebuild_features.rebuild_features(churn).changed == 0


def test_features_that_were_computed_before_a_rebuild_are_not_written_after_it(
    churn: UseCase, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(churn, files[:20])
    process(churn, 1)
    deliver(churn, files[20:])
    store_events.store_events(churn)
    fold, folds = update_features.fold, 0

    def fold_then_rebuild(*arguments: object) -> None:
        nonlocal folds
        folds += 1
        fold(*arguments)
        if folds == 1:
            rebuild_features.rebuild_features(churn)

    monkeypatch.setattr(update_features, "fold", fold_then_rebuild)
    update_features.update_features(churn)
    assert folds == 2
    assert rebuild_features.rebuild_features(churn).changed == 0


def test_a_twin_that_has_stored_the_same_files_meanwhile_costs_a_repeat_and_no_row(
    churn: UseCase, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(churn, files[:2])
    commit = store_events._commit

    def twin_then_commit(*arguments: object) -> object:
        monkeypatch.setattr(store_events, "_commit", commit)
        store_events.store_events(churn)
        return commit(*arguments)

    monkeypatch.setattr(store_events, "_commit", twin_then_commit)
    store_events.store_events(churn)
    with open_lake(churn, read_only=True) as lake:
        assert lake.query("select batch_id, rows_stored from micro_batches").num_rows == 1
        assert checkpoints.of(lake, store_events.STAGE) == 1


def test_a_lake_from_before_the_buckets_goes_on_where_it_was(churn: UseCase, files: list[Path]) -> None:
    deliver(churn, files[:20])
    process(churn, 1)
    with open_lake(churn, Run(task="test")) as lake, lake.transaction():
        for stage in checkpoints.SPLIT_STAGES:
            lake.query(f"delete from checkpoints where stage = '{stage}' and bucket > 0")
        lake.query("update checkpoints set bucket = null")
        lake.query("delete from schema_history")
    deliver(churn, files[20:])
    process(churn, 2)
    with open_lake(churn, read_only=True) as lake:
        assert set(checkpoints.of_buckets(lake, update_features.STAGE, ALL).values()) == {
            checkpoints.of(lake, store_events.STAGE)
        }
        assert lake.query("select 1 from checkpoints where stage = 'update_features' and bucket is null").num_rows == 0
    assert rebuild_features.rebuild_features(churn).changed == 0


@pytest.mark.slow
def test_each_user_is_scored_once_a_micro_batch_by_however_many_shards(churn: UseCase, files: list[Path]) -> None:
    deliver(churn, files[:20])
    process(churn, 2)
    promotion.register_bundled(churn)
    for shard in reversed(split(2)):
        score_users.score_users(churn, shard=shard)
    deliver(churn, files[20:])
    process(churn, 2)
    score_users.score_users(churn, shard=Shard(0, 2))
    publish_predictions.publish_predictions(churn)
    with open_lake(churn, read_only=True) as lake:  # only what all shards have scored
        assert checkpoints.of(lake, publish_predictions.STAGE) < checkpoints.of(lake, update_features.STAGE)
    for shard in split(4):
        score_users.score_users(churn, shard=shard)
    with open_lake(churn, read_only=True) as lake:
        (row,) = lake.query(
            "select count(*) as n, count(distinct (user_id, batch_id)) as keys, max(batch_id) as upto from predictions"
        ).to_pylist()
        assert row["n"] == row["keys"] > 0
        assert row["upto"] == checkpoints.of(lake, score_users.STAGE)
        active = "select count(distinct user_id) as n from feature_state where measure in ('bet', 'win')"
        assert lake.query("select count(distinct user_id) as n from predictions") == lake.query(active)
