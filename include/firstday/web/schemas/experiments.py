"""Responses of the Experiments room."""

from pydantic import BaseModel, Field

from include.firstday.web.schemas.common import Utc


class EffectAt(BaseModel):
    """A measurement of an experiment; null where no outcome of an arm was known. Of outcomes more is better."""

    measured_at: Utc
    treated: int = Field(description="treated users whose outcome was known")
    holdout: int = Field(description="held-out users whose outcome was known")
    treated_mean: float | None
    holdout_mean: float | None
    effect: float | None = Field(description="difference of the means, treated minus holdout")
    low: float | None = Field(description="lower end of its 95 % interval for a single analysis")
    high: float | None
    valid_low: float | None = Field(description="lower end of its 95 % interval for all measurements together")
    valid_high: float | None
    minimum_detectable: float | None
    gain_per_user: float | None = Field(description="value less cost of an offer to a treated user, in the currency")
    gain_low: float | None
    gain_high: float | None


class Money(BaseModel):
    """Cost and gain of an experiment's offers, in the use case's currency, of treated users with a known outcome."""

    currency: str
    cost: float = Field(description="of the offers")
    gain: float | None = Field(description="value of the difference between the arms, less the cost")
    low: float | None = Field(description="lower end of its 95 % interval for all measurements together")
    high: float | None
    cost_per_saved: float | None = Field(description="cost for each user with the outcome because of the offer")


class Experiment(BaseModel):
    """An experiment and its latest measurement."""

    experiment: str
    target: str
    salt: str
    holdout_share: float
    horizon_days: float | None
    started_at: Utc
    ended_at: Utc | None
    is_final: bool
    sentence: str = Field(description="what it has shown, in words")
    is_shown: bool = Field(description="whether chance alone is no explanation of the effect")
    low: float | None = Field(description="lower end of the interval to go by: of all looks, or of a single analysis")
    high: float | None
    alerts: list[str] = Field(description="reasons not to believe it")
    outcome: str | None = Field(description="kind of the outcome: label, share or mean, which is no share")
    latest: EffectAt | None
    money: Money | None


class Experiments(BaseModel):
    """All experiments, the latest first, and the targets that could have one."""

    experiments: list[Experiment]
    beginning: list[str] = Field(description="targets with a holdout whose first delivery is to come")
    without: list[str] = Field(description="targets without a holdout")
    measure_dag: str


class Arm(BaseModel):
    """An arm: its users by their first decision in the experiment, and those with a known outcome."""

    arm: str = Field(description="treated or holdout")
    expected_share: float
    users: int
    known: int
    mean: float | None = Field(description="mean outcome of those with a known one")


class Suppressed(BaseModel):
    """Due predictions that did not reach the target, by reason: `cooldown`, `budget`, `never` or `closed`."""

    reason: str
    predictions: int
    users: int


class OneExperiment(BaseModel):
    """An experiment with all its measurements, its arms, and who was not reached and why."""

    experiment: Experiment
    measurements: list[EffectAt] = Field(description="the oldest first")
    arms: list[Arm]
    suppressed: list[Suppressed]
    entered: int
    erased: int
    contaminated: int
    balance_p_value: float | None
    least_balanced: str
