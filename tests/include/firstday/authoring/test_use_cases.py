"""Every use case that ships goes the whole way: generated, stored, computed, labelled, trained, scored, published."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.features import labels, rebuild_features, update_features
from include.firstday.generator import events, generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints
from include.firstday.models import promotion, registry
from include.firstday.models.training import training_set
from include.firstday.monitoring import monitor_model
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FAULTS = {"late_share": 0.2, "duplicate_share": 0.1}


@pytest.fixture(params=use_case.names())
def case(request: pytest.FixtureRequest) -> UseCase:
    """Each use case that ships."""
    return use_case.load(request.param)


def process(case: UseCase) -> None:
    store_events.store_events(case)
    update_features.update_features(case)


def select(case: UseCase, text: str) -> list[dict[str, object]]:
    with open_lake(case, read_only=True) as lake:
        return lake.query(text).to_pylist()


def test_bulk_and_minutes_are_the_same_events_and_all_are_accepted(case: UseCase) -> None:
    assert case.generator is not None
    bulk = events(case.generator, NOON, NOON + 15 * MINUTE)
    single = pa.concat_tables(events(case.generator, NOON + n * MINUTE, NOON + (n + 1) * MINUTE) for n in range(15))
    assert single.equals(bulk)
    generate_events.generate_minutes(case, NOON, NOON + 15 * MINUTE)
    (batch,) = store_events.store_events(case)
    assert (batch.rows_stored, batch.rows_rejected) == (bulk.num_rows, 0)
    assert batch.rows_stored > 10


def test_no_user_differs_from_a_full_recompute_however_the_events_came(
    case: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minutes one by one with late and repeated events, and the same files in one micro-batch, the last ones first."""
    span = NOON - timedelta(hours=1), NOON
    generate_events.generate_minutes(case, *span, FAULTS)
    files = [(file.name, file.path.read_bytes()) for file in landing.pending(case.name)]
    for file in landing.pending(case.name):
        file.path.unlink()
    for start in range(0, len(files), 30):
        deliver(case, files[start : start + 30])
        process(case)
    assert rebuild_features.rebuild_features(case).changed == 0
    found = select(case, "from user_features order by all")
    assert found

    monkeypatch.setenv("FIRSTDAY_HOME", str(tmp_path / "other"))
    settings.cache_clear()
    deliver(case, list(reversed(files)))
    process(case)
    assert select(case, "from user_features order by all") == found


def deliver(case: UseCase, files: list[tuple[str, bytes]]) -> None:
    for name, content in files:
        landing.deliver(case.name, name, lambda path, content=content: path.write_bytes(content))


@pytest.mark.slow
def test_what_is_trained_on_is_what_serves_and_the_shipped_model_tells_who_leaves(case: UseCase) -> None:
    days = 2 * labels.all_known_after_seconds(case) / 86_400 + 0.3
    generate_events.generate_history(case, NOON, days)
    process(case)
    with open_lake(case) as lake:
        rows = training_set.rows(lake, case, checkpoints.stored(lake).batch_id).to_pandas()
    last = max(case.training.cutoff_minutes)
    assert last == case.window.hours * 60
    names = ["user_id", *case.features]
    whole = rows[rows["cutoff_minutes"] == last][names].set_index("user_id").sort_index()
    with open_lake(case, read_only=True) as lake:
        served = lake.query("from user_features").to_pandas()[names].set_index("user_id")
    assert len(whole) > 30
    numbers = [name for name in case.features if name not in case.categories]
    texts = list(case.categories)
    assert whole[numbers].astype(float).equals(served.loc[whole.index, numbers].astype(float))
    assert whole[texts].astype(object).equals(served.loc[whole.index, texts].astype(object))

    by_user = rows.groupby("user_id")["label"]
    assert bool((by_user.nunique() == 1).all()) != labels.has_horizon(case)
    assert (0.1 if labels.has_horizon(case) else 0.2) < by_user.mean().mean() < 0.95
    promotion.register_bundled(case)
    champion = registry.champion(case)
    assert champion is not None
    at_the_end = rows[rows["cutoff_minutes"] == last].reset_index(drop=True)
    probability = champion.predict(pa.Table.from_pandas(at_the_end[list(case.features)]))
    leaves = at_the_end["label"] == 1
    assert probability[leaves].mean() > probability[~leaves].mean() + 0.05

    step = score_users.score_users(case)
    assert step is not None
    assert step.users > 30
    assert publish_predictions.publish_predictions(case) is not None
    look = monitor_model.monitor_model(case)
    assert look is not None
    measured = {one.metric: one.value for one in look.measured}
    assert measured["inconsistent_predictions"] == 0
    assert {one.subject for one in look.measured if one.metric == "psi"} == {*case.features, "probability"}


@pytest.mark.slow
def test_a_derived_label_is_what_happened() -> None:
    case = use_case.load("cart_abandonment")
    hours = case.training.label_known_after_hours
    assert hours is not None
    generate_events.generate_history(case, NOON, 1)  # a day has busy and quiet hours
    process(case)
    with open_lake(case) as lake:
        rows = training_set.rows(lake, case, checkpoints.stored(lake).batch_id).to_pandas()
    found = set(rows[rows["label"] == 0]["user_id"])
    upto = f"u.window_start + to_seconds({hours * 3600})"
    happened = f"""
    with u as (from users where window_start is not null),
    bought as materialized (
        select u.user_id from events e, u
        where e.user_id = u.user_id and event_type = 'purchased' and event_time between u.window_start and {upto}
    )
    select u.user_id from u
    where {upto} <= (select max(event_time) from events) and u.user_id in (select bought.user_id from bought)
    """
    early = (
        f"select user_id from users where closed_at <= window_start + interval {case.training.cutoff_minutes[0]} minute"
    )
    expected = {row["user_id"] for row in select(case, happened)}
    assert found <= expected
    assert expected - found <= {row["user_id"] for row in select(case, early)}
    assert len(found) > 20
    assert len(found) < rows["user_id"].nunique()


@pytest.mark.slow
def test_a_label_of_a_moment_is_what_happened_after_it() -> None:
    """By pandas, of each row of the training set; and each user is there at each cut-off whose horizon is over."""
    case = use_case.load("subscription_churn")
    assert case.training.label_horizon_hours is not None
    horizon = timedelta(hours=case.training.label_horizon_hours)
    generate_events.generate_history(case, NOON, 2 * labels.all_known_after_seconds(case) / 86_400)
    process(case)
    with open_lake(case) as lake:
        rows = training_set.rows(lake, case, checkpoints.stored(lake).batch_id).to_pandas()
        events = lake.query("from events").to_pandas()
        users = lake.query("from users where window_start is not null").to_pandas()
    came = events[events["event_type"].isin(["session_started", "lesson_completed"])][["user_id", "event_time"]]
    pairs = rows[["user_id", "as_of"]].merge(came, on="user_id")
    is_later = (pairs["event_time"] > pairs["as_of"]) & (pairs["event_time"] <= pairs["as_of"] + horizon)
    active = set(map(tuple, pairs[is_later][["user_id", "as_of"]].to_numpy()))
    expected = [int(pair not in active) for pair in map(tuple, rows[["user_id", "as_of"]].to_numpy())]
    assert rows["label"].tolist() == expected
    assert 0.1 < rows["label"].mean() < 0.9

    watermark = events["event_time"].max()
    for minutes in case.training.cutoff_minutes:
        moment = users["window_start"] + timedelta(minutes=minutes)
        there = rows[rows["cutoff_minutes"] == minutes]["user_id"]
        assert set(there) == set(users[moment + horizon <= watermark]["user_id"])
        assert there.is_unique
