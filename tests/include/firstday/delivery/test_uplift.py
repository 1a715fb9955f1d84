"""A model of uplift from an experiment in the lake: gated, registered, ordering a budget, and rolled back."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from include.firstday.delivery import deliver_predictions, orders, uplift
from include.firstday.errors import NothingToRollBackError, TooLittleDataError
from include.firstday.lake import checkpoints
from include.firstday.models import registry
from include.firstday.models.uplift import qini, store
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.delivery.test_decisions import NOON, arm_of, predict, reached, with_rules
from tests.include.firstday.delivery.test_deliver_predictions import begin
from tests.include.firstday.delivery.test_measure_effect import MONEY, reach


def case_of(churn: UseCase, **when: object) -> UseCase:
    changed = churn.model_dump() | {"effect": {"outcome": "label"}, "decision": MONEY}
    changed |= {"uplift": {"minimum_users": 2000, "regressors": {"linear": churn.uplift.regressors["linear"]}}}
    return with_rules(UseCase.model_validate(changed), once=True, holdout={"share": 0.5, "salt": "spring"}, **when)


def played(case: UseCase, users: int, effect: float) -> None:
    """Users whose risk is in bet_count, and of whom those with the most purchases are kept by an offer."""
    chance, spread = np.random.default_rng(1), timedelta(minutes=1)
    ids = [f"user-{number:06}" for number in range(users)]
    features = {name: chance.normal(size=users) for name in case.features if not name.endswith("_count")}
    features |= {"purchase_count": chance.poisson(3, users), "bet_count": chance.poisson(20, users)}
    risk = np.clip(0.6 + 0.02 * (features["bet_count"] - 20), 0.05, 0.95)
    treated = np.array([arm_of(user, "spring", 0.5) == "treated" for user in ids])
    saved = np.where(treated & (features["purchase_count"] >= 5), effect, 0)
    label = (chance.random(users) < risk - saved).astype(int)
    opened = pa.array([NOON - timedelta(hours=1)] * users, pa.timestamp("us"))
    times = dict.fromkeys(("registered_at", "window_start", "first_seen_at", "last_seen_at", "window_end"), opened)
    with open_lake(case) as lake, lake.transaction():
        for batch in range(4):
            rows = slice(batch * users // 4, (batch + 1) * users // 4)
            count = len(ids[rows])
            lake.append("users", pa.table({"user_id": ids[rows], "label": pa.array(label[rows], pa.int32()),
                "batch_id": [batch + 1] * count} | {name: column[rows] for name, column in times.items()}))  # fmt: skip
            lake.append("predictions", pa.table({"user_id": ids[rows], "probability": risk[rows],
                "predicted": [True] * count, "model_name": ["m"] * count, "model_version": [1] * count,
                "scored_at": pa.array([NOON + batch * spread] * count, pa.timestamp("us")),
                "batch_id": [batch + 1] * count}
                | {name: column[rows] for name, column in features.items()}))  # fmt: skip
        checkpoints.advance(lake, "score_users", 0, 4)
    deliver_predictions.deliver_predictions(case, "offers")
    reach(case, NOON + timedelta(days=1))


@pytest.mark.slow
def test_a_model_that_finds_whom_an_offer_changes_orders_the_budget(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qini, "REPEATS", 200)
    case = case_of(churn)
    begin(case)
    with pytest.raises(TooLittleDataError, match="offers: expected an experiment"):
        uplift.train_uplift(case, "offers")
    played(case, users=8000, effect=0.5)
    trained = uplift.train_uplift(case, "offers")
    assert trained is not None
    assert trained.is_promoted, trained.reason
    assert trained.users == 8000
    assert uplift.train_uplift(case, "offers") is None  # nothing new
    assert store.champion_version(case, "offers") == trained.version == 1
    client = registry.client()
    version = client.get_model_version("first_day_churn_uplift_offers", "1")
    assert "**Promoted to champion.**" in version.description
    assert version.tags["experiment"] == "offers-spring-0.5"
    metrics = client.get_run(version.run_id).data.metrics
    assert metrics["qini_low"] > 0
    assert metrics["uplift_at_10_percent"] > metrics["uplift_at_30_percent"]

    budgeted = case_of(churn, budget={"per_day": 10, "order_by": "gain"})
    by_gain = orders.order(budgeted, "offers")
    assert by_gain is not None
    assert orders.order(case, "offers") is None
    before = set(reached(budgeted))
    due = {f"next-{number:04}": 0.5 + number / 1000 for number in range(200)}
    batch_id = predict(budgeted, due, hours=24)
    values = dict.fromkeys(case.features, "0") | {
        "purchase_count": "substr(user_id, 6)::int % 10",
        "bet_count": "substr(user_id, 6)::int % 7",
    }
    with open_lake(budgeted) as lake, lake.transaction():
        changes = ", ".join(f"{name} = {value}" for name, value in values.items())
        lake._connection.execute(f"update predictions set {changes} where batch_id = {batch_id}")
    deliver_predictions.deliver_predictions(budgeted, "offers", order=by_gain)
    now = sorted(set(reached(budgeted)) - before)
    assert len(now) == 10
    assert {int(user[-4:]) % 10 for user in now} <= {8, 9}  # those with the most purchases, whatever their risk
    with open_lake(budgeted, read_only=True) as lake:
        rows = lake.query("from predictions where user_id like 'next-%' order by user_id")
    gains = dict(zip(rows["user_id"].to_pylist(), by_gain(rows), strict=True))
    assert gains[now[0]] > 0 > min(gains.values())  # 40 for a saved user, less 2

    with pytest.raises(NothingToRollBackError, match="there was none before it"):
        store.rollback(case, "offers")


@pytest.mark.slow
def test_without_uplift_no_model_is_promoted_and_the_budget_stays_ordered_by_risk(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qini, "REPEATS", 200)
    case = case_of(churn, budget={"per_day": 100_000, "order_by": "uplift"})
    begin(case)
    played(case, users=2000, effect=0)
    trained = uplift.train_uplift(case, "offers")
    assert trained is not None
    assert not trained.is_promoted
    assert store.champion_version(case, "offers") is None
    assert orders.order(case, "offers") is None
    store.promote(case, "offers", 1, "for the test")
    wanted = case.model_copy(update={"uplift": case.uplift.model_copy(update={"minimum_users": 2001})})
    with pytest.raises(TooLittleDataError, match="2,000 users have a known outcome"):
        uplift.train_uplift(wanted, "offers")
    with open_lake(case) as lake, lake.transaction():
        lake.erase("deliveries", ["user-000001"])
    again = uplift.train_uplift(case.model_copy(update={"uplift": case.uplift.model_copy(
        update={"minimum_users": 1000})}), "offers")  # fmt: skip
    assert again is not None
    store.promote(case, "offers", again.version, "for the test")
    assert store.rollback(case, "offers") == (2, 1)
    assert store.champion_version(case, "offers") == 1
