"""Monitoring: is the data as it was, are the users as they were in training, and was the champion right?

Takes the micro-batches since its last look. Values go into the table `monitoring` and, as metrics over time, into the
MLflow run `monitoring`. Drift is the population stability index between the champion's training set and the features
as scored (Siddiqi: Credit Risk Scorecards, 2006); above 0.2 it is said in the log as a warning.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from include.firstday import labels, lake, registry
from include.firstday.lake import Lake, Run
from include.firstday.prepare import open_lake
from include.firstday.training.metrics import scores
from include.firstday.update_features import window_seconds
from include.firstday.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "monitor_model"
SQL = f"stages/{STAGE}"
BINS = 10
DRIFTED = 0.2
MINIMUM_ROWS = 200  # below it, an index says more about chance than about drift


@dataclass(frozen=True)
class Measured:
    """One value of one look; `subject` is the feature it is about, or empty."""

    metric: str
    value: float
    subject: str = ""
    model_version: int | None = None


@lake.retrying
def monitor_model(use_case: UseCase, run: Run | None = None) -> list[Measured] | None:
    """Look at what came since the last look; what was measured, None where nothing was new."""
    with open_lake(use_case, run or Run(task=STAGE)) as opened:
        after, upto = opened.progress(STAGE), opened.progress("score_users")
        if upto <= after:
            return None
        found = [
            *_data_quality(opened, after, upto),
            *_drift(opened, use_case, after, upto),
            *_realised(opened, use_case, after, upto),
        ]
        with opened.transaction() as commit:
            opened.append("monitoring", _rows(found, upto))
            opened.advance(STAGE, after, upto)
            commit.message = f"micro-batches {after + 1} to {upto}: {len(found)} values measured"
    registry.log_monitoring(use_case, {_key(measured): measured.value for measured in found}, upto)
    for measured in found:
        if measured.metric == "psi" and measured.value > DRIFTED:
            log.warning("%s has drifted: index %.2f, above %.2f", measured.subject, measured.value, DRIFTED)
    return found


def stability_index(reference: NDArray[np.float64], recent: NDArray[np.float64]) -> float:
    """Population stability index of two samples over the reference's deciles: 0 for the same, above 0.2 for a shift."""
    edges = np.unique(np.nanquantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = [_shares(sample, edges) for sample in (reference, recent)]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def _shares(sample: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    known = sample[~np.isnan(sample)]
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    counts = np.append(counts, len(sample) - len(known))
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))


def _data_quality(opened: Lake, after: int, upto: int) -> Iterator[Measured]:
    for name, value in opened.row(f"{SQL}/data_quality", after=after, upto=upto).items():
        if value is not None:
            yield Measured(name, float(value))


def _drift(opened: Lake, use_case: UseCase, after: int, upto: int) -> Iterator[Measured]:
    recent = opened.table(f"{SQL}/recent_predictions", after=after, upto=upto).to_pandas()
    reference = registry.training_set_of_champion(use_case)
    if reference is None or len(recent) < MINIMUM_ROWS:
        return
    for feature in use_case.features:
        samples = [frame[feature].astype("float64").to_numpy() for frame in (reference, recent)]
        yield Measured("psi", stability_index(*samples), feature)


def _realised(opened: Lake, use_case: UseCase, after: int, upto: int) -> Iterator[Measured]:
    matured = _matured(opened, use_case, after, upto)
    for version, part in matured.groupby("model_version"):
        if len(part) >= MINIMUM_ROWS and part["label"].nunique() == 2:
            measured = scores(part["label"].to_numpy(), part["churn_probability"].to_numpy())
            for name in ("roc_auc", "log_loss", "brier"):
                yield Measured(f"realised_{name}", measured[name], model_version=int(str(version)))


def _matured(opened: Lake, use_case: UseCase, after: int, upto: int) -> pd.DataFrame:
    """One row per prediction whose label became known: model_version, churn_probability, label."""
    label_seconds = labels.known_after_seconds(use_case)
    watermark = opened.value("stages/build_training_set/watermark", batch_id=upto)
    opened.build(
        f"{SQL}/maturing_windows",
        into="windows",
        after=after,
        upto=upto,
        window_seconds=window_seconds(use_case),
        label_seconds=label_seconds,
    )
    opened.build(f"{SQL}/maturing_events", into="scope_events", upto=upto, label_seconds=label_seconds)
    labels.build_labels(opened, use_case, watermark)
    matured: pd.DataFrame = opened.table(f"{SQL}/matured_predictions", upto=upto).to_pandas()
    return matured


def _rows(found: list[Measured], batch_id: int) -> pa.Table:
    frame = pd.DataFrame(
        [vars(measured) for measured in found], columns=["metric", "value", "subject", "model_version"]
    )
    frame["model_version"] = frame["model_version"].astype("Int64")
    return pa.Table.from_pandas(frame.assign(measured_at=lake.now(), batch_id=batch_id), preserve_index=False)


def _key(measured: Measured) -> str:
    version = f"version_{measured.model_version}" if measured.model_version else ""
    return "/".join(part for part in (measured.metric, measured.subject, version) if part)
