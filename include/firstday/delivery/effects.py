"""A measurement of an experiment, as a row of the table `effects` and in words, and reasons not to believe it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from include.firstday.delivery import statistics
from include.firstday.use_case.use_case import UseCase

LABEL, SHARE, MEAN = "label", "share", "mean"  # kinds of outcomes: of label and share every one is 0 or 1


@dataclass(frozen=True)
class Effect:
    """One measurement of an experiment: a row of the table `effects`. Nulls where an arm has no known outcome."""

    experiment: str
    measured_at: datetime
    batch_id: int
    outcome: str
    treated: int
    holdout: int
    treated_mean: float | None
    holdout_mean: float | None
    effect: float | None
    low: float | None
    high: float | None
    valid_low: float | None
    valid_high: float | None
    minimum_detectable: float | None
    balance_p_value: float
    least_balanced: str
    contaminated: int
    entered: int
    erased: int
    is_final: bool
    is_at_horizon: bool
    gain_per_user: float | None
    gain_low: float | None
    gain_high: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval to go by: of one look where there is only one, else of all looks together."""
        found = (self.low, self.high) if self.is_at_horizon else (self.valid_low, self.valid_high)
        return None if found[0] is None or found[1] is None else (found[0], found[1])

    @property
    def is_shown(self) -> bool:
        """Whether chance alone is no explanation of the effect."""
        enough = min(self.treated, self.holdout) >= statistics.MINIMUM_USERS
        return self.interval is not None and enough and (self.interval[0] > 0 or self.interval[1] < 0)

    @property
    def saved(self) -> float | None:
        """Treated users with a known outcome who have it because of the delivery."""
        return None if self.effect is None else self.effect * self.treated


def describe(use_case: UseCase, one: Effect) -> str:
    """Say in one line what an experiment has shown, with its name."""
    return f"{one.experiment}: {finding(use_case, one)}"


def finding(use_case: UseCase, one: Effect) -> str:
    """Say in one line what an experiment has shown: what its deliveries saved, gained or lost."""
    erased = f"; {one.erased:,} of its users {'has' if one.erased == 1 else 'have'} been erased" if one.erased else ""
    if one.effect is None or one.interval is None:
        return f"no outcomes of both arms are known yet{erased}"
    low, high = one.interval
    size, span = _shown(one, one.effect), f"{_number(one, low)} to {_number(one, high)}"
    users = f"{one.treated:,} treated, {one.holdout:,} held out"
    if not one.is_shown:
        least = "" if one.minimum_detectable is None else f"; {_shown(one, one.minimum_detectable)} can be detected"
        return f"no effect shown: {size} ({span}), {users}{least}{erased}"
    verb = "lost" if one.effect < 0 else "saved" if one.outcome == LABEL and not use_case.outcome.positive else "gained"
    if one.effect < 0:
        span = f"{_number(one, -high)} to {_number(one, -low)}"
    shown = _shown(one, abs(one.effect))
    return f"{verb} {shown} ({span}), {users}{_money(use_case, one)}{erased}"


def alerts(one: Effect) -> Iterator[str]:
    """A sentence per reason not to believe an experiment."""
    if statistics.Balance(one.balance_p_value, one.least_balanced).is_broken:
        yield (
            f"{one.experiment}: the arms differ in {one.least_balanced} more than chance explains "
            f"(p = {one.balance_p_value:.1g}): the randomisation is broken, and the effect is not valid"
        )
    if one.contaminated:
        yield (
            f"{one.experiment}: {one.contaminated:,} held-out users were reached by the target: the effect is "
            "contaminated"
        )


def _shown(one: Effect, value: float) -> str:
    return f"{_number(one, value)} " + {LABEL: "points", SHARE: "points of the outcome", MEAN: "per user"}[one.outcome]


def _number(one: Effect, value: float) -> str:
    return f"{value:.3f}" if one.outcome == MEAN else f"{100 * value:.1f}"


def _money(use_case: UseCase, one: Effect) -> str:
    """What the effect cost and brought, in the use case's currency."""
    if use_case.decision is None or one.gain_per_user is None or one.gain_low is None or one.gain_high is None:
        return ""
    currency, cost = use_case.decision.currency, use_case.decision.offer_cost * one.treated
    each = ""
    if one.outcome != MEAN and one.saved is not None and one.saved >= 1:
        each = f": {one.saved:,.0f} users, at {cost / one.saved:,.2f} {currency} each"
    return (
        f"{each}; gain per treated user {one.gain_per_user:,.2f} {currency} "
        f"({one.gain_low:,.2f} to {one.gain_high:,.2f})"
    )
