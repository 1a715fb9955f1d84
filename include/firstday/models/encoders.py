"""Inputs of an estimator: numbers, imputed, and categories, encoded by scikit-learn inside the pipeline.

Which values have an encoding of their own is decided on all training rows, so each fold has the same columns. All
others, and those that are new when users are scored, are alike: 0 in each column, or the mean outcome of all users. An
unknown value is a value of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from include.firstday.features.model_inputs import frequent_values
from include.firstday.use_case.categories import Category
from include.firstday.use_case.use_case import UseCase

SEED, FOLDS = 7, 5  # of the rows that a target encoding of others is made from
NUMBERS = "numbers"
# TargetEncoder counts rows of values without an encoding as its first category's: that is to be one that nobody has.
NOBODYS = "\0"


@dataclass(frozen=True)
class Encoding:
    """The features that are numbers, and the unfitted OneHotEncoder or TargetEncoder of each category."""

    numbers: tuple[str, ...] = ()
    encoders: Mapping[str, Any] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """How many inputs of the estimator the categories make."""
        return sum(
            len(encoder.categories[0]) if isinstance(encoder, OneHotEncoder) else 1
            for encoder in self.encoders.values()
        )


def encoding_of(
    use_case: UseCase, inputs: pd.DataFrame, target: Literal["binary", "continuous"] = "binary"
) -> Encoding:
    """The encoding of a use case's features by its training rows, for a target of labels, or of numbers."""
    categories = use_case.categories
    return Encoding(
        tuple(name for name in use_case.features if name not in categories),
        {name: _encoder(category, inputs[name], target) for name, category in categories.items()},
    )


def _encoder(category: Category, values: "pd.Series[str]", target: str) -> Any:
    own: list[str | None] = [*frequent_values(values, category), None]
    if category.encoder == "target":
        folds = StratifiedKFold if target == "binary" else KFold
        return TargetEncoder(
            categories=[[NOBODYS, *own]], target_type=target, cv=folds(FOLDS, shuffle=True, random_state=SEED)
        )
    return OneHotEncoder(categories=[own], handle_unknown="ignore", sparse_output=False)


def input_steps(encoding: Encoding, scale: bool) -> list[tuple[str, Any]]:
    """The unfitted first steps of a pipeline: unknown numbers become the median; categories follow the numbers."""
    steps: list[tuple[str, Any]] = [("impute", SimpleImputer(strategy="median", keep_empty_features=True))]
    if scale:
        steps.append(("scale", StandardScaler()))
    if not encoding.encoders:
        return steps
    parts: list[tuple[str, Any, list[str]]] = [
        (f"category_{name}", encoder, [name]) for name, encoder in encoding.encoders.items()
    ]
    if encoding.numbers:
        parts.insert(0, (NUMBERS, Pipeline(steps), list(encoding.numbers)))
    return [("encode", ColumnTransformer(parts, sparse_threshold=0))]


def sources(inputs: Pipeline, features: Sequence[str]) -> list[str]:
    """The feature that each input of the estimator is made from, by the fitted first steps of a pipeline."""
    first = inputs[0]
    if not isinstance(first, ColumnTransformer):
        return list(features)
    found: list[str] = []
    for name, _, columns in first.transformers_:
        part = first.output_indices_[name]
        width = part.stop - part.start
        found += columns if width == len(columns) else [columns[0]] * width
    return found


def medians(inputs: Pipeline, features: Sequence[str]) -> dict[str, float]:
    """Median of each number in training, by the fitted first steps of a pipeline; 0 where all were unknown."""
    imputer = inputs[0]
    if isinstance(imputer, ColumnTransformer):
        if NUMBERS not in imputer.named_transformers_:
            return {}
        imputer = imputer.named_transformers_[NUMBERS][0]
        features = imputer.feature_names_in_
    known = np.nan_to_num(imputer.statistics_)
    return {str(name): float(value) for name, value in zip(features, known, strict=True)}
