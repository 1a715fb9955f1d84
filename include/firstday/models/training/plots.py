"""Plots of a training set and of a test, drawn without a screen, beside the MLflow run."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from sklearn.calibration import CalibrationDisplay
from sklearn.feature_selection import mutual_info_classif
from sklearn.inspection import permutation_importance
from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

from include.firstday.models.training.metrics import Estimate, Labels, Values
from include.firstday.use_case.use_case import UseCase

matplotlib.use("Agg")
from matplotlib import pyplot

COLOURS = {0: "tab:blue", 1: "tab:orange"}
SEED = 7


def log(figure: Any, name: str) -> None:
    """Log a figure to the active run as plots/<name>, and give its memory back."""
    import mlflow

    figure.set_layout_engine("tight")
    mlflow.log_figure(figure, f"plots/{name}")
    pyplot.close(figure)


def of_test(
    use_case: UseCase, labels: Labels, probability: Values, by_cutoff: dict[int, dict[str, Estimate]]
) -> dict[str, Any]:
    """File name → figure: how well the probabilities of the test's rows, both of shape (n,), tell the labels."""
    return {
        "roc.png": RocCurveDisplay.from_predictions(labels, probability, plot_chance_level=True).figure_,
        "precision_recall.png": PrecisionRecallDisplay.from_predictions(
            labels, probability, plot_chance_level=True
        ).figure_,
        "calibration.png": CalibrationDisplay.from_predictions(
            labels, probability, n_bins=10, strategy="quantile"
        ).figure_,
        "lift.png": _lift(labels, probability),
        "cost_by_threshold.png": _cost(use_case, labels, probability),
        "auc_by_hours.png": _by_hours(by_cutoff),
    }


def importance(model: Any, features: pd.DataFrame, labels: Labels) -> Any:
    """How much worse the log loss gets when a feature is shuffled, on at most 2,000 rows (Breiman, 2001)."""
    some = np.random.default_rng(SEED).permutation(len(features))[:2000]
    found = permutation_importance(
        model, features.iloc[some], labels[some], scoring="neg_log_loss", n_repeats=5, random_state=SEED
    )
    return _bars(features.columns, found.importances_mean, "Permutation importance: increase in log loss")


def of_training_set(features: pd.DataFrame, labels: Labels, minutes: Values, outcome: str) -> dict[str, Any]:
    """File name → figure: histograms by label, correlations, class balance by cut-off, mutual information."""
    numbers = features.select_dtypes("number")
    known = numbers.fillna(numbers.median())
    # A category's values are numbered, and no order of them is looked at.
    numbered = known.assign(**{name: pd.factorize(features[name])[0] for name in features.columns.drop(known.columns)})
    is_category = [name not in known.columns for name in features.columns]
    information = mutual_info_classif(
        numbered[features.columns], labels, discrete_features=is_category, random_state=SEED
    )
    return {
        "histograms.png": _histograms(features, labels, outcome),
        "correlations.png": _correlations(known),
        "class_balance.png": _balance(labels, minutes, outcome),
        "mutual_information.png": _bars(features.columns, information, "Mutual information with the label (nats)"),
    }


def _lift(labels: Labels, probability: Values) -> Any:
    figure, axes = pyplot.subplots()
    hits = labels[np.argsort(-probability, kind="stable")]
    count = np.arange(1, len(hits) + 1)
    first = len(hits) // 100  # of the very first few, the rate is chance
    axes.plot(count[first:] / len(hits), (np.cumsum(hits) / count / labels.mean())[first:])
    axes.axhline(1, color="grey", linestyle="--")
    axes.set(xlabel="share of users, highest risk first", ylabel="lift over the base rate", title="Lift")
    return figure


def _cost(use_case: UseCase, labels: Labels, probability: Values) -> Any:
    costs = use_case.scoring.costs
    thresholds = np.linspace(0.01, 0.99, 99)
    called = probability[:, None] >= thresholds
    missed = np.mean(~called & (labels == 1)[:, None], axis=0) * costs.missed_user
    needless = np.mean(called & (labels == 0)[:, None], axis=0) * costs.unneeded_offer
    figure, axes = pyplot.subplots()
    axes.plot(thresholds, missed + needless, label="cost per user")
    axes.plot(thresholds, missed, linestyle=":", label=f"missed: {use_case.outcome.name}")
    axes.plot(thresholds, needless, linestyle=":", label="unneeded offers")
    axes.axvline(costs.threshold, color="grey", linestyle="--", label=f"threshold {costs.threshold:.2f}")
    axes.set(xlabel="threshold", ylabel="cost", title="Cost by threshold")
    axes.legend()
    return figure


def _by_hours(by_cutoff: dict[int, dict[str, Estimate]]) -> Any:
    figure, axes = pyplot.subplots()
    hours = [minutes / 60 for minutes in by_cutoff]
    found = [parts["roc_auc"] for parts in by_cutoff.values()]
    axes.plot(hours, [each.value for each in found], marker="o")
    axes.fill_between(hours, [each.low for each in found], [each.high for each in found], alpha=0.2)
    axes.set(
        xlabel="hours since the window opened",
        ylabel="ROC AUC (95 % interval)",
        title="AUC by hours since the window opened",
    )
    axes.set_ylim(min([0.5, *(each.low for each in found)]), 1)
    return figure


def _side(label: int, outcome: str) -> str:
    return outcome if label else f"no {outcome}"


def _histograms(features: pd.DataFrame, labels: Labels, outcome: str) -> Any:
    columns = 4
    rows = -(-features.shape[1] // columns)
    figure, grid = pyplot.subplots(rows, columns, figsize=(14, 2.6 * rows), squeeze=False)
    for axes in grid.flat[features.shape[1] :]:
        axes.set_visible(False)
    for axes, name in zip(grid.flat, features.columns, strict=False):
        values = features[name].to_numpy()
        if values.dtype == object:
            _bars_by_label(axes, features[name], labels)
            continue
        # The few largest would leave everybody else in one bar.
        low, high = np.nanquantile(values, [0, 0.98]) if not np.isnan(values).all() else (0, 1)
        bins = np.linspace(low, max(high, low + 1e-9), 31)
        for label, colour in COLOURS.items():
            axes.hist(
                values[labels == label], bins=bins, density=True, alpha=0.5, color=colour, label=_side(label, outcome)
            )
        axes.set(title=name, yticks=[])
    grid.flat[0].legend()
    return figure


def _bars_by_label(axes: Any, values: "pd.Series[str]", labels: Labels) -> None:
    """The share of each label's rows that has a value, of the ten most frequent ones."""
    shares = pd.crosstab(values.fillna("unknown"), labels, normalize="columns")
    shares = shares.loc[shares.mean(axis=1).nlargest(10).index]
    for label in shares.columns:
        axes.bar([str(value)[:12] for value in shares.index], shares[label], alpha=0.5, color=COLOURS[int(label)])
    axes.set(title=values.name, yticks=[])
    axes.tick_params(axis="x", labelrotation=45)


def _correlations(known: pd.DataFrame) -> Any:
    size = max(4.0, 0.6 * known.shape[1])
    figure, axes = pyplot.subplots(figsize=(size + 1, size))
    image = axes.imshow(known.corr("spearman"), vmin=-1, vmax=1, cmap="RdBu_r")
    axes.set_xticks(range(known.shape[1]), known.columns, rotation=90)
    axes.set_yticks(range(known.shape[1]), known.columns)
    axes.set_title("Rank correlations")
    figure.colorbar(image)
    return figure


def _balance(labels: Labels, minutes: Values, outcome: str) -> Any:
    figure, axes = pyplot.subplots()
    counts = pd.crosstab(minutes, labels)
    names = [f"{minute / 60:g} h" for minute in counts.index]
    below = np.zeros(len(counts))
    for label, colour in COLOURS.items():
        height = counts[label].to_numpy() if label in counts else np.zeros(len(counts))
        axes.bar(names, height, bottom=below, color=colour, label=_side(label, outcome))
        below = below + height
    axes.set(xlabel="since the window opened", ylabel="users", title=f"Class balance: {labels.mean():.0%} {outcome}")
    axes.legend()
    return figure


def _bars(names: pd.Index, values: Values, title: str) -> Any:
    order = np.argsort(values)
    figure, axes = pyplot.subplots(figsize=(7, max(3.0, 0.35 * len(values))))
    axes.barh([str(name) for name in names[order]], values[order])
    axes.set_title(title)
    return figure
