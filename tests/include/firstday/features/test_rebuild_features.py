"""The full recompute: no difference without a change, all of a change at once, nothing lost that arrives meanwhile."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.firstday.features import partitions, rebuild_features, update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import statements
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FAULTS = {"late_share": 0.1, "duplicate_share": 0.05}


def process(case: UseCase) -> None:
    store_events.store_events(case)
    update_features.update_features(case)


def select(case: UseCase, text: str) -> list[dict[str, object]]:
    with open_lake(case, read_only=True) as lake:
        return lake.query(text).to_pylist()


def features(case: UseCase) -> list[dict[str, object]]:
    return select(case, "from user_features order by all")


@pytest.fixture
def loaded(churn: UseCase) -> UseCase:
    generator = churn.generator.model_copy(update=FAULTS) if churn.generator else None
    faulty = churn.model_copy(update={"generator": generator})
    generate_events.generate_history(faulty, NOON, days=0.2)
    process(faulty)
    for minute in range(3):
        start = NOON + timedelta(minutes=minute)
        generate_events.generate_minutes(faulty, start, start + timedelta(minutes=1))
        process(faulty)
    return churn


@pytest.fixture
def own_measures(churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The use case's measures.sql, in a copy that a test may change."""
    import shutil

    shutil.copytree(statements.SQL, tmp_path / "sql")
    monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
    return tmp_path / "sql" / "use_cases" / churn.name / "measures.sql"


def test_the_incremental_features_are_those_of_a_full_recompute(loaded: UseCase) -> None:
    before = features(loaded)
    rebuilt = rebuild_features.rebuild_features(loaded)
    assert (rebuilt.users, rebuilt.changed, rebuilt.sources) == (len(select(loaded, "from users")), 0, ())
    assert rebuilt.users > 50
    assert features(loaded) == before


def test_it_computes_part_by_part(loaded: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "PARTITION_EVENTS", 3000)
    steps: list[tuple[int, int]] = []
    progress = lambda done, total, text: steps.append((done, total))  # noqa: E731
    assert rebuild_features.rebuild_features(loaded, progress=progress).changed == 0
    assert len(steps) > 2
    assert steps[-1][0] == steps[-1][1]


def test_a_damaged_user_is_found_and_mended(loaded: UseCase) -> None:
    before = features(loaded)
    with open_lake(loaded) as lake, lake.transaction():
        victim = "(select min(user_id) from feature_state where measure = 'bet')"
        lake.query(f"update feature_state set value_count = value_count + 1 where user_id = {victim}")
        lake.query("delete from users where user_id = (select max(user_id) from users)")
    rebuilt = rebuild_features.rebuild_features(loaded)
    assert rebuilt.changed == 2
    assert "2 differed, although nothing had changed" in rebuild_features.describe(rebuilt)
    assert features(loaded) == before


def test_what_arrives_during_a_rebuild_is_in_it(loaded: UseCase) -> None:
    def meanwhile(*_: object) -> None:
        start = NOON + timedelta(minutes=3)
        generate_events.generate_minutes(loaded, start, start + timedelta(minutes=5))
        process(loaded)

    first = select(loaded, "select max(batch_id) as b from micro_batches")
    rebuilt = rebuild_features.rebuild_features(loaded, progress=meanwhile)
    assert [{"b": rebuilt.upto - 1}] == first
    assert rebuilt.changed == 0


def test_features_that_were_computed_before_a_rebuild_are_not_written_after_it(
    loaded: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = NOON + timedelta(minutes=3)
    generate_events.generate_minutes(loaded, start, start + timedelta(minutes=5))
    store_events.store_events(loaded)
    fold, folds = update_features.fold, 0

    def fold_then_rebuild(*arguments: object) -> None:
        nonlocal folds
        folds += 1
        fold(*arguments)
        if folds == 1:
            rebuild_features.rebuild_features(loaded)

    monkeypatch.setattr(update_features, "fold", fold_then_rebuild)
    update_features.update_features(loaded)
    assert folds == 2
    assert rebuild_features.rebuild_features(loaded).changed == 0


def test_a_changed_measure_is_noticed_and_takes_effect_for_all_users_at_once(
    loaded: UseCase, own_measures: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = own_measures.read_text()
    own_measures.write_text(text.replace("then bet_amount", "then 2 * bet_amount"))
    start = NOON + timedelta(minutes=3)
    generate_events.generate_minutes(loaded, start, start + timedelta(minutes=1))
    before = select(loaded, "select sum(bet_sum) as bets, sum(win_sum) as wins from user_features")
    with caplog.at_level(logging.WARNING):
        store_events.store_events(loaded)
        update_features.update_features(loaded)
    assert "measures.sql changed since the stored features were computed" in caplog.text
    rebuilt = rebuild_features.rebuild_features(loaded)
    assert rebuilt.sources == ("sql/use_cases/first_day_churn/measures.sql",)
    assert rebuilt.changed > 10
    (after,) = select(loaded, "select sum(bet_sum) as bets, sum(win_sum) as wins from user_features")
    assert after["bets"] > 1.9 * before[0]["bets"]
    assert after["wins"] < 1.5 * before[0]["wins"]
    assert rebuild_features.rebuild_features(loaded).changed == 0


def test_reworded_comments_are_no_change(loaded: UseCase, own_measures: Path) -> None:
    own_measures.write_text(
        "-- Another first line.\n" + own_measures.read_text().replace("from window", "\nfrom window")
    )
    assert rebuild_features.rebuild_features(loaded).sources == ()
