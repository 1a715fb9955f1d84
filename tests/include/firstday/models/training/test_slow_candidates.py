"""A candidate that cannot take all rows in its time is named and skipped; the others are trained."""

import time
from datetime import UTC, datetime
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline

from include.firstday.errors import UseCaseError
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.models import registry
from include.firstday.models.training import candidates, evaluate, metrics, training_set
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Sleeper(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Takes a time that grows with a power of the rows."""

    def __init__(self, seconds: float, power: float) -> None:
        self.seconds, self.power = seconds, power

    def fit(self, features: pd.DataFrame, labels: np.ndarray) -> "Sleeper":
        time.sleep(self.seconds * (len(features) / 1000) ** self.power)
        return self


class Paused(Sleeper):
    """Takes longer whenever it is fitted on a number of rows for the first time."""

    seen: ClassVar[set[int]] = set()

    def fit(self, features: pd.DataFrame, labels: np.ndarray) -> "Sleeper":
        if len(features) not in self.seen:
            time.sleep(len(features) / 1000)
            self.seen.add(len(features))
        return super().fit(features, labels)


@pytest.mark.parametrize(
    ("slow", "expected"),
    [
        (Sleeper(seconds=0.1, power=1), 4),
        (Sleeper(seconds=0.1, power=2), 160),
        (Paused(seconds=0.1, power=1), 4),  # the pause is the machine's and no steep growth
    ],
)
def test_fits_on_few_users_show_how_long_all_take(slow: Sleeper, expected: float) -> None:
    rows = 40_000
    users = pd.Series([f"user-{number // 4:06}" for number in range(rows)])
    features, labels = pd.DataFrame({"bet_count": np.arange(rows)}), np.zeros(rows)
    unfitted = Pipeline([("estimate", slow)])
    assert candidates.foreseen_seconds(unfitted, features, labels, users) == pytest.approx(expected, rel=0.5)


@pytest.mark.slow
def test_a_candidate_without_the_time_is_named_in_its_run_and_in_the_card(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "REPEATS", 20)  # of the bootstrap: half a minute's worth otherwise
    monkeypatch.setattr(candidates, "PROBED_FROM_ROWS", 1)
    generate_events.generate_history(churn, NOON, days=1.6)
    store_events.store_events(churn)
    update_features.update_features(churn)
    built = training_set.build_training_set(churn)
    hurried = churn.model_copy(update={"training": churn.training.model_copy(update={"candidate_minutes": 1e-6})})
    skipped = candidates.train_candidate(hurried, built, "random_forest")
    reason = skipped[candidates.SKIPPED]
    assert reason.startswith("it would take about ")
    assert reason.endswith("more than training.candidate_minutes (1e-06)")
    run = registry.client().get_run(skipped["run_id"])
    assert run.data.tags["firstday.skipped_because"] == reason

    with pytest.raises(UseCaseError, match=r"training.candidates: none was trained: random_forest: it would take"):
        evaluate.evaluate_candidate(churn, built, [skipped])
    taken = candidates.train_candidate(churn, built, "logistic_regression")
    tested = evaluate.evaluate_candidate(churn, built, [skipped, taken])
    assert tested["name"] == "logistic_regression"
    card = _card(churn, built, tested)
    assert f"random_forest was not trained: {reason}." in card
    assert "| logistic_regression |" in card
    assert "| random_forest |" not in card


def _card(case: UseCase, built: dict[str, object], tested: dict[str, object]) -> str:
    from include.firstday.models.training import model_card

    return model_card.markdown(case, built, tested, {"is_promoted": False, "reason": "of the test"}, [])
