"""How good probabilities are, as plain numbers, and how sure they are.

Rows of one user belong together, so intervals come from drawing users, not rows, again (the cluster bootstrap).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from include.firstday.use_case.use_case import Costs

Values = NDArray[np.float64]
Labels = NDArray[np.int64]
REPEATS = 200
CALIBRATION_BINS = 10
LIFT_SHARE = 0.1


@dataclass(frozen=True)
class Scored:
    """Rows that were scored: labels, probabilities, weights, each of shape (n,), and the threshold of a decision."""

    labels: Labels
    probability: Values
    weights: Values
    costs: Costs

    @property
    def called(self) -> NDArray[np.bool_]:
        """Who would be made an offer."""
        return self.probability >= self.costs.threshold

    def share(self, condition: NDArray[np.bool_]) -> float:
        """Weighted share of the rows for which a condition holds."""
        return float(np.average(condition, weights=self.weights))


@dataclass(frozen=True)
class Metric:
    """A measure of scored rows, whether more of it is better, and its formula or source."""

    of: Callable[[Scored], float]
    more_is_better: bool
    about: str


def _accuracy(rows: Scored) -> float:
    return rows.share(rows.called == (rows.labels == 1))


def _f1(rows: Scored) -> float:
    hits = rows.share(rows.called & (rows.labels == 1))
    return 2 * hits / max(rows.share(rows.called) + rows.share(rows.labels == 1), 1e-12)


def _brier(rows: Scored) -> float:
    return float(np.average((rows.probability - rows.labels) ** 2, weights=rows.weights))


def _calibration_error(rows: Scored) -> float:
    """Mean distance between the predicted and the seen rate over ten bins of as many rows (Naeini et al., 2015)."""
    edges = np.quantile(rows.probability, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1])
    bins = np.searchsorted(edges, rows.probability, side="right")
    gaps = np.bincount(bins, rows.weights * (rows.probability - rows.labels), CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / rows.weights.sum())


def _calibration_gap(rows: Scored) -> float:
    """Distance between the mean prediction and the observed rate (calibration in the large)."""
    return abs(float(np.average(rows.probability - rows.labels, weights=rows.weights)))


def _lift(rows: Scored) -> float:
    """How many times the share with the outcome is that of everybody among the tenth with the highest probability."""
    order = np.argsort(-rows.probability, kind="stable")
    before = np.cumsum(rows.weights[order]) - rows.weights[order]
    taken = np.clip(LIFT_SHARE * rows.weights.sum() - before, 0, rows.weights[order])
    rate = float(np.average(rows.labels, weights=rows.weights))
    return float(np.average(rows.labels[order], weights=taken)) / max(rate, 1e-12)


def _cost(rows: Scored) -> float:
    missed = rows.share(~rows.called & (rows.labels == 1)) * rows.costs.missed_user
    return missed + rows.share(rows.called & (rows.labels == 0)) * rows.costs.unneeded_offer


METRICS = {
    "roc_auc": Metric(
        lambda rows: float(roc_auc_score(rows.labels, rows.probability, sample_weight=rows.weights)),
        True,
        "probability that a user with the outcome has a higher probability than one without (Hanley and McNeil, 1982)",
    ),
    "pr_auc": Metric(
        lambda rows: float(average_precision_score(rows.labels, rows.probability, sample_weight=rows.weights)),
        True,
        "average precision: precision at each threshold, weighted by the gain in recall",
    ),
    "log_loss": Metric(
        lambda rows: float(log_loss(rows.labels, rows.probability, sample_weight=rows.weights, labels=[0, 1])),
        False,
        "mean of −ln of the probability of what came true",
    ),
    "brier": Metric(_brier, False, "mean of (probability − label)² (Brier, 1950)"),
    "calibration_error": Metric(
        _calibration_error,
        False,
        "mean distance of predicted and observed rates over ten bins of equal size (Naeini et al., 2015)",
    ),
    "calibration_gap": Metric(
        _calibration_gap,
        False,
        "distance of the mean prediction from the observed rate (calibration in the large, Van Calster et al., 2016)",
    ),
    "accuracy": Metric(_accuracy, True, "share of right decisions at the threshold"),
    "f1": Metric(_f1, True, "harmonic mean of precision and recall at the threshold"),
    "lift_at_10_percent": Metric(
        _lift, True, "share with the outcome of the tenth with the highest probability, divided by that of all"
    ),
    "cost_per_user": Metric(
        _cost, False, "share of missed users and of unneeded offers, each times its cost in `scoring.costs`"
    ),
}


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def scores(
    labels: Labels, probability: Values, costs: Costs | None = None, weights: Values | None = None
) -> dict[str, float]:
    """Every metric by its name; arrays of shape (n,), both labels among them. Costs are equal where none are given."""
    rows = Scored(labels, probability, np.ones(len(labels)) if weights is None else weights, costs or Costs())
    return {name: metric.of(rows) for name, metric in METRICS.items()}


def estimates(labels: Labels, probability: Values, users: NDArray[np.object_], costs: Costs) -> dict[str, Estimate]:
    """Every metric with its bootstrap interval; arrays of shape (n,)."""
    found = scores(labels, probability, costs)
    drawn = [scores(labels, probability, costs, weights) for weights in draws(labels, users)]
    return {name: _estimate(value, [draw[name] for draw in drawn]) for name, value in found.items()}


def estimate(metric: str, labels: Labels, probability: Values, users: NDArray[np.object_], costs: Costs) -> Estimate:
    """One metric with its bootstrap interval; arrays of shape (n,)."""
    of = METRICS[metric].of
    drawn = [of(Scored(labels, probability, weights, costs)) for weights in draws(labels, users)]
    return _estimate(of(Scored(labels, probability, np.ones(len(labels)), costs)), drawn)


def advantage(
    metric: str, labels: Labels, ours: Values, theirs: Values, users: NDArray[np.object_], costs: Costs
) -> Estimate:
    """By how much `ours` is better than `theirs` in a metric, on the same draws of users; above 0 if better."""
    sign = 1 if METRICS[metric].more_is_better else -1

    def difference(weights: Values) -> float:
        of = METRICS[metric].of
        gain = of(Scored(labels, ours, weights, costs)) - of(Scored(labels, theirs, weights, costs))
        return sign * gain + 0.0  # never -0.0

    return _estimate(difference(np.ones(len(labels))), [difference(weights) for weights in draws(labels, users)])


def draws(labels: Labels, users: NDArray[np.object_]) -> Iterator[Values]:
    """Weights of the rows in each draw of as many users, with replacement, that has users of both labels."""
    _, user = np.unique(users, return_inverse=True)
    count = int(user.max()) + 1
    chance = np.random.default_rng(7)
    for _ in range(REPEATS):
        weights = chance.multinomial(count, np.full(count, 1 / count))[user].astype(np.float64)
        if 0 < weights @ labels < weights.sum():
            yield weights


def _estimate(value: float, drawn: list[float]) -> Estimate:
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (value, value)
    return Estimate(value, float(low), float(high))
