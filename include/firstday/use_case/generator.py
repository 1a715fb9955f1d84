"""Parameters of the synthetic source."""

from typing import Literal

from pydantic import Field, model_validator

from include.firstday.use_case.base import Frozen, Identifier, Share


class ByOutcome(Frozen):
    """A parameter of the generator, for users who stay and for users who leave."""

    stays: float = Field(ge=0)
    leaves: float = Field(ge=0)


class Amounts(Frozen):
    """Log-normal amounts: their median, and the standard deviation of their logarithm."""

    median: float = Field(gt=0)
    spread: float = Field(0.5, ge=0)


class EventRate(Frozen):
    """The rate of an event type of the generator, and its values.

    Either `per_session`: the mean number per session; or `once`: a probability, `after_minutes` after registration.
    """

    per_session: ByOutcome | None = None
    once: ByOutcome | None = None
    after_minutes: float = Field(0, ge=0)
    amounts: dict[Identifier, Amounts] = {}
    choices: dict[Identifier, tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _either(self) -> "EventRate":
        if (self.per_session is None) == (self.once is None):
            raise ValueError("expected either per_session or once")
        if self.once is not None and max(self.once.stays, self.once.leaves) > 1:
            raise ValueError("once: expected a probability from 0 to 1")
        return self


class Behaviour(Frozen):
    """The behaviour of generated users: life span, sessions and events."""

    life_days: ByOutcome
    longest_life_days: float = Field(gt=0, le=365)
    sessions_per_day: ByOutcome
    session_minutes: float = Field(gt=0)
    events: dict[Identifier, EventRate] = Field(min_length=1)


class Season(Frozen):
    """How registrations vary: a cosine over the day that peaks at 20:00 UTC, and a factor for Saturday and Sunday."""

    daily_swing: float = Field(0, ge=0, le=1, description="0.5: from half to one and a half times the mean")
    weekend_factor: float = Field(1, gt=0, description="factor of a weekend day relative to a working day")


class Generator(Frozen):
    """Parameters of the generator: users with the given `behaviour` or, without it, players of a game."""

    seed: int = Field(ge=0)
    registrations_per_minute: float = Field(gt=0)
    churn_share: Share
    season: Season = Season()
    behaviour: Behaviour | None = None
    late_share: Share = 0.0
    duplicate_share: Share = 0.0
    malformed_share: Share = 0.0
    format: Literal["ndjson", "ndjson.gz", "parquet"] = "ndjson.gz"
