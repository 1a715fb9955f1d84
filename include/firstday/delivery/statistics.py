"""Statistics of an experiment: the difference of two arms, how sure it is, and whether the arms are comparable.

Pure functions. Numbers may be arrays, of as many experiments as are computed at once.

A difference of shares has Newcombe's interval (1998, method 10): the square-and-add of two Wilson intervals keeps its
coverage with few users, uneven arms and shares near 0 or 1, where the usual normal interval does not. Other outcomes,
such as revenue, have the bootstrap's percentiles over users, as they are skewed. Both hold for one look. Whoever looks
every hour needs an interval that holds at all looks together: the asymptotic confidence sequence of Waudby-Smith,
Arbour, Sinha, Kennedy and Ramdas (Annals of Statistics, 2024), which is wider.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

Values = NDArray[np.float64]
CONFIDENCE = 0.95
POWER = 0.8
MINIMUM_USERS = 100  # of each arm: the always-valid interval is asymptotic
TUNED_FOR = 2_000  # users for which the confidence sequence is narrowest beside a fixed interval
REPEATS = 1_000  # of the bootstrap
TOO_UNLIKELY = 0.001  # of a balance as bad as this by chance, as usual for sample ratios


@dataclass(frozen=True)
class Difference:
    """A difference of means, treated minus holdout, with its 95 % interval."""

    value: Any
    low: Any
    high: Any


def newcombe(treated: Any, treated_users: Any, holdout: Any, holdout_users: Any) -> Difference:
    """The difference of two shares from counts: users with the outcome, and users, of each arm."""
    one, other = treated / treated_users, holdout / holdout_users
    (one_low, one_high), (low, high) = _wilson(one, treated_users), _wilson(other, holdout_users)
    value = one - other
    below = np.sqrt((one - one_low) ** 2 + (high - other) ** 2)
    above = np.sqrt((one_high - one) ** 2 + (other - low) ** 2)
    return Difference(value, value - below, value + above)


def bootstrap(treated: Values, holdout: Values, seed: int = 7) -> Difference:
    """The difference of two means from each user's outcome, arrays of shape (users,) of each arm."""
    chance = np.random.default_rng(seed)

    def drawn(values: Values) -> Values:
        """Means of as many users, each drawn a Poisson number of times (Chamandy et al., 2012)."""
        means = np.empty(REPEATS)
        for turn in range(REPEATS):
            times = chance.poisson(1.0, len(values))
            means[turn] = times @ values / max(times.sum(), 1)
        return means

    low, high = np.percentile(drawn(treated) - drawn(holdout), [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return Difference(float(treated.mean() - holdout.mean()), float(low), float(high))


def always_valid(value: Any, standard_error: Any, users: Any) -> Difference:
    """The interval of a difference that holds at every look together; `users` of both arms."""
    alpha = 1 - CONFIDENCE
    rho2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / TUNED_FOR
    spread = standard_error * np.sqrt(users)
    grown = users * rho2 + 1
    half = spread * np.sqrt(2 * grown / (users**2 * rho2) * np.log(np.sqrt(grown) / alpha))
    return Difference(value, value - half, value + half)


def standard_error(treated_variance: Any, treated_users: Any, holdout_variance: Any, holdout_users: Any) -> Any:
    """Standard error of a difference of two means."""
    return np.sqrt(treated_variance / treated_users + holdout_variance / holdout_users)


def variance_of_share(count: Any, users: Any) -> Any:
    """Variance of an outcome of 0 or 1, never 0: as if one more user of each had been seen (Laplace's rule)."""
    share = (count + 1) / (users + 2)
    return share * (1 - share)


def minimum_detectable(variance: Any, treated_users: Any, holdout_users: Any) -> Any:
    """The least true difference that a test of these sizes finds in 80 % of cases; `variance` of the outcome."""
    quantiles = norm.ppf((1 + CONFIDENCE) / 2) + norm.ppf(POWER)
    return quantiles * np.sqrt(variance * (1 / treated_users + 1 / holdout_users))


@dataclass(frozen=True)
class Balance:
    """How likely chance alone makes arms that differ so much, and in what: a feature, or the number of users."""

    p_value: float
    what: str

    @property
    def is_broken(self) -> bool:
        """Whether chance is no explanation."""
        return self.p_value < TOO_UNLIKELY


def balance(names: Sequence[str], features: Values, is_treated: NDArray[np.bool_], holdout_share: float) -> Balance:
    """Compare the arms' sizes with the holdout's share, and each feature's ranks between the arms.

    `features` has the shape (users, names), NaN where unknown, which ranks lowest. Of all comparisons the least likely
    counts, times their number (Bonferroni). Ranks, as amounts are skewed.
    """
    users, treated = len(is_treated), int(is_treated.sum())
    found = [(float(binomtest(users - treated, users, holdout_share).pvalue), "number of users")] if users else []
    if 1 < treated < users - 1:
        z = np.abs(_rank_differences(features, is_treated))
        found += list(zip((2 * norm.sf(z)).tolist(), names, strict=True))
    p_value, what = min(found, default=(1.0, ""))
    return Balance(min(1.0, p_value * max(len(found), 1)), what)


def _rank_differences(features: Values, is_treated: NDArray[np.bool_]) -> Values:
    """Difference of the arms' mean ranks of each feature, in standard errors; shape (names,)."""
    ranks = np.column_stack([_ranks(column) for column in features.T]) if features.size else np.empty((0, 0))
    spread = ranks.std(axis=0, ddof=1)
    treated = is_treated.sum()
    error = spread * np.sqrt(1 / treated + 1 / (len(is_treated) - treated))
    difference = ranks[is_treated].mean(axis=0) - ranks[~is_treated].mean(axis=0)
    return np.asarray(np.divide(difference, error, out=np.zeros_like(difference), where=error > 0))


def _ranks(values: Values) -> Values:
    """Mean ranks, equal values having the same."""
    known = np.where(np.isnan(values), -np.inf, values)
    _, place, counts = np.unique(known, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place])


def _wilson(share: Any, users: Any) -> tuple[Any, Any]:
    """Ends of Wilson's interval of a share (1927)."""
    z = norm.ppf((1 + CONFIDENCE) / 2)
    middle = share + z**2 / (2 * users)
    half = z * np.sqrt(share * (1 - share) / users + z**2 / (4 * users**2))
    return (middle - half) / (1 + z**2 / users), (middle + half) / (1 + z**2 / users)
