"""Baselines: plain models that a candidate must beat to be worth its trouble."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from include.firstday.models.training.metrics import Values
from include.firstday.use_case.use_case import Baseline, UseCase

BASE_RATE = "base_rate"


def predict(use_case: UseCase, train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Values]:
    """Name → probabilities of the test's rows, shape (rows,): the base rate, and each baseline of the YAML."""
    found = {BASE_RATE: np.full(len(test), train["label"].mean())}
    for name, baseline in use_case.training.baselines.items():
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(_column(baseline, train), train["label"])
        found[name] = model.predict_proba(_column(baseline, test))[:, 1]
    return found


def _column(baseline: Baseline, frame: pd.DataFrame) -> Values:
    """The baseline's only feature, shape (rows, 1); 0 where it is unknown or divided by 0."""
    values = frame[baseline.feature].to_numpy("float64")
    if baseline.per is not None:
        whole = frame[baseline.per].to_numpy("float64")
        values = np.divide(values, whole, out=np.zeros_like(values), where=whole != 0)
    return np.asarray(np.nan_to_num(values).reshape(-1, 1))
