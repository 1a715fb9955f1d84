"""Expected profit of offers by threshold: what each user brings whom it keeps or wins, less its cost.

Of users with the outcome, an offer keeps or wins the decision's `kept_share`, and it changes nothing for others.
Intervals come from drawing users again, as for the other metrics (Verbeke et al., European Journal of Operational
Research, 2012, for the measure).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from numpy.typing import NDArray

from include.firstday.models.training.metrics import Estimate, Labels, Values, draws
from include.firstday.use_case.decision import Decision

STEPS = 100  # thresholds from 0 to 1


@dataclass(frozen=True)
class Profit:
    """Profit per user and threshold with 95 % intervals, arrays of shape (thresholds,), and the best threshold's."""

    thresholds: Values
    value: Values
    low: Values
    high: Values
    best_threshold: Estimate
    best: Estimate

    def at(self, threshold: float) -> Estimate:
        """Profit per user at the least of the thresholds that is at or above one."""
        place = min(int(np.ceil(round(threshold * STEPS, 9))), STEPS)
        return Estimate(float(self.value[place]), float(self.low[place]), float(self.high[place]))

    def table(self) -> pd.DataFrame:
        """One row per threshold."""
        columns = {"threshold": self.thresholds, "profit_per_user": self.value, "low": self.low, "high": self.high}
        return pd.DataFrame(columns)


def profit(
    labels: Labels, probability: Values, users: NDArray[np.object_], values: Values, decision: Decision
) -> Profit:
    """The profit of rows that were scored; arrays of shape (rows,). `values`: of each row's user, if it does."""
    bring = labels * decision.kept_share * values - decision.offer_cost
    step = np.clip(np.floor(np.round(probability * STEPS, 9)).astype(np.int64), 0, STEPS)

    def by_threshold(weights: Values) -> Values:
        return np.asarray(np.cumsum(np.bincount(step, weights * bring, STEPS + 1)[::-1])[::-1] / weights.sum())

    value = by_threshold(np.ones(len(labels)))
    drawn = np.array([by_threshold(weights) for weights in draws(labels, users)]).reshape(-1, STEPS + 1)
    drawn = drawn if len(drawn) else value[None]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    thresholds, best = np.arange(STEPS + 1) / STEPS, int(np.argmax(value))
    ends = np.percentile(thresholds[np.argmax(drawn, axis=1)], [2.5, 97.5])
    return Profit(
        thresholds=thresholds,
        value=value,
        low=low,
        high=high,
        best_threshold=Estimate(float(thresholds[best]), float(ends[0]), float(ends[1])),
        best=Estimate(float(value[best]), float(low[best]), float(high[best])),
    )


def summary(found: Profit, threshold: float) -> dict[str, Any]:
    """What the model card shows: the profit at the threshold in use, and at the best one."""
    return {
        "at_threshold": asdict(found.at(threshold)),
        "best_threshold": asdict(found.best_threshold),
        "best": asdict(found.best),
    }


def figure(found: Profit, threshold: float, decision: Decision) -> Any:
    """The profit by threshold with its interval, the threshold in use, and the best one."""
    drawing, axes = pyplot.subplots()
    axes.plot(found.thresholds, found.value, label="profit per user")
    axes.fill_between(found.thresholds, found.low, found.high, alpha=0.2)
    axes.axvline(threshold, color="grey", linestyle="--", label=f"threshold {threshold:.2f}")
    axes.axvline(found.best_threshold.value, linestyle=":", label=f"best threshold {found.best_threshold.value:.2f}")
    axes.set(xlabel="threshold", ylabel=f"{decision.currency} per user", title="Expected profit by threshold")
    axes.legend()
    return drawing
