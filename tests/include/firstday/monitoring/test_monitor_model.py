"""Monitoring: silence on a stationary stream, an alert and one call for training on a shifted one, and the truth."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from mlflow.exceptions import MlflowException

from include.firstday import landing
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.generator.events import MONEY, events
from include.firstday.ingest import store_events
from include.firstday.models import promotion
from include.firstday.models.training import candidates, evaluate, metrics
from include.firstday.models.training.training_set import build_training_set
from include.firstday.monitoring import monitor_model
from include.firstday.monitoring.monitor_model import MonitoringRun
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.monitoring.conftest import Clock

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HISTORY = NOON - timedelta(days=2)


def process(case: UseCase) -> None:
    store_events.store_events(case)
    update_features.update_features(case)
    score_users.score_users(case)


def monitored(case: UseCase, time: Clock, count: int, stakes: float = 1) -> list[MonitoringRun]:
    """Two hours at a time, each with a monitoring run; what was seen. `stakes` multiplies each bet."""
    seen: list[MonitoringRun] = []
    assert case.generator
    for _ in range(count):
        start, time.at = time.at, time.at + timedelta(hours=2)
        table = events(case.generator, start, time.at, since=HISTORY)
        bets = pc.round(pc.multiply(table["bet_amount"].cast("float64"), stakes), 2).cast(MONEY)
        table = table.set_column(table.column_names.index("bet_amount"), "bet_amount", bets)
        landing.deliver(case.name, f"{start:%dT%H}.parquet", partial(pq.write_table, table))
        process(case)
        done = monitor_model.monitor_model(case)
        assert done is not None
        seen.append(done)
    return seen


def values(done: MonitoringRun, metric: str) -> dict[str, float]:
    return {one.subject: one.value for one in done.measured if one.metric == metric}


@pytest.fixture
def trained(churn: UseCase, time: Clock, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    """A use case with two days of history and a champion that was trained on it."""
    limits = churn.monitoring.model_copy(update={"lag_seconds": 7200})  # its micro-batches are of two hours
    churn = churn.model_copy(update={"monitoring": limits})
    monkeypatch.setattr(metrics, "REPEATS", 20)  # of the bootstrap: half a minute's worth otherwise
    generate_events.generate_history(churn, NOON, days=2)
    store_events.store_events(churn)
    update_features.update_features(churn)
    built = build_training_set(churn)
    tested = evaluate.evaluate_candidate(
        churn, built, [candidates.train_candidate(churn, built, "logistic_regression")]
    )
    promotion.promote(churn, int(tested["version"]), "for the test")
    score_users.score_users(churn)
    return churn


@pytest.mark.slow
def test_a_stationary_half_day_is_silent_and_a_shifted_one_asks_once_for_training(
    trained: UseCase, time: Clock
) -> None:
    first = monitor_model.monitor_model(trained)
    assert first is not None
    assert first.alerts == ()
    assert sum(values(first, "rows_stored").values()) > 100_000
    assert values(first, "inconsistent_predictions") == {"": 0}
    assert set(values(first, "psi")) == {*trained.features, "probability"}
    assert 0.6 < values(first, "realised_roc_auc")[""] < 1
    # Estimated for every prediction, early ones too; realised for those whose first day is over.
    assert abs(values(first, "realised_roc_auc")[""] - values(first, "estimated_roc_auc")[""]) < 0.2
    assert monitor_model.monitor_model(trained) is None

    stationary = monitored(trained, time, 6)
    assert [done.alerts for done in stationary] == [()] * 6
    assert sum(bool(values(done, "psi")) for done in stationary) >= 5
    assert all(values(done, "inconsistent_predictions") == {"": 0} for done in stationary)
    assert monitor_model.retraining_asked(trained) is None

    shifted = monitored(trained, time, trained.monitoring.runs, stakes=3)
    told = [done for done in shifted if done.alerts]
    assert told
    assert "drifted from the champion's training set in at least 3 of the last 5 monitoring runs" in told[0].alerts[0]
    assert monitor_model.retraining_asked(trained) == told[0].upto
    with open_lake(trained, read_only=True) as lake:
        asked = lake.query("select count(*) as n from monitoring where metric = 'retraining_asked'").to_pylist()
    assert asked == [{"n": 1}]


@pytest.mark.slow
def test_other_features_than_a_recompute_and_unknown_ones_are_alerts_and_silence_is_measured(
    churn: UseCase, time: Clock
) -> None:
    churn = churn.model_copy(update={"monitoring": churn.monitoring.model_copy(update={"minimum_rows": 50})})
    promotion.register_bundled(churn)
    generate_events.generate_history(churn, NOON, days=0.3)
    process(churn)
    with open_lake(churn) as lake, lake.transaction():
        lake.query("update predictions set socioeconomic_idx = null where hash(user_id) % 5 = 0")
    # A cut-off that the champion's training set has not is not compared, and stops nothing.
    cutoffs = churn.training.model_copy(update={"cutoff_minutes": (15, 45, 60, 180)})
    done = monitor_model.monitor_model(churn.model_copy(update={"training": cutoffs}))
    assert done is not None
    unknown, inconsistent = done.alerts
    assert "logged predictions have other features than a recompute" in inconsistent
    assert "socioeconomic_idx is unknown for" in unknown
    assert values(done, "psi")

    time.at = NOON + timedelta(minutes=20)
    assert monitor_model.monitor_model(churn) is None  # it has just been measured
    time.at = NOON + timedelta(hours=1, minutes=1)
    again = monitor_model.monitor_model(churn)
    assert again is not None
    assert (again.after, again.upto) == (1, 1)
    assert monitor_model.describe(again).startswith("no new micro-batches: ")


@pytest.mark.slow
def test_where_mlflow_fails_no_alert_is_lost(churn: UseCase, time: Clock, home: Path) -> None:
    promotion.register_bundled(churn)
    generate_events.generate_history(churn, NOON, days=0.3)
    process(churn)
    with open_lake(churn) as lake, lake.transaction():
        lake.query(
            "update predictions set bet_sum = bet_sum + 0.01 "
            "where user_id = (select user_id from predictions order by hash(user_id), user_id limit 1)"
        )
    (database,) = (home / "mlflow").glob("*.db")
    with closing(sqlite3.connect(database)) as mlflow:
        mlflow.execute("create trigger full before insert on metrics begin select raise(abort, 'disk full'); end")
        with pytest.raises(MlflowException, match="disk full"):
            monitor_model.monitor_model(churn)
        mlflow.execute("drop trigger full")
    done = monitor_model.monitor_model(churn)
    assert done is not None
    assert len(done.alerts) == 1
