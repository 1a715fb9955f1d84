"""Scoring and publishing: whoever was active in their first day, once, with the features as used."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from tenacity import stop_after_attempt

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.errors import CheckpointConflictError, ModelError, NoChampionError
from include.firstday.features import rebuild_features, update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.models import promotion, registry
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.scoring.explain import explain
from include.firstday.use_case.use_case import Costs, UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def select(case: UseCase, text: str) -> list[dict[str, object]]:
    with open_lake(case, read_only=True) as lake:
        return lake.query(text).to_pylist()


@pytest.fixture
def loaded(churn: UseCase) -> Iterator[UseCase]:
    generate_events.generate_history(churn, NOON, days=0.2)
    store_events.store_events(churn)
    update_features.update_features(churn)
    return churn


def test_without_a_champion_nothing_is_scored_and_nothing_is_lost(loaded: UseCase) -> None:
    with pytest.raises(NoChampionError, match="no champion for first_day_churn yet"):
        score_users.score_users(loaded)
    assert select(loaded, "select max(batch_id) as n from checkpoints where stage = 'score_users'") == [{"n": 0}]


@pytest.mark.slow
def test_the_shipped_champion_scores_each_active_user_once_with_the_features_as_used(loaded: UseCase) -> None:
    assert promotion.register_bundled(loaded) == 1
    assert promotion.register_bundled(loaded) is None
    step = score_users.score_users(loaded, Run("d", "r", "score_users"))
    assert step is not None
    assert step.users > 50
    assert score_users.score_users(loaded) is None
    active = "select distinct user_id from feature_state where measure in ('bet', 'win')"
    assert select(loaded, f"select user_id from ({active}) order by 1") == select(
        loaded, "select user_id from predictions order by 1"
    )
    features = ", ".join(loaded.features)
    unlike = f"(select user_id, {features} from predictions except select user_id, {features} from user_features)"
    assert select(loaded, f"select count(*) as n from {unlike}") == [{"n": 0}]
    (row,) = select(
        loaded,
        "select min(probability) > 0 and max(probability) < 1 as p, bool_and(predicted ="
        " (probability >= 0.6)) as t, min(model_version) as v, min(airflow_run) as r from predictions",
    )
    assert row == {"p": True, "t": True, "v": 1, "r": "d/r"}
    rows = select(loaded, "select predicted, reasons, probability, user_id from predictions")
    assert all((row["reasons"] is not None) is row["predicted"] for row in rows)
    champion = registry.champion(loaded)
    assert champion is not None
    for row in [row for row in rows if row["reasons"]][:5]:
        (features,) = select(loaded, f"from predictions where user_id = '{row['user_id']}'")
        values = {name: None if features[name] is None else float(str(features[name])) for name in loaded.features}
        found = explain(champion, values)
        assert found.base + sum(one.effect for one in found.effects) == pytest.approx(row["probability"], abs=1e-6)
        stored = json.loads(str(row["reasons"]))
        assert [one["features"] for one in stored] == [list(one.values) for one in found.effects[:3]]
        assert [one["effect"] for one in stored] == pytest.approx([one.effect for one in found.effects[:3]], abs=1e-6)


@pytest.mark.slow
def test_features_are_of_the_micro_batch_that_is_scored_also_if_more_comes_meanwhile(
    loaded: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    promotion.register_bundled(loaded)
    features = ", ".join(("user_id", *loaded.features))
    active = "select user_id from feature_state where measure in ('bet', 'win')"
    before = select(loaded, f"select {features} from user_features where user_id in ({active}) order by user_id")
    progress = checkpoints.of

    def progress_then_more(lake: Lake, stage: str) -> int:
        found = progress(lake, stage)
        if stage == "update_features":
            monkeypatch.setattr(checkpoints, "of", progress)
            generate_events.generate_minutes(loaded, NOON, NOON + timedelta(minutes=30), since=NOON - timedelta(days=1))
            store_events.store_events(loaded)
            update_features.update_features(loaded)
        return found

    monkeypatch.setattr(checkpoints, "of", progress_then_more)
    step = score_users.score_users(loaded)
    assert step is not None
    assert step.upto == 1
    assert select(loaded, "select max(batch_id) as newest from micro_batches") == [{"newest": 2}]
    assert select(loaded, f"select {features} from predictions order by user_id") == before


@pytest.mark.slow
def test_who_is_about_to_churn_is_published_once_a_micro_batch(loaded: UseCase, home: Path) -> None:
    promotion.register_bundled(loaded)
    score_users.score_users(loaded)
    published = publish_predictions.publish_predictions(loaded)
    (file,) = (home / "published" / loaded.name).rglob("*.ndjson")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert published == len(rows) > 0
    called = select(loaded, "select user_id, probability from predictions where predicted order by user_id")
    assert [{"user_id": row["user_id"], "probability": row["probability"]} for row in rows] == called
    assert publish_predictions.publish_predictions(loaded) is None


@pytest.mark.slow
def test_a_model_of_other_features_is_refused(loaded: UseCase) -> None:
    promotion.register_bundled(loaded)
    other = loaded.model_copy(update={"features": loaded.features[:-1]})
    with pytest.raises(ModelError, match=r"expected the features .*; train anew"):
        registry.champion(other)


def test_a_file_that_is_no_model_of_scikit_learn_is_refused(tmp_path: Path) -> None:
    import skops.io

    skops.io.dump({"hook": landing.deliver}, tmp_path / "model.skops")
    with pytest.raises(ModelError, match="expected only types of scikit-learn and of lightgbm, xgboost"):
        registry._load(tmp_path / "model.skops")


def test_columns_are_taken_by_name_and_an_unknown_postcode_is_scored(churn: UseCase) -> None:
    model = registry._load(churn.folder / "model.skops")
    champion = registry.Champion(churn.name, 1, 0.5, churn.features, model)
    base = {name: [1.0] for name in churn.features}
    one = champion.predict(pa.table(base))
    shuffled = champion.predict(pa.table({"user_id": ["x"], **dict(reversed(base.items()))}))
    unknown = champion.predict(pa.table(base | {"socioeconomic_idx": pa.array([None], pa.float64())}))
    assert one == shuffled
    assert 0 < unknown[0] < 1


@pytest.mark.slow
def test_a_challenger_scores_in_shadow_and_is_never_published(loaded: UseCase, home: Path) -> None:
    promotion.register_bundled(loaded)
    run_id = registry.versions(loaded)[0].run_id
    registry.register(loaded, run_id, threshold=0.001)  # would predict churn of everybody
    score_users.score_users(loaded)
    (live,) = select(loaded, "select count(*) as n, min(model_version) as v, max(model_version) as w from predictions")
    (shadow,) = select(
        loaded,
        "select count(*) as n, min(model_version) as v, bool_and(predicted) as every from shadow_predictions",
    )
    assert live == {"n": shadow["n"], "v": 1, "w": 1}
    assert shadow["v"] == 2
    assert shadow["every"] is True
    publish_predictions.publish_predictions(loaded)
    published = [json.loads(line) for file in (home / "published").rglob("*.ndjson") for line in file.open()]
    assert {row["model_version"] for row in published} == {1}
    (called,) = select(loaded, "select count(*) as n from predictions where predicted")
    assert len(published) == called["n"] > 0


def test_shadow_scoring_can_be_turned_off(loaded: UseCase) -> None:
    promotion.register_bundled(loaded)
    registry.register(loaded, registry.versions(loaded)[0].run_id, threshold=0.5)
    scoring = loaded.scoring.model_copy(update={"shadow": False})
    score_users.score_users(loaded.model_copy(update={"scoring": scoring}))
    assert select(loaded, "select count(*) as n from shadow_predictions") == [{"n": 0}]


def test_many_users_are_scored_in_parts_as_they_are_at_once(loaded: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    promotion.register_bundled(loaded)
    postcodes, found = set[int](), []
    build = score_users.build_features

    def watched(lake: Lake, use_case: UseCase, as_of: datetime) -> None:
        (row,) = lake.query(
            "select count(*) as n from duckdb_tables() where temporary and table_name = 'postcodes'"
        ).to_pylist()
        postcodes.add(row["n"])
        build(lake, use_case, as_of)

    monkeypatch.setattr(score_users, "build_features", watched)
    for at_once in (score_users.USERS_AT_ONCE, 7):
        monkeypatch.setattr(score_users, "USERS_AT_ONCE", at_once)
        with open_lake(loaded) as lake, lake.transaction():
            lake.query("delete from predictions")
            lake.query("update checkpoints set batch_id = 0, as_of = null where stage = 'score_users'")
        step = score_users.score_users(loaded)
        assert step
        assert step.users > 50
        found.append(select(loaded, "select * exclude (scored_at) from predictions order by user_id"))
    assert found[0] == found[1]
    assert postcodes == {0, 1}  # read from the lake, and from a copy as of the snapshot


def test_silent_users_are_scored_once_a_step_and_at_the_end_of_their_window(churn: UseCase) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ages = {"pause": timedelta(minutes=65), "short": timedelta(minutes=40), "end": timedelta(hours=24, minutes=5)}
    arrive(churn, [(user, kind, now - age) for user, age in ages.items() for kind in OPENING])
    promotion.register_bundled(churn)
    assert score_users.score_users(churn) is not None
    reasons = "select user_id, scored_because from predictions order by as_of, user_id"
    assert [row["scored_because"] for row in select(churn, reasons)] == ["backfill", "activity", "activity"]
    assert score_users.score_users(churn) is None
    scored_ten_minutes_ago(churn)
    step = score_users.score_users(churn)
    assert step is not None
    assert (step.after, step.upto, step.is_quiet, step.users) == (1, 2, True, 2)
    later = select(churn, f"select * from ({reasons}) offset 3")
    assert later == [
        {"user_id": "end", "scored_because": "window_end"},
        {"user_id": "pause", "scored_because": "silence"},
    ]
    assert score_users.score_users(churn) is None
    (row,) = select(churn, "select hours_since_event as hours from predictions where scored_because = 'silence'")
    assert 60 <= float(str(row["hours"])) * 60 < 75
    # A micro-batch of its own, without events: what was published before does not hide it, and the next ones go on.
    ledger = "select batch_id, rows_stored from micro_batches order by batch_id"
    assert [row["rows_stored"] for row in select(churn, ledger)] == [9, 0]
    arrive(churn, [("next", kind, now) for kind in OPENING])
    step = score_users.score_users(churn)
    assert step is not None
    assert (step.after, step.upto, step.is_quiet, step.users) == (2, 3, False, 1)


def test_what_silence_says_is_published_and_waits_for_events_on_their_way(churn: UseCase, home: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    rows = [("pause", "new_registration"), ("pause", "new_purchases"), ("pause", "new_bet")]
    arrive(churn, [(user, kind, now - timedelta(minutes=65)) for user, kind in rows])
    eager = calling_nearly_everybody(churn)
    score_users.score_users(eager)
    assert publish_predictions.publish_predictions(eager) == 1
    scored_ten_minutes_ago(churn)
    landing.deliver(
        churn.name, "new.ndjson", lambda path: path.write_text(json.dumps(event("new_bet", 1, bet_amount=1)))
    )
    store_events.store_events(churn)
    assert score_users.score_users(eager) is None
    update_features.update_features(churn)
    step = score_users.score_users(eager)
    assert step is not None
    assert (step.upto, step.is_quiet) == (2, False)
    assert publish_predictions.publish_predictions(eager) == 1
    with open_lake(churn, Run(task="test")) as lake, lake.transaction():
        lake.query("update checkpoints set as_of = as_of - interval 150 minute where stage = 'score_users'")
    step = score_users.score_users(eager)
    assert step is not None
    assert (step.upto, step.is_quiet) == (3, True)
    assert publish_predictions.publish_predictions(eager) == 1


def test_who_is_at_risk_no_longer_is_scored_at_no_event_silence_or_new_model(churn: UseCase) -> None:
    case = churn.model_copy(update={"window": churn.window.model_copy(update={"closed_by": ("new_win",)})})
    now = datetime.now(UTC).replace(microsecond=0)
    ages = {"open": timedelta(minutes=65), "closed": timedelta(minutes=65), "later": timedelta(minutes=65)}
    rows = [(user, kind, now - age) for user, age in ages.items() for kind in OPENING]
    arrive(case, [*rows, ("closed", "new_win", now - timedelta(minutes=61))])
    promotion.register_bundled(case)
    score_users.score_users(case)
    scored = "select user_id, scored_because from predictions order by as_of, user_id"
    assert [row["user_id"] for row in select(case, scored)] == ["later", "open"]
    arrive(case, [("later", "new_win", now - timedelta(minutes=62)), ("closed", "new_bet", now)])  # one of them late
    step = score_users.score_users(case)
    assert step is not None
    assert step.users == 0
    scored_ten_minutes_ago(case)
    registry.register(case, registry.versions(case)[0].run_id, threshold=0.5)
    promotion.promote(case, 2, "by hand")
    score_users.score_users(case, rescore=True)
    assert {row["user_id"] for row in select(case, f"select * from ({scored}) offset 2")} == {"open"}
    assert select(case, "select user_id, closed_at from users where closed_at is not null order by user_id") == [
        {"user_id": "closed", "closed_at": (now - timedelta(minutes=61)).replace(tzinfo=None)},
        {"user_id": "later", "closed_at": (now - timedelta(minutes=62)).replace(tzinfo=None)},
    ]
    assert rebuild_features.rebuild_features(case).changed == 0


def test_whose_risk_has_ended_since_the_scoring_is_not_published(churn: UseCase) -> None:
    case = churn.model_copy(update={"window": churn.window.model_copy(update={"closed_by": ("new_win",)})})
    now = datetime.now(UTC).replace(microsecond=0)
    arrive(case, [(user, kind, now - timedelta(minutes=65)) for user in ("later", "open") for kind in OPENING])
    eager = calling_nearly_everybody(case)
    score_users.score_users(eager)
    arrive(eager, [("later", "new_win", now - timedelta(minutes=62))])
    assert publish_predictions.publish_predictions(eager) == 1
    (file,) = publish_predictions.folder(eager).rglob("*.ndjson")
    assert [json.loads(line)["user_id"] for line in file.open()] == ["open"]


def test_a_new_champion_rescores_who_is_in_their_window_once(churn: UseCase) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    ages = {"in": timedelta(minutes=40), "over": timedelta(hours=25)}
    arrive(churn, [(user, kind, now - age) for user, age in ages.items() for kind in OPENING])
    promotion.register_bundled(churn)
    score_users.score_users(churn)
    assert score_users.score_users(churn, rescore=True) is None  # the champion has scored them
    registry.register(churn, registry.versions(churn)[0].run_id, threshold=0.5)
    promotion.promote(churn, 2, "by hand")
    assert score_users.score_users(churn) is None
    step = score_users.score_users(churn, rescore=True)
    assert step is not None
    assert (step.users, step.model_version) == (1, 2)
    assert score_users.score_users(churn, rescore=True) is None
    assert select(churn, "select user_id, model_version from predictions where scored_because = 'new_model'") == [
        {"user_id": "in", "model_version": 2}
    ]
    # While features wait for events that are stored already, it waits and is no silent nothing.
    landing.deliver(
        churn.name, "new.ndjson", lambda path: path.write_text(json.dumps(event("new_bet", 1, bet_amount=1)))
    )
    store_events.store_events(churn)
    with pytest.raises(CheckpointConflictError, match="new events are being processed"):
        score_users.score_step.retry_with(stop=stop_after_attempt(1))(churn, Run(), rescore=True)


OPENING = ("new_registration", "new_purchases", "new_bet")


def arrive(case: UseCase, rows: list[tuple[str, str, datetime]]) -> None:
    """One micro-batch of these events, stored and computed."""
    values = {"new_registration": {"postcode": "10115"}, "new_purchases": {"amount": 5}, "new_bet": {"bet_amount": 1}}
    values |= {"new_win": {"win_amount": 1}}
    lines = [
        json.dumps({"user_id": user, "event_type": kind, "event_time": time.isoformat(), **values[kind]})
        for user, kind, time in rows
    ]
    name = f"{len(rows)}-{rows[0][0]}-{rows[0][1]}.ndjson"
    landing.deliver(case.name, name, lambda path: path.write_text("\n".join(lines)))
    store_events.store_events(case)
    update_features.update_features(case)


def calling_nearly_everybody(case: UseCase) -> UseCase:
    """The use case with such costs, and its shipped model with their threshold."""
    promotion.register_bundled(case)
    scoring = case.scoring.model_copy(update={"costs": Costs(missed_user=99, unneeded_offer=1)})
    registry.client().set_model_version_tag(case.name, "1", "threshold", str(scoring.costs.threshold))
    return case.model_copy(update={"scoring": scoring})


def scored_ten_minutes_ago(case: UseCase) -> None:
    with open_lake(case, Run(task="test")) as lake, lake.transaction():
        lake.query("update checkpoints set as_of = as_of - interval 10 minute where stage = 'score_users'")


@pytest.mark.slow
def test_a_user_whose_registration_comes_late_is_scored_by_it(churn: UseCase) -> None:
    """Their values were stored before: what changes their features is the registration alone."""
    promotion.register_bundled(churn)
    early = [event("new_purchases", 1, amount=5), event("new_bet", 2, bet_amount=3), event("new_bet", 3, bet_amount=1)]
    minute(churn, "a.ndjson", early)
    assert select(churn, "select user_id from predictions") == []
    minute(churn, "b.ndjson", [event("new_registration", 0, postcode="10001")])
    assert select(churn, "select user_id, batch_id, bet_count from predictions") == [
        {"user_id": "late", "batch_id": 2, "bet_count": 2}
    ]
    assert rebuild_features.rebuild_features(churn).changed == 0


def event(event_type: str, minutes: int, **values: object) -> dict[str, object]:
    moment = NOON - timedelta(hours=1) + timedelta(minutes=minutes)
    return {"event_type": event_type, "user_id": "late", "event_time": moment.isoformat()} | values


def minute(case: UseCase, name: str, events: list[dict[str, object]]) -> None:
    """One micro-batch of these events, through all stages up to scoring."""
    landing.deliver(case.name, name, lambda path: path.write_text("".join(json.dumps(each) + "\n" for each in events)))
    for stage in (store_events.store_events, update_features.update_features, score_users.score_users):
        stage(case)
