"""Performance that is estimated from probabilities alone, before labels are known.

Each prediction counts as one with the outcome by its probability, and without it by the rest: confidence-based
performance estimation (Garg et al., 2022; as in NannyML, https://nannyml.readthedocs.io). It is as good as the
probabilities are calibrated. So they are first recalibrated on users whose label is known, by isotonic regression
(Zadrozny and Elkan, 2002).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

Values = NDArray[np.float64]
Recalibration = Callable[[Values], Values]


def recalibration(labels: NDArray[np.int64], probability: Values, weights: Values) -> Recalibration:
    """The function from probabilities to recalibrated ones that known labels show; arrays of shape (n,)."""
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(probability, labels, weights)
    return lambda given: np.asarray(fitted.predict(given))


def estimated(probability: Values, weights: Values, recalibrated: Recalibration | None = None) -> dict[str, float]:
    """Expected ROC AUC, Brier score and rate of predictions; arrays of shape (n,)."""
    chance = recalibrated(probability) if recalibrated else probability
    truth = np.repeat([1, 0], len(probability))
    split = np.concatenate([weights * chance, weights * (1 - chance)])
    expected = chance * (1 - probability) ** 2 + (1 - chance) * probability**2
    return {
        "roc_auc": float(roc_auc_score(truth, np.tile(probability, 2), sample_weight=split)),
        "brier": float(np.average(expected, weights=weights)),
        "rate": float(np.average(chance, weights=weights)),
    }
