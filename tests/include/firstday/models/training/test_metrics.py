"""Metrics say what their names say; intervals hold the truth, and are wider where rows repeat their user."""

import numpy as np
import pytest

from include.firstday.models.training.metrics import METRICS, Scored, advantage, estimates, scores
from include.firstday.use_case.use_case import Costs

COSTS = Costs(missed_user=2, unneeded_offer=3)


def sample(users: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels that came true as their probabilities say, one row a user."""
    chance = np.random.default_rng(seed)
    probability = chance.beta(2, 1.5, users)
    return (chance.random(users) < probability).astype("int64"), probability, np.arange(users)


def test_the_threshold_is_where_an_offer_costs_as_much_as_none() -> None:
    assert COSTS.threshold == pytest.approx(0.6)
    labels, probability, _ = sample(50_000)

    def cost(threshold: float) -> float:
        called = probability >= threshold
        return float(np.mean(2 * (~called & (labels == 1)) + 3 * (called & (labels == 0))))

    assert cost(COSTS.threshold) == pytest.approx(scores(labels, probability, COSTS)["cost_per_user"])
    assert cost(COSTS.threshold) < min(cost(0.5), cost(0.7), cost(0.0), cost(1.01))


def test_a_hand_made_case() -> None:
    labels, probability = np.array([1] * 5 + [0] * 5), np.array([0.9] * 4 + [0.2] + [0.7] + [0.1] * 4)
    found = scores(labels, probability, COSTS)
    assert found["accuracy"] == 0.8  # one missed, one called in vain
    assert found["f1"] == pytest.approx(2 * 4 / (5 + 5))
    assert found["lift_at_10_percent"] == 2  # the first is a churner, where half are
    assert found["cost_per_user"] == pytest.approx((2 + 3) / 10)
    assert found["brier"] == pytest.approx(np.mean((probability - labels) ** 2))


def test_calibration_error_is_small_for_true_probabilities_and_the_gap_for_others() -> None:
    labels, probability, _ = sample(50_000)
    assert scores(labels, probability, COSTS)["calibration_error"] < 0.015
    assert scores(labels, np.clip(probability + 0.2, 0, 1), COSTS)["calibration_error"] > 0.1


def test_weights_count_as_repeated_rows_do() -> None:
    labels, probability, _ = sample(300)
    twice = np.random.default_rng(2).integers(1, 4, 300)
    for name, metric in METRICS.items():
        if name == "calibration_error":  # its bins are those of the rows, not of their weights
            continue
        weighted = metric.of(Scored(labels, probability, twice.astype("float64"), COSTS))
        repeated = metric.of(Scored(labels.repeat(twice), probability.repeat(twice), np.ones(twice.sum()), COSTS))
        assert weighted == pytest.approx(repeated), name


def test_intervals_hold_the_value_and_widen_where_rows_repeat_a_user() -> None:
    labels, probability, users = sample(400)
    alone = estimates(labels, probability, users, COSTS)["log_loss"]
    repeated = estimates(labels.repeat(6), probability.repeat(6), users.repeat(6), COSTS)["log_loss"]
    taken_for_others = estimates(labels.repeat(6), probability.repeat(6), np.arange(2400), COSTS)["log_loss"]
    assert alone.low < alone.value < alone.high
    assert repeated.high - repeated.low == pytest.approx(alone.high - alone.low, rel=0.3)
    assert taken_for_others.high - taken_for_others.low < 0.6 * (alone.high - alone.low)


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc", "brier"])
def test_an_advantage_is_above_zero_for_the_better_and_zero_for_the_same(metric: str) -> None:
    labels, probability, users = sample(2000)
    noisy = np.clip(probability + np.random.default_rng(4).normal(0, 0.4, 2000), 0.01, 0.99)
    assert advantage(metric, labels, probability, noisy, users, COSTS).low > 0
    assert advantage(metric, labels, noisy, probability, users, COSTS).high < 0
    same = advantage(metric, labels, probability, probability, users, COSTS)
    assert (same.low, same.value, same.high) == (0, 0, 0)
