"""The refit: the tested model fitted once more, on every user whose label is known, with more weight on recent ones.

The test needs the newest users; the model that serves should have learned from them. Weights halve with each half-life
of age (exponential forgetting), so that a change of behaviour is learned within days.
"""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GroupKFold

from include.firstday.features.model_inputs import inputs_of
from include.firstday.models.training.candidates import FOLDS, fit_calibrated
from include.firstday.models.training.metrics import Values
from include.firstday.use_case.use_case import UseCase


def refit(
    use_case: UseCase, tested: CalibratedClassifierCV, rows: pd.DataFrame, half_life_hours: float
) -> CalibratedClassifierCV:
    """A model with the tested one's parameters, fitted and calibrated on all rows of a training set, by recency."""
    features, labels = inputs_of(use_case, rows), rows["label"].to_numpy()
    folds = list(GroupKFold(FOLDS).split(features, labels, rows["user_id"]))
    return fit_calibrated(clone(tested.estimator), features, labels, folds, recency_weights(rows, half_life_hours))


def recency_weights(rows: pd.DataFrame, half_life_hours: float) -> Values:
    """A weight for each row, shape (rows,): 1 for the newest user, half of it for each half-life that one is older."""
    age = rows["window_start"].max() - rows["window_start"]
    return np.asarray(0.5 ** (age / pd.Timedelta(hours=half_life_hours)), dtype=np.float64)
