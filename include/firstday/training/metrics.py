"""How good probabilities are, as plain numbers."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    roc_auc_score,
)

Values = NDArray[np.float64]


def scores(labels: NDArray[np.int64], probability: Values, threshold: float = 0.5) -> dict[str, float]:
    """ROC AUC, PR AUC, log loss, Brier score, accuracy and F1 at the threshold; both arrays of shape (n,)."""
    called = probability >= threshold
    return {
        "roc_auc": float(roc_auc_score(labels, probability)),
        "pr_auc": float(average_precision_score(labels, probability)),
        "log_loss": float(log_loss(labels, probability, labels=[0, 1])),
        "brier": float(brier_score_loss(labels, probability)),
        "accuracy": float(accuracy_score(labels, called)),
        "f1": float(f1_score(labels, called)),
    }


def losses(labels: NDArray[np.int64], probability: Values) -> Values:
    """Log loss of each row; its mean is the log loss."""
    clipped = np.clip(probability, 1e-15, 1 - 1e-15)
    return np.asarray(-np.where(labels == 1, np.log(clipped), np.log1p(-clipped)))


def interval(differences: Values, repeats: int = 1000, seed: int = 7) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of independent values (Efron, 1979)."""
    draws = np.random.default_rng(seed).integers(0, len(differences), (repeats, len(differences)))
    low, high = np.percentile(differences[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
