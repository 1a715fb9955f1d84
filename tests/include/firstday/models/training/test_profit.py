"""Profit by threshold: by hand, best where theory says, and with an interval that holds the truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from include.firstday.errors import UseCaseError
from include.firstday.models.training.profit import profit
from include.firstday.models.value import value_of
from include.firstday.use_case import use_case
from include.firstday.use_case.decision import Decision
from include.firstday.use_case.use_case import UseCase

MONEY = {"currency": "EUR", "offer_cost": 2, "value_of_retained": 12, "kept_share": 0.5}
DECISION = Decision.model_validate(MONEY)


def test_a_hand_made_case() -> None:
    labels, probability = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.5, 0.1])
    found = profit(labels, probability, np.arange(4).astype(object), np.full(4, 12.0), DECISION)
    # A churner brings 0.5 x 12 - 2 = 4 with an offer, another user -2.
    expected = {0.0: (4 - 2 + 4 - 2) / 4, 0.2: (4 - 2 + 4) / 4, 0.8: (4 - 2) / 4, 0.85: 4 / 4, 0.95: 0.0}
    assert {threshold: found.at(threshold).value for threshold in expected} == pytest.approx(expected)
    assert (found.best_threshold.value, found.best.value) == (pytest.approx(0.11), pytest.approx(1.5))


def test_the_best_threshold_is_where_an_offer_costs_what_it_brings() -> None:
    """Of calibrated probabilities: 2 / (0.5 x 12), and the use case's threshold is the same."""
    chance = np.random.default_rng(1)
    probability = chance.random(40_000)
    labels = (chance.random(40_000) < probability).astype(np.int64)
    users = np.arange(40_000).astype(object)
    found = profit(labels, probability, users, np.full(40_000, 12.0), DECISION)
    assert found.best_threshold.low <= 1 / 3 <= found.best_threshold.high + 0.01  # a step of thresholds
    # The profit then is the integral of 6 p - 2 from 1/3 to 1.
    assert found.at(1 / 3).low <= 4 / 3 <= found.at(1 / 3).high
    assert found.table()["profit_per_user"].max() == found.best.value


def test_the_threshold_of_a_use_case_follows_from_its_decision(churn: UseCase) -> None:
    case = UseCase.model_validate(churn.model_dump() | {"decision": MONEY})
    assert case.scoring.costs.threshold == pytest.approx(1 / 3)
    assert UseCase.model_validate(case.model_dump()) == case
    by_feature = MONEY | {"value_of_retained": {"feature": "purchase_sum"}}
    case = UseCase.model_validate(churn.model_dump() | {"decision": by_feature})
    assert case.scoring.costs == churn.scoring.costs


def test_a_users_value_may_follow_from_a_feature() -> None:
    value = {"feature": "purchase_sum", "times": 0.5, "minimum": 1}
    decision = Decision.model_validate(MONEY | {"value_of_retained": value})
    assert value_of(decision, pd.DataFrame({"purchase_sum": [10, 1, None]})).tolist() == [5, 1, 1]
    assert value_of(DECISION, pd.DataFrame({"purchase_sum": [10, 1]})).tolist() == [12, 12]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"offer_cost": 6}, "no offer pays otherwise"),
        ({"value_of_retained": {"feature": "nothing"}}, "expected one of the features, found 'nothing'"),
    ],
)
def test_a_wrong_decision_is_refused(churn: UseCase, changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        UseCase.model_validate(churn.model_dump() | {"decision": MONEY | changed})


def test_a_yaml_says_once_what_a_missed_churner_costs(churn: UseCase, tmp_path: Path) -> None:
    content = yaml.safe_load((churn.folder / "use_case.yaml").read_text()) | {"decision": MONEY}
    path = tmp_path / churn.name / "use_case.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UseCaseError, match=r"expected scoring\.costs or decision"):
        use_case.read(path)
    del content["scoring"]["costs"]
    path.write_text(yaml.safe_dump(content))
    assert use_case.read(path).scoring.costs.threshold == pytest.approx(1 / 3)
