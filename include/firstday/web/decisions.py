"""Decisions on predictions with known labels, champion and challenger on the same users, and a model's importances."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.firstday.errors import InputError, NothingToExplainError
from include.firstday.features import labels
from include.firstday.lake import clock
from include.firstday.models import version_report
from include.firstday.models.reasons import Explainer
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import drivers
from include.firstday.web.cache import Memory
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import model as schemas

FRESH = 30.0
POINTS = 1500  # of the scatter plot
SAMPLED = 500  # predictions whose effects are averaged
REPORT_SECONDS = 60.0
CLIP = 1e-6  # of a probability, before its logarithm
SIGMAS = 1.96  # of the standard error, for 95 %

_REPORTS = Memory()  # not the reader's: a slow MLflow must not block queries of the lake


def decisions(reader: Reader, version: int) -> schemas.Decisions:
    """Return users with known labels by the probability of a version, for any threshold and costs."""
    use_case = reader.use_case
    rows: list[dict[str, Any]] = []
    if use_case.training.label == "explicit":  # a derived label is not stored in the lake
        rows = reader.ask(
            lambda lake: lake.rows("web/model/decisions", model_version=version, **_known(use_case)),
            *("decisions", version),
            seconds=FRESH,
        )
    span = max(row["last_at"] for row in rows) - min(row["first_at"] for row in rows) if rows else timedelta()
    costs = use_case.scoring.costs
    return schemas.Decisions(
        version=version,
        missed_user=costs.missed_user,
        unneeded_offer=costs.unneeded_offer,
        threshold=costs.threshold,
        days=max(span / timedelta(days=1), 1.0),
        bins=[schemas.DecisionBin(**{name: row[name] for name in ("bin", "positives", "negatives")}) for row in rows],
    )


def comparison(reader: Reader) -> schemas.Comparison:
    """Return champion and challenger on the same users: points, and what is known of them by label."""
    use_case = reader.use_case
    rows: pd.DataFrame = reader.ask(
        lambda lake: (
            lake.table("web/model/paired_predictions", **_known(use_case)).to_pandas()
            if use_case.training.label == "explicit"
            else pd.DataFrame(columns=["champion_version", "challenger_version", "champion", "challenger", "label"])
        ),
        "comparison",
        seconds=FRESH,
    )
    if rows.empty:
        return schemas.Comparison(users=0, labelled=0)
    newest = rows[rows["challenger_version"] == rows["challenger_version"].max()]
    labelled = newest[newest["label"].notna()]
    labels = labelled["label"].to_numpy("float64")
    difference = [_log_loss(labels, labelled[side].to_numpy("float64")) for side in ("champion", "challenger")]
    advantage = difference[0] - difference[1]
    error = SIGMAS * advantage.std(ddof=1) / np.sqrt(len(advantage)) if len(advantage) > 1 else float("nan")
    mean = float(advantage.mean()) if len(advantage) else None
    return schemas.Comparison(
        users=len(newest),
        labelled=len(labelled),
        champion_version=int(newest["champion_version"].max()),
        challenger_version=int(newest["challenger_version"].max()),
        points=[
            schemas.PairedPoint(
                champion=row.champion, challenger=row.challenger, label=None if pd.isna(row.label) else int(row.label)
            )
            for row in newest.head(POINTS).itertuples()
        ],
        sides=[_side(name, labels, labelled[name].to_numpy("float64")) for name in ("champion", "challenger")],
        advantage=mean,
        advantage_low=None if mean is None or np.isnan(error) else mean - error,
        advantage_high=None if mean is None or np.isnan(error) else mean + error,
    )


def report(reader: Reader, version: int) -> schemas.VersionReport:
    """Return what the run of a version has logged. Raises InputError for an unknown version."""
    use_case = reader.use_case
    try:
        found = _REPORTS.get(
            lambda: version_report.version_report(use_case, version), (use_case.name, version), REPORT_SECONDS
        )
    except LookupError as error:
        raise InputError(str(error)) from error
    return schemas.VersionReport(**vars(found))


def importance(reader: Reader) -> schemas.Importance:
    """Return the mean size of each effect on the champion's recent predictions. Raises NothingToExplainError."""
    champion = drivers.champion(reader.use_case)
    if champion is None:
        raise NothingToExplainError("no champion yet: trigger train_model")
    since = clock.now() - timedelta(days=1)
    rows = reader.ask(
        lambda lake: lake.table(
            "web/model/recent_features", model_version=champion.version, since=since, row_limit=SAMPLED
        ),
        *("importance", champion.version),
        seconds=REPORT_SECONDS,
    )
    if not rows.num_rows:
        raise NothingToExplainError("no predictions of the champion in the last 24 hours")
    explainer = Explainer(champion.model)
    effects = explainer.effects(champion.frame(rows), champion.predict(rows))
    sizes = np.abs(effects).mean(axis=0)
    found = [
        schemas.ImportanceOfGroup(features=list(group), effect=float(size))
        for group, size in zip(explainer.groups, sizes, strict=True)
    ]
    return schemas.Importance(
        model_version=champion.version,
        predictions=rows.num_rows,
        groups=sorted(found, key=lambda one: -one.effect),
    )


def _known(use_case: UseCase) -> dict[str, Any]:
    return {"now": clock.now(), "label_seconds": labels.known_after_seconds(use_case)}


def _log_loss(labels: NDArray[np.float64], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(probability, CLIP, 1 - CLIP)
    return np.asarray(-(labels * np.log(clipped) + (1 - labels) * np.log(1 - clipped)))


def _side(name: str, labels: NDArray[np.float64], probability: NDArray[np.float64]) -> schemas.ComparedSide:
    """The ROC curve, AUC, log loss and calibration of one side; without curves where all labels are the same."""
    loss = float(_log_loss(labels, probability).mean()) if len(labels) else None
    if len(np.unique(labels)) < 2:
        return schemas.ComparedSide(side=name, log_loss=loss)
    from sklearn.metrics import roc_auc_score, roc_curve

    false, true, _ = roc_curve(labels, probability)
    tenths = np.minimum((probability * 10).astype(int), 9)
    return schemas.ComparedSide(
        side=name,
        log_loss=loss,
        roc_auc=float(roc_auc_score(labels, probability)),
        roc=[(float(x), float(y)) for x, y in zip(false, true, strict=True)],
        calibration=[
            (float(probability[tenths == tenth].mean()), float(labels[tenths == tenth].mean()))
            for tenth in np.unique(tenths)
        ],
    )
