"""Realised performance: by users, with intervals; alerts only where the whole interval is beyond the limit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from include.firstday.lake import clock
from include.firstday.monitoring import realised
from include.firstday.monitoring.alerts import alerts
from include.firstday.monitoring.measured import Measured, as_rows
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.features.test_label_horizon import LABEL, with_horizon

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def predictions(users: int, each: int = 5, seed: int = 1, **shift: Any) -> pd.DataFrame:
    """Calibrated predictions of users, with labels; `late_gap` is added to those after twelve hours."""
    chance = np.random.default_rng(seed)
    risk = chance.beta(2, 1, users)
    label = (chance.random(users) < risk).astype("int64")
    minutes = chance.uniform(1, 1440, users * each)
    probability = np.repeat(risk, each) + np.where(minutes > 720, shift.get("late_gap", 0.0), 0.0)
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"u{number}" for number in range(users)], each),
            "model_version": 3,
            "probability": np.clip(probability, 0.001, 0.999),
            "minutes": minutes,
            "label": np.repeat(label, each),
            "challenger_version": np.nan,
            "challenger_probability": np.nan,
        }
    )


def told(case: UseCase, rows: pd.DataFrame) -> list[str]:
    return list(alerts(case, list(realised.realised(rows, case)), []))


def test_the_area_is_that_of_scikit_learn_and_users_not_predictions_make_its_interval() -> None:
    rows = predictions(300)
    rows["probability"] = rows["probability"].round(1)  # ties
    truth, probability = rows["label"].to_numpy(), rows["probability"].to_numpy()
    found = realised.roc_auc(truth, probability, rows["user_id"])
    assert found.value == pytest.approx(roc_auc_score(truth, probability), abs=1e-12)
    again = realised.roc_auc(*(np.tile(each, 20) for each in (truth, probability)), pd.concat([rows["user_id"]] * 20))
    assert (again.value, again.low, again.high) == pytest.approx((found.value, found.low, found.high), abs=0.01)
    one_user_often = pd.concat([rows, *[rows[rows["user_id"] == "u0"]] * 500])
    weighted = realised.roc_auc(
        one_user_often["label"].to_numpy(), one_user_often["probability"].to_numpy(), one_user_often["user_id"]
    )
    assert weighted.value == pytest.approx(found.value, abs=1e-9)


def test_calibrated_predictions_are_silent_and_those_too_high_after_twelve_hours_are_named_by_their_cutoff(
    churn: UseCase,
) -> None:
    assert [told(churn, predictions(600, seed=seed)) for seed in range(10)] == [[]] * 10
    (alert,) = told(churn, predictions(1000, late_gap=-0.12, each=1))
    assert alert.startswith("first_day_churn: version 3 predicted -0.1")
    assert "more churn than came true up to 1440 minutes after the opening, beyond 0.05" in alert
    assert len(told(churn, predictions(600).assign(probability=0.9 + 0.0001 * np.arange(3000) % 0.05))) > 1


def test_an_area_below_the_limit_is_an_alert_only_where_its_whole_interval_is(churn: UseCase) -> None:
    rows = predictions(400)
    chance = np.random.default_rng(2)
    mean = rows["label"].mean()
    noise = np.repeat(chance.normal(0, 0.02, 400), 5)
    nothing = rows.assign(probability=mean + noise)
    assert any("had a ROC AUC of 0." in alert and "below 0.6" in alert for alert in told(churn, nothing))
    weak = rows.assign(probability=mean + noise + 0.005 * rows["label"])
    area = realised.roc_auc(weak["label"].to_numpy(), weak["probability"].to_numpy(), weak["user_id"])
    assert area.value < 0.6 < area.high
    assert not any("ROC AUC" in alert for alert in told(churn, weak))


def test_a_few_users_are_not_judged(churn: UseCase) -> None:
    assert list(realised.realised(predictions(100, each=50), churn)) == []


@pytest.mark.parametrize(("rate", "is_alert"), [(0.7, False), (0.75, False), (0.9, True), (0.5, True)])
def test_the_rate_is_compared_with_that_of_earlier_days(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch, rate: float, is_alert: bool
) -> None:
    """Earlier runs measured .7 of 600 users; those of the last day, which share its users, do not count."""
    now = clock.naive(NOON)
    with open_lake(churn) as lake:
        for hours, before in ((60, 0.68), (40, 0.72), (30, 0.7), (10, rate)):
            monkeypatch.setattr(clock, "now", lambda hours=hours: now - timedelta(hours=hours))
            with lake.transaction():
                known = [Measured("realised_rate", before), Measured("realised_users", 600)]
                lake.append("monitoring", as_rows(known, 100 - hours))
        monkeypatch.setattr(clock, "now", lambda: now)
        labels = [int(number < rate * 600) for number in range(600)]
        lake.build_rows("labels", pa.table({"user_id": [str(n) for n in range(600)], "label": labels}))
        found = list(realised.outcome_rate(lake, churn.monitoring.minimum_rows))
    values = {one.metric: one.value for one in found}
    assert values["realised_rate"] == pytest.approx(rate)
    assert values["rate_shift"] == pytest.approx(rate - 0.7, abs=1e-9)
    assert bool(list(alerts(churn, found, []))) is is_alert


def test_a_better_challenger_is_seen_on_the_same_predictions(churn: UseCase) -> None:
    rows = predictions(400)
    better = rows["probability"] * 0.7 + 0.3 * rows["label"]
    shadow = rows.assign(challenger_version=4.0, challenger_probability=better)
    found = {(one.metric, one.subject): one for one in realised.compared(pd.concat([shadow, rows]), churn)}
    assert found["compared_users", ""].value == 400
    assert found["compared_advantage_low", ""].value > 0
    assert found["compared_log_loss", "challenger"].model_version == 4
    difference = found["compared_log_loss", "champion"].value - found["compared_log_loss", "challenger"].value
    assert found["compared_advantage", ""].value == pytest.approx(difference)
    assert list(realised.compared(rows, churn)) == []


def test_predictions_are_matched_with_labels_and_with_the_challenger_at_the_same_moment(churn: UseCase) -> None:
    now = clock.naive(NOON)
    moments = {minutes: now - timedelta(hours=30) + timedelta(minutes=minutes) for minutes in (20, 600, 1440)}
    users = [
        {"user_id": name, "registered_at": opened, "window_start": opened, "window_end": opened + timedelta(days=1),
         "label": label, "first_seen_at": opened, "last_seen_at": opened, "batch_id": 1,
         "closed_at": moments[600] if name == "closed" else None}
        for name, opened, label in (
            ("churned", now - timedelta(hours=30), 1),
            ("closed", now - timedelta(hours=30), 0),  # at risk up to the second prediction
            ("unknown", now - timedelta(hours=30), None),
            ("earlier", now - timedelta(hours=60), 0),  # known for more than a day
            ("open", now - timedelta(hours=2), 1),
        )
    ]  # fmt: skip
    made = [
        {"user_id": user["user_id"], "batch_id": 1, "as_of": moment, "scored_at": moment, "model_version": 3,
         "probability": 0.5}
        for user in users
        for moment in moments.values()
    ]  # fmt: skip
    shadow = [row | {"model_version": 4, "probability": 0.9} for row in made if row["as_of"] == moments[600]]
    batch = {"batch_id": 1, "rows_stored": 9, "rows_rejected": 0, "last_event_at": now, "started_at": now}
    with open_lake(churn) as lake:
        with lake.transaction():
            lake.append("users", pa.Table.from_pylist(users))
            lake.append("predictions", pa.Table.from_pylist(made))
            lake.append("shadow_predictions", pa.Table.from_pylist(shadow))
            lake.append("micro_batches", pa.Table.from_pylist([batch | {"committed_at": now}]))
        rows = realised.matured(lake, churn, 1)
    assert rows["user_id"].tolist() == ["churned"] * 3 + ["closed"]
    assert rows["minutes"].tolist() == [20, 600, 1440, 20]
    assert rows["label"].tolist() == [1, 1, 1, 0]
    assert rows["challenger_version"].fillna(0).tolist() == [0, 4, 0, 0]
    assert rows["challenger_probability"].fillna(0).tolist() == [0, 0.9, 0, 0]


def test_a_prediction_with_a_horizon_is_judged_by_the_time_after_its_own_moment(
    churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the day on which its horizon ends; late events count, those beyond the horizon do not. The label is 1 for more
    than 20 in the ten hours after the moment."""
    case = with_horizon(churn, LABEL, tmp_path, monkeypatch, cutoff_minutes=[60, 300, 1440])
    now = clock.naive(NOON)
    opened = {"a": now - timedelta(hours=30), "b": now - timedelta(hours=30), "old": now - timedelta(hours=90),
              "new": now - timedelta(hours=9), "never": now - timedelta(hours=30)}  # fmt: skip
    closed = {"b": opened["b"] + timedelta(hours=5)}
    users = [
        {"user_id": name, "registered_at": at, "window_start": at, "window_end": at + timedelta(days=1),
         "first_seen_at": at, "last_seen_at": at, "batch_id": 1, "closed_at": closed.get(name)}
        for name, at in opened.items()
    ]  # fmt: skip

    def bet(user: str, hours: float, amount: int, batch_id: int = 1, event_id: str | None = None) -> dict[str, Any]:
        at = opened[user] + timedelta(hours=hours)
        return {"user_id": user, "event_type": "new_bet", "event_time": at, "bet_amount": Decimal(amount),
                "batch_id": batch_id, "event_id": event_id, "ingested_at": now, "source_file": "test"}  # fmt: skip

    events = [bet("a", 4, 15, event_id="x"), bet("a", 4.5, 15, event_id="x"), bet("a", 12, 10, batch_id=2),
              bet("a", 28, 50), bet("b", 4, 30), bet("never", 3, 1), bet("old", 3, 99), bet("new", 3, 99)]  # fmt: skip
    hours = {"a": (1, 3, 10, 26), "b": (1, 4.5, 6), "old": (2,), "new": (1,)}
    made = [
        {"user_id": user, "batch_id": 1, "as_of": opened[user] + timedelta(hours=at),
         "scored_at": opened[user] + timedelta(hours=at), "model_version": 3, "probability": 0.5}
        for user, each in hours.items()
        for at in each
    ]  # fmt: skip
    batch = {"rows_stored": 9, "rows_rejected": 0, "last_event_at": now, "started_at": now, "committed_at": now}
    with open_lake(case) as lake:
        with lake.transaction():
            lake.append("users", pa.Table.from_pylist(users))
            lake.append("events", pa.Table.from_pylist(events))
            lake.append("predictions", pa.Table.from_pylist(made))
            lake.append("micro_batches", pa.Table.from_pylist([batch | {"batch_id": number} for number in (1, 2)]))
        before, after = (realised.matured(lake, case, upto) for upto in (1, 2))
        found = {(row["user_id"], (row["as_of"] - opened[row["user_id"]]) / timedelta(hours=1)): row["label"]
                 for row in lake.rows_of("labels")}  # fmt: skip
        measured = list(realised.outcome_rate(lake, 1))
    # Of a at hour 10 nothing is known before the late event; at hour 26, the window's end, the horizon is not over.
    assert [(row.user_id, row.minutes, row.label) for row in before.itertuples()] == [
        ("a", 60, 0), ("a", 180, 0), ("b", 60, 1)
    ]  # fmt: skip
    assert [(row.user_id, row.minutes, row.label) for row in after.itertuples()] == [
        ("a", 60, 0), ("a", 180, 1), ("a", 600, 0), ("b", 60, 1)
    ]  # fmt: skip
    # At the cut-offs, scored or not: b was at risk for five hours, and of a nothing is known after five hours but 10.
    assert found == {("a", 1): 0, ("a", 5): 0, ("b", 1): 1, ("never", 1): 0, ("never", 5): None}
    assert [(one.metric, one.value) for one in measured] == [("realised_users", 3), ("realised_rate", 1 / 3)]
