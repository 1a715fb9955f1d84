"""The Experiments room's answers over a real lake: what was measured, in which currency, and why to doubt it."""

from datetime import timedelta

import pyarrow as pa
import pytest

from include.firstday.delivery import effects
from include.firstday.errors import UnknownExperimentError
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import experiments
from include.firstday.web.reader import Reader
from tests.include.firstday.delivery.test_decisions import NOON, with_rules
from tests.include.firstday.delivery.test_deliver_predictions import begin
from tests.include.firstday.delivery.test_measure_effect import MONEY, USERS, case_of, deliver, measured, played, reach

NAME = "offers-spring-0.5"


def test_a_lake_without_experiments_names_the_targets_that_could_have_one(churn: UseCase) -> None:
    with open_lake(churn):
        pass
    found = experiments.experiments(Reader(with_rules(churn, once=True)))
    assert (found.experiments, found.beginning, found.without) == ([], [], ["offers"])
    held = experiments.experiments(Reader(case_of(churn)))
    assert (held.beginning, held.without) == (["offers"], [])
    assert held.measure_dag == "first_day_churn.measure_effect"


def test_an_experiment_that_is_not_measured_yet_is_listed(churn: UseCase) -> None:
    case = case_of(churn, decision=MONEY)
    begin(case)
    played(case, effect=0)
    deliver(case)
    (one,) = experiments.experiments(Reader(case)).experiments
    assert (one.experiment, one.sentence, one.latest, one.money) == (NAME, experiments.NOT_MEASURED, None, None)
    about = experiments.experiment(Reader(case), NAME)
    assert (about.measurements, about.entered) == ([], USERS)
    assert sum(arm.users for arm in about.arms) == USERS
    measured(case)  # before any outcome is known
    one = experiments.experiment(Reader(case), NAME).experiment
    assert one.latest is not None
    assert (one.low, one.latest.effect, one.money and one.money.gain) == (None, None, None)


def test_the_money_is_that_of_the_treated_users(churn: UseCase) -> None:
    case = case_of(churn, decision=MONEY)
    begin(case)
    played(case, effect=0.1)
    deliver(case)
    reach(case, NOON + timedelta(days=1))
    one = measured(case)
    found = experiments.experiment(Reader(case), NAME)
    about, money = found.experiment, found.experiment.money
    assert about.sentence == effects.describe(case, one).removeprefix(f"{NAME}: ")
    assert about.is_shown
    assert money is not None
    assert (money.currency, money.cost) == ("EUR", 2 * one.treated)
    assert money.gain == pytest.approx((40 * one.effect - 2) * one.treated)
    assert money.cost_per_saved == pytest.approx(2 / one.effect)
    assert {arm.arm: (arm.known, arm.mean) for arm in found.arms} == {
        "treated": (one.treated, one.treated_mean),
        "holdout": (one.holdout, one.holdout_mean),
    }


def test_reasons_to_doubt_are_told_and_suppressed_predictions_counted(churn: UseCase) -> None:
    case = with_rules(case_of(churn), once=False, changed_by=0.0, holdout={"share": 0.5, "salt": "spring"},
                      cooldown_hours=48, budget={"per_day": 300})  # fmt: skip
    begin(case)
    played(case, effect=0)
    deliver(case)
    with open_lake(case) as lake:
        held = [row["user_id"] for row in lake.rows_of("deliveries", arm="holdout")][:7]
        with lake.transaction():  # another system has reached them by the same target
            for user in held:
                lake.insert_row("deliveries", target="offers", user_id=user, batch_id=1, probability=0.5,
                                delivered_at=NOON, decided_at=NOON)  # fmt: skip
    reach(case, NOON + timedelta(days=1))
    measured(case)
    found = experiments.experiment(Reader(case), NAME)
    assert found.contaminated == len(held) > 0
    assert any("7 held-out users were reached" in alert for alert in found.experiment.alerts)
    with open_lake(case, read_only=True) as lake:
        counted = lake.query(
            "select suppressed_because as reason, count(*) as predictions, count(distinct user_id) as users "
            "from deliveries where suppressed_because is not null group by all order by predictions desc"
        ).to_pylist()
    assert [one.model_dump() for one in found.suppressed] == counted
    assert counted[0]["reason"] == "budget"


def test_many_measurements_are_thinned_and_the_last_is_kept(churn: UseCase) -> None:
    case = case_of(churn)
    begin(case)
    played(case, effect=0)
    deliver(case)
    reach(case, NOON + timedelta(days=1))
    one = measured(case)
    rows = [vars(one) | {"measured_at": one.measured_at - timedelta(hours=hour)} for hour in range(1, 1300)]
    with open_lake(case) as lake, lake.transaction():
        lake.append("effects", pa.Table.from_pylist(rows))
    found = experiments.experiment(Reader(case), NAME).measurements
    assert experiments.POINTS <= len(found) <= 2 * experiments.POINTS
    assert found[-1].measured_at == one.measured_at
    assert [row.measured_at for row in found] == sorted(row.measured_at for row in found)


def test_an_unknown_experiment_is_said(churn: UseCase) -> None:
    with open_lake(churn):
        pass
    with pytest.raises(UnknownExperimentError, match="no experiment nothing"):
        experiments.experiment(Reader(churn), "nothing")
