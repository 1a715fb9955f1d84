"""Performance is estimated before labels are known, also where probabilities are not calibrated."""

import numpy as np
import pytest
from scipy.special import expit, logit

from include.firstday.models.training.metrics import scores
from include.firstday.monitoring import estimated

Frame = tuple[estimated.Values, "np.typing.NDArray[np.int64]"]


def frame(chance: np.random.Generator, rows: int, mean: float = 0.4, spread: float = 1.0) -> Frame:
    """Probabilities of a model that is too sure of itself and says too much, and labels, of one hour's users."""
    said = chance.normal(mean, spread, rows)
    return expit(1.8 * said + 0.5), (chance.random(rows) < expit(said)).astype("int64")


def errors(recalibrated: estimated.Recalibration | None, frames: list[Frame]) -> list[float]:
    """By how much each frame's estimated ROC AUC misses the realised one."""
    return [
        abs(
            estimated.estimated(probability, np.ones(len(probability)), recalibrated)["roc_auc"]
            - scores(labels, probability)["roc_auc"]
        )
        for probability, labels in frames
    ]


def test_calibrated_probabilities_need_no_labels() -> None:
    chance = np.random.default_rng(3)
    probability = chance.beta(2, 1, 20_000)
    labels = (chance.random(20_000) < probability).astype("int64")
    found, truth = estimated.estimated(probability, np.ones(20_000)), scores(labels, probability)
    assert found["roc_auc"] == pytest.approx(truth["roc_auc"], abs=0.02)
    assert found["brier"] == pytest.approx(truth["brier"], abs=0.01)
    assert found["rate"] == pytest.approx(labels.mean(), abs=0.02)


def test_labels_of_reference_users_recalibrate_what_is_estimated_of_others() -> None:
    """Also of frames with other users than the reference has: the mean and spread of their risks vary."""
    chance = np.random.default_rng(5)
    probability, labels = frame(chance, 800)
    recalibrated = estimated.recalibration(labels, probability, np.ones(800))
    assert abs(recalibrated(probability).mean() - labels.mean()) < 0.001
    frames = [frame(chance, 600, chance.normal(0.4, 0.2), chance.uniform(0.7, 1.3)) for _ in range(48)]
    assert np.mean(errors(recalibrated, frames)) <= 0.03
    assert np.mean(errors(None, frames)) > 0.05
    assert logit(probability).std() > 1
