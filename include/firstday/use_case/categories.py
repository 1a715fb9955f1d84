"""Categories: features that are texts, and how a model encodes them."""

from typing import Literal

from pydantic import Field

from include.firstday.use_case.base import Frozen, Share


class Category(Frozen):
    """An encoder of a text feature: scikit-learn's OneHotEncoder or TargetEncoder, fitted with the model.

    Values that are rare in training, and new ones, are encoded alike. An unknown value is a value of its own.
    """

    encoder: Literal["one_hot", "target"] = Field(
        "one_hot",
        description="one_hot: a column of 0 and 1 for each frequent value; target: one column, the mean outcome of "
        "users with the value, shrunk towards that of all (Micci-Barreca, 2001), for many values",
    )
    least_share: Share = Field(0.01, description="a value of a smaller share of the training rows is rare")
    most_values: int = Field(30, ge=1, le=1000, description="values beyond the most frequent ones are rare, too")
