"""Responses of the room Drift and performance."""

from typing import Literal

from pydantic import BaseModel, Field

from include.firstday.web.schemas.common import Utc


class SeenAlert(BaseModel):
    """An alert: its latest text, when it was raised first and last, and in how many monitoring runs."""

    alert: str = Field(description="its sentence without measured values, by which it is acknowledged or muted")
    text: str
    first_at: Utc
    last_at: Utc
    runs: int
    is_current: bool = Field(description="whether the latest monitoring run raised it")
    state: str | None = Field(None, description="acknowledged or muted")
    changed_at: Utc | None = None
    changed_by: str | None = None
    muted_until: Utc | None = None


class AlertChange(BaseModel):
    """An alert to be acknowledged until it is over, or muted for some hours; without a state, neither any more."""

    alert: str = Field(min_length=1, max_length=1000)
    state: Literal["acknowledged", "muted"] | None
    hours: float = Field(24, gt=0, le=24 * 365, description="of a mute")


class Distribution(BaseModel):
    """Shares of the training set and of recent predictions by bin; the last bin is that of unknown values.

    A number has edges of bins, a category the names of its bins.
    """

    feature: str
    predictions: int
    edges: list[float] = Field([], description="inner edges of the bins")
    bins: list[str] = Field(
        [], description="of a category: its frequent values, then other values, new ones and unknown ones"
    )
    reference: list[float] = []
    current: list[float] = []
