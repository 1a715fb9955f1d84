"""Effects through the lake: true effects found, none invented, broken and contaminated experiments named."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.firstday.authoring import check_use_case
from include.firstday.delivery import deliver_predictions, effects, measure_effect
from include.firstday.delivery.effects import Effect
from include.firstday.errors import InputError
from include.firstday.lake import checkpoints, statements
from include.firstday.models import registry
from include.firstday.operations import forget_user
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.delivery.test_decisions import NOON, arm_of, with_rules
from tests.include.firstday.delivery.test_deliver_predictions import begin

USERS = 3000
MONEY = {"currency": "EUR", "offer_cost": 2, "value_of_retained": 40}


def case_of(churn: UseCase, holdout: dict[str, Any] | None = None, **changes: Any) -> UseCase:
    """A use case whose target holds out a half, measured by the label."""
    changed = UseCase.model_validate(churn.model_dump() | {"effect": {"outcome": "label"}} | changes)
    return with_rules(changed, once=True, holdout=holdout or {"share": 0.5, "salt": "spring"})


def played(case: UseCase, effect: float, users: int = USERS, prefix: str = "user", hours: float = 0) -> None:
    """So many users who are predicted to churn, and of whom 60 % do, fewer of those who are treated."""
    chance = np.random.default_rng(len(prefix))
    ids = [f"{prefix}-{number:06}" for number in range(users)]
    holdout = case.targets["offers"].when.holdout
    assert holdout
    treated = np.array([arm_of(user, holdout.salt, holdout.share) == "treated" for user in ids])
    label = (chance.random(users) < np.where(treated, 0.6 - effect, 0.6)).astype(int)
    moment, opened = NOON + timedelta(hours=hours), NOON + timedelta(hours=hours - 1)
    with open_lake(case) as lake, lake.transaction():
        after = checkpoints.of(lake, "score_users")
        lake.append(
            "users",
            pa.table({"user_id": ids, "label": pa.array(label, pa.int32())}
                | {name: pa.array([opened] * users, pa.timestamp("us")) for name in
                   ("registered_at", "window_start", "first_seen_at", "last_seen_at")}
                | {"window_end": pa.array([opened + timedelta(days=1)] * users, pa.timestamp("us")),
                   "batch_id": [after + 1] * users}),
        )  # fmt: skip
        lake.append(
            "predictions",
            pa.table({"user_id": ids, "probability": chance.random(users), "predicted": [True] * users,
                "scored_at": pa.array([moment] * users, pa.timestamp("us")), "batch_id": [after + 1] * users,
                "model_name": ["m"] * users, "model_version": [1] * users,
                "bet_count": chance.poisson(20, users), "bet_mean": chance.lognormal(size=users)}),
        )  # fmt: skip
        checkpoints.advance(lake, "score_users", after, after + 1)
    reach(case, moment)


def reach(case: UseCase, moment: datetime) -> None:
    """Let events be complete up to a moment, by a micro-batch without any users."""
    with open_lake(case) as lake, lake.transaction():
        number = checkpoints.stored(lake).batch_id + 1
        times = dict.fromkeys(("started_at", "committed_at", "first_event_at", "last_event_at"), moment)
        lake.insert_row("micro_batches", batch_id=number, rows_stored=0, rows_rejected=0, **times)


def measured(case: UseCase) -> Effect:
    (one,) = measure_effect.measure_effect(case)
    return one


def deliver(case: UseCase) -> None:
    deliver_predictions.deliver_predictions(case, "offers")


def test_an_effect_is_found_with_its_interval_and_told_in_the_currency(churn: UseCase) -> None:
    case = case_of(churn, decision=MONEY)
    begin(case)
    played(case, effect=0.10)
    deliver(case)
    early = measured(case)
    assert (early.treated, early.effect, early.entered) == (0, None, USERS)
    assert "no outcomes of both arms are known yet" in effects.describe(case, early)
    reach(case, NOON + timedelta(days=1))
    one = measured(case)
    assert one.treated + one.holdout == USERS
    assert one.low < 0.10 < one.high
    assert one.valid_low < one.low < one.effect < one.high < one.valid_high
    assert one.is_shown
    assert (one.erased, one.contaminated, one.is_final) == (0, 0, False)
    assert list(effects.alerts(one)) == []
    # An offer costs 2, and 40 is what each of the saved brings.
    assert one.gain_per_user == pytest.approx(40 * one.effect - 2)
    saved, said = one.effect * one.treated, effects.describe(case, one)
    assert said.startswith(f"offers-spring-0.5: saved {100 * one.effect:.1f} points ({100 * one.valid_low:.1f} to ")
    assert f"{saved:,.0f} users, at {2 * one.treated / saved:.2f} EUR each" in said
    assert [row["effect"] for row in measure_effect.latest(case)] == [one.effect]
    assert measure_effect.of_row(measure_effect.latest(case, "offers-spring-0.5")[0]) == one
    with pytest.raises(InputError, match="no experiment nothing; the experiments are: offers-spring-0"):
        measure_effect.latest(case, "nothing")
    client = registry.client()
    (logged,) = client.search_runs(
        [client.get_experiment_by_name(case.name).experiment_id], "attributes.run_name = 'experiment offers-spring-0.5'"
    )
    assert logged.data.metrics["effect"] == pytest.approx(one.effect)
    assert logged.data.tags["mlflow.note.content"] == said


def test_of_a_positive_outcome_more_is_better(churn: UseCase) -> None:
    case = case_of(churn, outcome={"name": "purchase", "positive": True})
    begin(case)
    played(case, effect=-0.15)
    deliver(case)
    reach(case, NOON + timedelta(days=1))
    one = measured(case)
    assert one.low < 0.15 < one.high
    assert effects.finding(case, one).startswith("gained ")


def test_where_there_is_none_no_effect_is_told(churn: UseCase) -> None:
    case = case_of(churn)
    begin(case)
    played(case, effect=0)
    deliver(case)
    reach(case, NOON + timedelta(days=1))
    one = measured(case)
    assert not one.is_shown
    assert effects.describe(case, one).startswith("offers-spring-0.5: no effect shown: ")
    assert "points can be detected" in effects.describe(case, one)


def test_with_a_horizon_only_its_users_count_and_there_is_one_final_look(churn: UseCase) -> None:
    case = case_of(churn, {"share": 0.5, "salt": "spring", "horizon_days": 2})
    begin(case)
    played(case, effect=0.1)
    deliver(case)
    played(case, effect=-0.3, prefix="later", hours=49)
    deliver(case)
    reach(case, NOON + timedelta(hours=71))
    one = measured(case)
    assert (one.is_final, one.entered, one.treated + one.holdout) == (False, USERS, USERS)
    assert one.interval == (one.valid_low, one.valid_high)
    reach(case, NOON + timedelta(hours=72))
    one = measured(case)
    assert (one.is_final, one.is_at_horizon) == (True, True)
    assert one.interval == (one.low, one.high)
    assert measure_effect.measure_effect(case) == []  # once
    assert measure_effect.latest(case)[0]["is_final"]


def test_a_broken_randomisation_is_an_alert_that_names_the_feature(churn: UseCase) -> None:
    case = case_of(churn)
    begin(case)
    played(case, effect=0)
    deliver(case)
    with open_lake(case) as lake, lake.transaction():
        lake._connection.execute(
            "delete from deliveries where arm = 'holdout' and user_id in "
            "(select user_id from predictions where bet_count > 24)"
        )
    (alert,) = effects.alerts(measured(case))
    assert "the arms differ in bet_count more than chance explains" in alert


def test_held_out_users_who_were_reached_are_an_alert(churn: UseCase) -> None:
    case = case_of(churn)
    begin(case)
    played(case, effect=0)
    deliver(case)
    with open_lake(case) as lake, lake.transaction():
        lake._connection.execute(
            "insert into deliveries by name select target, user_id, 1 as batch_id, probability, delivered_at "
            "from deliveries where arm = 'holdout' order by user_id limit 7"
        )
    one = measured(case)
    assert one.contaminated == 7
    assert "7 held-out users were reached" in " ".join(effects.alerts(one))


def test_who_is_erased_leaves_the_experiment_and_it_says_so(churn: UseCase) -> None:
    case = case_of(churn)
    begin(case)
    played(case, effect=0.1)
    deliver(case)
    reach(case, NOON + timedelta(days=1))
    before = measured(case)
    forget_user.forget_user(case, "user-000007")
    after = measured(case)
    assert (before.erased, after.erased) == (0, 1)
    assert after.treated + after.holdout == USERS - 1
    assert after.entered == USERS
    assert effects.describe(case, after).endswith("; 1 of its users has been erased")


def test_an_outcome_of_the_use_cases_own_is_measured_from_its_statement(churn: UseCase) -> None:
    """Bets a day after entering count, in the arm that makes more of them; those within the day do not."""
    case = case_of(churn, effect={"outcome": "statement", "known_after_hours": 48})
    check_use_case.check(case)
    begin(case)
    played(case, effect=0, users=1000)
    deliver(case)
    with open_lake(case, read_only=True) as lake:
        rows = lake.query("select user_id, arm from deliveries order by user_id").to_pylist()
    bets = [
        {"user_id": row["user_id"], "event_type": "new_bet", "batch_id": 2, "ingested_at": NOON, "source_file": "a",
         "event_time": NOON + timedelta(hours=hours)}
        for number, row in enumerate(rows)
        for hours in (1, *((30,) if number % 10 < (6 if row["arm"] == "treated" else 2) else ()))
    ]  # fmt: skip
    with open_lake(case) as lake, lake.transaction():
        lake.append("events", pa.Table.from_pylist(bets))
    reach(case, NOON + timedelta(hours=47))
    assert measured(case).effect is None
    reach(case, NOON + timedelta(hours=48))
    one = measured(case)
    assert one.treated + one.holdout == 1000
    assert one.treated_mean == pytest.approx(0.6, abs=0.05)
    assert one.holdout_mean == pytest.approx(0.2, abs=0.05)
    assert f"gained {100 * one.effect:.1f} points of the outcome (" in effects.describe(case, one)


def test_an_outcome_in_money_has_the_bootstraps_interval_and_is_in_the_currency_itself(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each treated user spends 6 on average and each held-out one 4, so that an offer of 1 gains about 1."""
    sql = tmp_path / "sql"
    shutil.copytree(statements.SQL, sql)
    monkeypatch.setattr(statements, "SQL", sql)
    text = (sql / "use_cases/first_day_churn/outcome.sql").read_text()
    counted = "cast(count(outcome_events.user_id) > 0 as integer)"
    assert counted in text
    spent = text.replace(counted, "cast(coalesce(sum(outcome_events.bet_amount), 0) as double)")
    (sql / "use_cases/first_day_churn/outcome.sql").write_text(spent)
    money = {"currency": "EUR", "offer_cost": 1, "value_of_retained": 1000}
    case = case_of(churn, effect={"outcome": "statement"}, decision=money)
    begin(case)
    played(case, effect=0, users=1000)
    deliver(case)
    with open_lake(case) as lake, lake.transaction():
        lake._connection.execute(
            "insert into events by name select user_id, 'new_bet' as event_type, 2 as batch_id, 'a' as source_file, "
            "decided_at as ingested_at, decided_at + interval 30 hours as event_time, "
            "(case when arm = 'treated' then 6 else 4 end) * (hash(user_id) % 3) as bet_amount from deliveries"
        )
    reach(case, NOON + timedelta(hours=48))
    one = measured(case)
    assert one.outcome == "mean"
    assert one.low < 2 < one.high
    assert one.gain_per_user == pytest.approx(one.effect - 1)
    assert f"gained {one.effect:.3f} per user (" in effects.describe(case, one)
    assert f"gain per treated user {one.gain_per_user:.2f} EUR (" in effects.describe(case, one)
