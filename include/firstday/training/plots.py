"""Plots of a test, drawn without a screen."""

from typing import Any

import matplotlib
import pandas as pd
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

matplotlib.use("Agg")
from matplotlib import pyplot


def draw(test: pd.DataFrame, by_cutoff: dict[int, dict[str, float]]) -> dict[str, Any]:
    """File name → figure: ROC, precision and recall, calibration, and ROC AUC by hours since the window opened.

    `test` has the columns `label` and `probability`.
    """
    figures = {
        "roc.png": RocCurveDisplay.from_predictions(test["label"], test["probability"]).figure_,
        "precision_recall.png": PrecisionRecallDisplay.from_predictions(test["label"], test["probability"]).figure_,
        "calibration.png": CalibrationDisplay.from_predictions(
            test["label"], test["probability"], n_bins=10, strategy="quantile"
        ).figure_,
    }
    figure, axes = pyplot.subplots()
    hours = [minutes / 60 for minutes in by_cutoff]
    axes.plot(hours, [found["roc_auc"] for found in by_cutoff.values()], marker="o")
    axes.set(xlabel="hours since the window opened", ylabel="ROC AUC", title="How soon it can be known", ylim=(0.5, 1))
    figures["auc_by_hours.png"] = figure
    return figures


def close(figures: dict[str, Any]) -> None:
    """Give the figures' memory back."""
    for figure in figures.values():
        pyplot.close(figure)
