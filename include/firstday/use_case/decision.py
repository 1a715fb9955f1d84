"""What is predicted, what an offer costs and brings, and how its effect is measured."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from include.firstday.use_case.base import Frozen, Identifier, NonEmptyStr, Share


class Outcome(Frozen):
    """What is predicted, in words, and whether it is good news.

    An experiment measures how many more of its users have a positive outcome, or are without a negative one.
    """

    name: NonEmptyStr = Field(description="in words, after 'predicted' and 'probability of'", examples=["abandonment"])
    positive: bool = Field(
        False, description="it is desired, as a purchase is: offers shall bring it about instead of preventing it"
    )


def named_outcome(value: object) -> object:
    """A text in place of an outcome, as its name."""
    return {"name": value} if isinstance(value, str) else value


class ValueOf(Frozen):
    """The value of a user who is won or kept, as so many times one of their features, at least `minimum`."""

    feature: Identifier = Field(description="one of the features", examples=["purchase_sum"])
    times: float = Field(1, gt=0, description="factor")
    minimum: float = Field(0, ge=0, description="the least value")


class Decision(Frozen):
    """Costs and values of an offer in a currency.

    `kept_share`: of users with the predicted outcome and an offer, those who stay because of it; or, of a positive one,
    those who have it because of it.
    """

    currency: NonEmptyStr = Field(description="name of the currency, as reports show it", examples=["EUR"])
    offer_cost: float = Field(gt=0, description="cost of an offer", examples=[2])
    value_of_retained: float | ValueOf = Field(
        description="value of a user whom an offer keeps or wins, or how it follows from a feature"
    )
    kept_share: Share = Field(
        1, gt=0, description="share of users with the predicted outcome whom an offer keeps or, of a positive one, wins"
    )

    @property
    def costs(self) -> dict[str, float] | None:
        """Costs of a missed user and of an unneeded offer; None where a user's value follows from a feature."""
        if isinstance(self.value_of_retained, ValueOf):
            return None
        brings = self.kept_share * self.value_of_retained - self.offer_cost
        return {"missed_user": brings, "unneeded_offer": self.offer_cost}

    @model_validator(mode="after")
    def _brings_something(self) -> "Decision":
        if self.costs and self.costs["missed_user"] <= 0:
            raise ValueError("expected kept_share times value_of_retained above offer_cost: no offer pays otherwise")
        return self


class EffectRule(Frozen):
    """The outcome by which experiments are measured.

    `label`: the use case's label. `statement`: outcome.sql, known `known_after_hours` after a user entered the
    experiment; more of it is better.
    """

    outcome: Literal["label", "statement"] = Field("label", description="the label, or `outcome.sql`")
    known_after_hours: float = Field(48, gt=0, description="of a statement: after a user entered the experiment")


class Regressor(Frozen):
    """A scikit-learn regressor by its import path, with parameters."""

    estimator: Annotated[str, StringConstraints(pattern=r"^sklearn\.[a-z_.]+\.[A-Za-z]+$")] = Field(
        description="import path of a scikit-learn regressor", examples=["sklearn.linear_model.Ridge"]
    )
    parameters: dict[str, Any] = Field({}, description="arguments of the estimator", examples=[{"alpha": 10}])
    scale: bool = Field(False, description="standardise the features")


REGRESSORS = {
    "linear": Regressor(estimator="sklearn.linear_model.Ridge", parameters={"alpha": 10.0}, scale=True),
    "boosting": Regressor(
        estimator="sklearn.ensemble.HistGradientBoostingRegressor",
        parameters={"max_iter": 60, "learning_rate": 0.05, "max_leaf_nodes": 6, "min_samples_leaf": 50},
    ),
}


class UpliftRule(Frozen):
    """The training of models of uplift from a target's experiments."""

    minimum_users: int = Field(2000, ge=200, description="users with a known outcome before a model is trained")
    minimum_holdout: int = Field(200, ge=20, description="of them, held-out ones")
    regressors: dict[Identifier, Regressor] = Field(
        REGRESSORS, min_length=1, description="T- and X-learners are made of each of these"
    )
