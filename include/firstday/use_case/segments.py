"""Segments: named groups of users, by their registration and by the features of their latest prediction."""

from typing import Annotated

from pydantic import Field, model_validator

from include.firstday.use_case.base import Frozen, Identifier, NonEmptyStr


class Between(Frozen):
    """A range of numbers."""

    at_least: float | None = Field(None, description="least value", examples=[100])
    below: float | None = Field(None, description="values are below it", examples=[500])

    @model_validator(mode="after")
    def _is_a_range(self) -> "Between":
        if self.at_least is None and self.below is None:
            raise ValueError("expected at_least, below or both")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError("expected at_least below `below`")
        return self


class Segment(Frozen):
    """A group of users, all of whose conditions are met; an unknown value meets none."""

    registration: dict[Identifier, Annotated[tuple[NonEmptyStr, ...], Field(min_length=1)]] = Field(
        {}, description="column of events: values, one of which a registration has", examples=[{"country": ["DE"]}]
    )
    registered_hours: tuple[Annotated[int, Field(ge=0, le=23)], ...] = Field(
        (), description="hours of the day of the registration, UTC", examples=[[20, 21, 22, 23]]
    )
    features: dict[Identifier, Between] = Field(
        {},
        description="feature: range of its value at the latest prediction",
        examples=[{"bet_sum": {"at_least": 100}}],
    )

    @model_validator(mode="after")
    def _is_a_condition(self) -> "Segment":
        if not (self.registration or self.registered_hours or self.features):
            raise ValueError("expected registration, registered_hours or features")
        return self
