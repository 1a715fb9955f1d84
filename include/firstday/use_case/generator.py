"""Parameters of the synthetic source."""

from typing import Literal

from pydantic import Field, model_validator

from include.firstday.use_case.base import Frozen, Identifier, Share


class ByOutcome(Frozen):
    """A parameter of the generator, for users who stay and for users who leave."""

    stays: float = Field(ge=0, description="of users who stay")
    leaves: float = Field(ge=0, description="of users who leave")


class Amounts(Frozen):
    """Log-normal amounts: their median, and the standard deviation of their logarithm."""

    median: float = Field(gt=0, description="median of the amounts")
    spread: float = Field(0.5, ge=0, description="standard deviation of their logarithm")


class EventRate(Frozen):
    """The rate of an event type of the generator, and its values.

    Either `per_session`: the mean number per session; or `once`: a probability, `after_minutes` after registration.
    """

    per_session: ByOutcome | None = Field(None, description="mean number in a session; or `once`")
    once: ByOutcome | None = Field(None, description="probability of one such event per user; or `per_session`")
    after_minutes: float = Field(0, ge=0, description="of `once`: minutes after registration")
    amounts: dict[Identifier, Amounts] = Field({}, description="column: distribution of its amounts")
    choices: dict[Identifier, tuple[str, ...]] = Field({}, description="column: values to choose from")

    @model_validator(mode="after")
    def _either(self) -> "EventRate":
        if (self.per_session is None) == (self.once is None):
            raise ValueError("expected either per_session or once")
        if self.once is not None and max(self.once.stays, self.once.leaves) > 1:
            raise ValueError("once: expected a probability from 0 to 1")
        return self


class Behaviour(Frozen):
    """The behaviour of generated users: life span, sessions and events."""

    life_days: ByOutcome = Field(description="mean days from registration to the last session")
    longest_life_days: float = Field(gt=0, le=365, description="no user has sessions for longer")
    sessions_per_day: ByOutcome = Field(description="mean number of sessions a day")
    session_minutes: float = Field(gt=0, description="mean length of a session")
    events: dict[Identifier, EventRate] = Field(min_length=1, description="rate and values by event type")


class Season(Frozen):
    """How registrations vary: a cosine over the day that peaks at 20:00 UTC, and a factor for Saturday and Sunday."""

    daily_swing: float = Field(0, ge=0, le=1, description="0.5: from half to one and a half times the mean")
    weekend_factor: float = Field(1, gt=0, description="factor of a weekend day relative to a working day")


class Response(Frozen):
    """How users respond to the deliveries of a target: `effect` is the share of all users who stay because of one.

    `only: persuadable`: all of them are in a quarter of the users, whom features show.
    """

    target: Identifier = Field(description="the target whose deliveries are the offers", examples=["offers"])
    effect: float = Field(gt=0, lt=1, description="share of all users who stay because of an offer", examples=[0.1])
    only: Literal["persuadable", "anyone"] = Field("anyone", description="who of them: anyone, or all in a quarter")


PERSUADABLE_SHARE = 0.25


class Generator(Frozen):
    """Parameters of the generator: users with the given `behaviour` or, without it, players of a game."""

    seed: int = Field(ge=0, description="the same seed and minute give the same bytes")
    registrations_per_minute: float = Field(gt=0, description="mean number of new users a minute")
    churn_share: Share = Field(description="share of users who leave")
    season: Season = Field(Season(), description="how registrations vary over day and week")
    behaviour: Behaviour | None = Field(None, description="what users do; without it, they play a game")
    response: Response | None = Field(None, description="what users make of an offer; without it, nothing")
    late_share: Share = Field(0.0, description="share of events that arrive late")
    duplicate_share: Share = Field(0.0, description="share of events that arrive twice")
    malformed_share: Share = Field(0.0, description="share of rows that break a rule")
    format: Literal["ndjson", "ndjson.gz", "parquet"] = Field("ndjson.gz", description="format of the files")

    @property
    def response_rate(self) -> float:
        """Of the users who would leave and can be persuaded, the share that an offer keeps."""
        if self.response is None:
            return 0.0
        share = PERSUADABLE_SHARE if self.response.only == "persuadable" else 1.0
        return self.response.effect / (self.churn_share * share) if self.churn_share else float("inf")

    @model_validator(mode="after")
    def _can_respond(self) -> "Generator":
        if self.response_rate > 1:
            raise ValueError("response.effect: expected at most the share of users who churn and can be persuaded")
        return self
