"""Responses of the room Drift and performance."""

from pydantic import BaseModel, Field

from include.firstday.web.schemas.common import Utc


class SeenAlert(BaseModel):
    """An alert: its latest text, when it was raised first and last, and in how many monitoring runs."""

    text: str
    first_at: Utc
    last_at: Utc
    runs: int
    is_current: bool = Field(description="whether the latest monitoring run raised it")


class Distribution(BaseModel):
    """Shares of the training set and of recent predictions by bin; the last bin is that of unknown values."""

    feature: str
    predictions: int
    edges: list[float] = Field([], description="inner edges of the bins")
    reference: list[float] = []
    current: list[float] = []
