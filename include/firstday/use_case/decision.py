"""What an offer costs and brings, and how its effect is measured."""

from typing import Literal

from pydantic import Field

from include.firstday.use_case.base import Frozen, Identifier, NonEmptyStr, Share


class ValueOf(Frozen):
    """The value of a user who stays, as so many times one of their features, at least `minimum`."""

    feature: Identifier
    times: float = Field(1, gt=0)
    minimum: float = Field(0, ge=0)


class Decision(Frozen):
    """Costs and values of an offer in a currency.

    `kept_share`: of churners with an offer, those who stay because of it.
    """

    currency: NonEmptyStr
    offer_cost: float = Field(gt=0)
    value_of_retained: float | ValueOf
    kept_share: Share = Field(1, gt=0)


class EffectRule(Frozen):
    """The outcome by which experiments are measured.

    `label`: the use case's label. `statement`: outcome.sql, known `known_after_hours` after a user entered the
    experiment; more of it is better.
    """

    outcome: Literal["label", "statement"] = "label"
    known_after_hours: float = Field(48, gt=0)
