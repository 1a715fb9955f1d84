"""How well an order of users finds those whom an offer changes, on users whom no model has seen.

Each user of an experiment shows the effect without bias, but for noise: the outcome minus its mean, over the share of
their arm, negative of held-out users. Its sum over the users with the highest uplift is the gain of treating them
(Radcliffe, 2007); the area between that curve and the one of a random order is the Qini coefficient, which is the
covariance of effect and rank. So it is 0 where an order knows nothing, and a part of the mean effect per user.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from include.firstday.models.training.metrics import Estimate

Values = NDArray[np.float64]
Arms = NDArray[np.bool_]
REPEATS = 1_000
SHARES = (0.1, 0.2, 0.3)
RISK = "risk"


@dataclass(frozen=True)
class Tested:
    """Users of a test: their outcome, more is better, and whether they were treated; arrays of shape (users,)."""

    outcome: Values
    is_treated: Arms

    @property
    def effects(self) -> Values:
        """The noisy effect of each user, shape (users,); their mean is the difference of the arms' mean outcomes."""
        share = self.is_treated.mean()
        means = self.outcome[self.is_treated].mean(), self.outcome[~self.is_treated].mean()
        # Each mean has the other arm's weight, so that the mean of the effects is the difference of the arms' means.
        centred = self.outcome - ((1 - share) * means[0] + share * means[1])
        return np.where(self.is_treated, centred / share, -centred / (1 - share))


def qini(tested: Tested, uplift: Values) -> Estimate:
    """The Qini coefficient of an order with its 95 % interval; `uplift` of shape (users,), the highest first."""
    return _covariance(tested.effects, _ranks(uplift))


def advantage(tested: Tested, ours: Values, theirs: Values) -> Estimate:
    """By how much one order's Qini coefficient is above another's, on the same draws of users."""
    return _covariance(tested.effects, _ranks(ours) - _ranks(theirs))


def uplift_at(tested: Tested, uplift: Values, share: float) -> Estimate:
    """The difference of the arms' mean outcomes among the share of users with the highest uplift."""
    first = np.argsort(-uplift, kind="stable")[: max(1, round(share * len(uplift)))]
    outcome, is_treated = tested.outcome[first], tested.is_treated[first]

    def difference(weights: Values) -> float:
        sums = [weights[arm].sum() for arm in (is_treated, ~is_treated)]
        if not all(sums):
            return float("nan")
        means = [
            weights[arm] @ outcome[arm] / total for arm, total in zip((is_treated, ~is_treated), sums, strict=True)
        ]
        return float(means[0] - means[1])

    drawn = [difference(weights) for weights in _draws(len(first))]
    return _estimate(difference(np.ones(len(first))), np.array(drawn))


def curve(tested: Tested, orders: Mapping[str, Values]) -> pd.DataFrame:
    """One row per order and share of treated users, in hundredths: the gain per user of everybody."""
    effects, shares = tested.effects, np.arange(1, 101) / 100
    last = np.maximum((shares * len(effects)).round().astype(int), 1) - 1
    rows = [
        pd.DataFrame(
            {"order": name, "share": shares, "gain": np.cumsum(effects[np.argsort(-order)])[last] / len(effects)}
        )
        for name, order in orders.items()
    ]
    return pd.concat(rows, ignore_index=True)


def judge(tested: Tested, uplift: Values, risk: Values) -> dict[str, Estimate]:
    """What the gates look at: the Qini coefficient, and its advantage over ordering by risk."""
    return {"qini": qini(tested, uplift), "qini_advantage_over_risk": advantage(tested, uplift, risk)}


def passes(found: Mapping[str, Estimate]) -> bool:
    """Whether the whole 95 % interval of each is above 0."""
    return all(each.low > 0 for each in found.values())


def _covariance(effects: Values, ranks: Values) -> Estimate:
    drawn = np.array([_of_weights(weights, effects, ranks) for weights in _draws(len(effects))])
    return _estimate(_of_weights(np.ones(len(effects)), effects, ranks), drawn)


def _of_weights(weights: Values, effects: Values, ranks: Values) -> float:
    total = weights.sum()
    weighted = weights @ effects
    return float((weights * effects) @ ranks / total - weighted * (weights @ ranks) / total**2)


def _ranks(values: Values) -> Values:
    """Ranks from 0 to 1, the highest value last; equal values have the mean of theirs."""
    return np.asarray(rankdata(values) / len(values))


def _draws(users: int) -> Iterator[Values]:
    """How often each user is drawn, in each of as many draws with replacement."""
    chance = np.random.default_rng(7)
    for _ in range(REPEATS):
        yield chance.poisson(1.0, users).astype(np.float64)


def _estimate(value: float, drawn: Values) -> Estimate:
    known = drawn[~np.isnan(drawn)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (-np.inf, np.inf)
    return Estimate(value, float(low), float(high))
