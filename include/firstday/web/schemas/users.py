"""Responses of the Risk list, and predictions."""

from typing import Any

from pydantic import BaseModel, Field, FiniteFloat

from include.firstday.web.schemas.common import Utc


class Reason(BaseModel):
    """Features that say the same, and by how much they raised the probability of a prediction."""

    features: list[str]
    effect: float
    values: list[float | str | None] = Field([], description="of the features, at the prediction")


class User(BaseModel):
    """A user: window and latest prediction, without personal data."""

    user_id: str
    registered_at: Utc
    window_start: Utc | None
    last_seen_at: Utc | None
    is_in_window: bool
    probability: float | None
    predicted: bool | None
    scored_at: Utc | None
    model_version: int | None
    window_end: Utc | None = None
    label: int | None = Field(None, description="1 if the outcome came true, once it is known and stored in the lake")
    history: list[float] = Field([], description="probabilities of the latest predictions, oldest first")
    reasons: list[Reason] = []


class Users(BaseModel):
    """One page of the users in their window, highest probability first."""

    users: list[User]
    total: int
    is_cut: bool = Field(description="whether there are more users than this page")
    medians: dict[str, float | str | None] = Field(
        {}, description="median of each feature in the champion's training set; of a category the most frequent value"
    )


class Cohort(BaseModel):
    """A value of a column of registrations: the number of users who have registered with it recently."""

    column: str
    value: str
    users: int


class Prediction(BaseModel):
    """A prediction of one user; with its largest reasons if it is at or above the threshold."""

    scored_at: Utc
    batch_id: int
    probability: float
    predicted: bool
    model_version: int
    reasons: list[Reason]
    airflow_run: str
    url: str | None


class OneUser(BaseModel):
    """A user's current feature values and latest prediction, null before the first."""

    user_id: str
    registered_at: Utc
    window_start: Utc | None
    window_end: Utc | None
    is_in_window: bool
    features: dict[str, float | str | None]
    prediction: Prediction | None


class UserEvent(BaseModel):
    """An event of a user, with its amounts."""

    event_type: str
    event_time: Utc
    batch_id: int
    values: dict[str, float]


class Timeline(BaseModel):
    """A user's events in their window, newest first, and their predictions, oldest first."""

    events: list[UserEvent]
    is_cut: bool
    predictions: list[Prediction]


class FeatureValue(BaseModel):
    """A feature's value for a user, and its median in the training set; of a category the most frequent value."""

    feature: str
    value: float | str | None
    median: float | str | None


class Driver(BaseModel):
    """Features that say the same, and by how much they raise the probability; negative where they lower it."""

    features: list[FeatureValue]
    effect: float


class Drivers(BaseModel):
    """The drivers of one user's probability, largest effect first: it is the base and all effects together."""

    method: str
    model_version: int
    probability: float
    base_probability: float
    drivers: list[Driver]


class Asked(BaseModel):
    """What to predict for: a user, or a value for each feature, where a missing one is unknown."""

    user_id: str | None = Field(None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    features: dict[str, FiniteFloat | str | None] | None = None


class Answer(BaseModel):
    """A prediction by the champion, with its largest reasons, of which nothing is stored."""

    probability: float
    predicted: bool
    threshold: float
    model_version: int
    reasons: list[Reason]
    features: dict[str, float | str | None]


class Predictions(BaseModel):
    """Predictions made after a time, in order, each with the features used. Continue with `next_since`."""

    predictions: list[dict[str, Any]]
    next_since: Utc
