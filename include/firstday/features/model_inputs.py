"""What a model is given of users: numbers, and categories as texts."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.firstday.use_case.categories import Category
from include.firstday.use_case.use_case import UseCase

Value = float | str | None


def model_inputs(rows: pd.DataFrame, features: Sequence[str], categories: Collection[str]) -> pd.DataFrame:
    """A model's features of each row, by name: numbers as doubles, categories as texts; NaN or None where unknown."""
    if not categories:
        return rows[list(features)].astype("float64")
    return pd.DataFrame(
        {name: texts(rows[name]) if name in categories else rows[name].astype("float64") for name in features}
    )


def inputs_of(use_case: UseCase, rows: pd.DataFrame) -> pd.DataFrame:
    """The inputs of a use case's model, one column a feature."""
    return model_inputs(rows, use_case.features, use_case.categories)


def value_of(stored: Any) -> Value:
    """A feature's value as it is stored, as a double or a text."""
    return stored if stored is None or isinstance(stored, str) else float(stored)


def texts(values: "pd.Series[str]") -> "pd.Series[str]":
    """A column of texts, None where unknown."""
    found: pd.Series[str] = values.astype(object).where(values.notna(), None)
    return found


def frequent_values(values: "pd.Series[str]", category: Category) -> list[str]:
    """The values of a column that are not rare, the most frequent first; an unknown one is not among them."""
    shares = sorted((-share, str(value)) for value, share in (values.value_counts() / max(len(values), 1)).items())
    return [value for share, value in shares if -share >= category.least_share][: category.most_values]


def common_value(values: "pd.Series[str]") -> str | None:
    """The most frequent value, None where most are unknown; of several the first by name."""
    counts = sorted((-count, str(value)) for value, count in values.value_counts().items())
    return counts[0][1] if counts and -counts[0][0] >= values.isna().sum() else None


def typical_values(inputs: pd.DataFrame) -> dict[str, Value]:
    """Median of each number, NaN where all are unknown, and the most frequent value of each category."""
    return {
        str(name): common_value(column) if column.dtype == object else float(column.median())
        for name, column in inputs.items()
    }


def as_numbers(use_case: UseCase, inputs: pd.DataFrame) -> tuple[list[str], NDArray[np.float64]]:
    """Inputs as numbers, with their names: in the place of a category, whether it is each of its frequent values.

    Shape (rows, names).
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for name, column in inputs.items():
        category = use_case.categories.get(str(name))
        if category is None:
            columns[str(name)] = column.to_numpy()
            continue
        for value in frequent_values(column, category):
            columns[f"{name} = {value}"] = np.asarray(column == value, dtype=np.float64)
    return list(columns), np.column_stack(list(columns.values())) if columns else np.empty((len(inputs), 0))
