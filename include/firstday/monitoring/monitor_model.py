"""Monitoring of data quality, of feature drift since training, and of the champion's performance.

Each monitoring run covers the micro-batches since the previous one. Measurements go to the table `monitoring` and, as
metrics over time, to the MLflow run `monitoring`; a measurement beyond its limit raises an alert.

- Drift compares the users who passed a cut-off since the last run with the champion's training set, feature by feature
  and by the champion's probability, at the same cut-offs and by the same statements. A column has drifted when both
  measures say so, and drift is confirmed in `drifted_runs` of the last `runs`.
- Performance is estimated from the champion's own probabilities before any label is known (it is as good as they are
  calibrated; Garg et al., 2022), and realised once labels are.
- Consistency computes the features of logged predictions anew: not one may differ.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from include.firstday.features import labels, point_in_time
from include.firstday.features.update_features import window_seconds
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.models import drift, registry
from include.firstday.models.training.metrics import scores
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "monitor_model"
PROBABILITY = "churn_probability"
RETRAINING = "retraining_asked"  # the metric that notes a training that confirmed drift triggered
SAMPLED = 200  # predictions whose features are computed anew
LONGEST_RANGE = timedelta(days=1)  # after a pause, or at the first run; a longer window is measured as a whole


@dataclass(frozen=True)
class Measured:
    """One value of one monitoring run; `subject` is the feature or event type it is about, or empty."""

    metric: str
    value: float
    subject: str = ""
    model_version: int | None = None


@dataclass(frozen=True)
class MonitoringRun:
    """One monitoring run: micro-batches `after < batch_id <= upto`, the measured values, and the alerts."""

    after: int
    upto: int
    measured: tuple[Measured, ...]
    alerts: tuple[str, ...]


@retrying
def monitor_model(use_case: UseCase, run: Run | None = None) -> MonitoringRun | None:
    """Measure what came since the last monitoring run; None where nothing was new."""
    champion = registry.champion(use_case)
    with open_lake(use_case, run or Run(task=STAGE)) as lake:
        after, upto = checkpoints.of(lake, STAGE), checkpoints.of(lake, "score_users")
        if upto <= after:
            return None
        measured = [*_data_quality(lake, after, upto), *_performance(lake, use_case, after, upto)]
        if champion:
            measured += _consistency(lake, use_case, after, upto)
            measured += _drift(lake, use_case, champion, upto)
        # Before the commit: where MLflow fails, the retry measures again and no alert is lost.
        registry.log_monitoring(use_case, {_key(one): one.value for one in measured}, upto)
        with lake.transaction() as commit:
            lake.append("monitoring", _rows(measured, upto))
            confirmed = _confirmed(lake, use_case, measured)
            if confirmed and _may_retrain(lake, use_case):
                lake.append("monitoring", _rows([Measured(RETRAINING, len(confirmed))], upto))
            checkpoints.advance(lake, STAGE, after, upto)
            done = MonitoringRun(after, upto, tuple(measured), tuple(_alerts(use_case, measured, confirmed)))
            commit.message = describe(done)
    for alert in done.alerts:
        log.warning("%s", alert)
    return done


def describe(done: MonitoringRun) -> str:
    """Describe the result in one line."""
    return (
        f"micro-batches {done.after + 1} to {done.upto}: {len(done.measured):,} measurements, "
        f"{len(done.alerts):,} alerts"
    )


def retraining_asked(use_case: UseCase) -> int | None:
    """The micro-batch by which confirmed drift last asked for a new model, within the use case's period; else None."""
    with open_lake(use_case, read_only=True) as lake:
        last = _last_measured(lake, RETRAINING)
    if last["measured_at"] is None or clock.now() - last["measured_at"] > _period(use_case):
        return None
    return int(last["batch_id"])


def _data_quality(lake: Lake, after: int, upto: int) -> Iterator[Measured]:
    for row in lake.rows("monitoring/monitor_model/volumes", after=after, upto=upto):
        yield Measured("rows_stored", row["row_count"], row["event_type"])
    for name, value in lake.row("monitoring/monitor_model/data_quality", after=after, upto=upto).items():
        if value is not None:
            yield Measured(name, float(value))


def _performance(lake: Lake, use_case: UseCase, after: int, upto: int) -> Iterator[Measured]:
    recent = lake.table("monitoring/monitor_model/recent_predictions", after=after, upto=upto).to_pandas()
    for version, part in recent.groupby("model_version"):
        for name in use_case.features:
            yield Measured("null_share", float(part[name].isna().mean()), name, int(str(version)))
        if len(part) >= use_case.monitoring.minimum_rows:
            yield from _named("estimated", estimated(part[PROBABILITY].to_numpy("float64")), int(str(version)))
    matured = _matured(lake, use_case, after, upto)
    for version, part in matured.groupby("model_version"):
        if len(part) >= use_case.monitoring.minimum_rows and part["label"].nunique() == 2:
            yield from _named("realised", _realised(part), int(str(version)))


def _matured(lake: Lake, use_case: UseCase, after: int, upto: int) -> pd.DataFrame:
    """One row per prediction whose label became known: model_version, churn_probability, label."""
    label_seconds = labels.known_after_seconds(use_case)
    lake.build(
        "monitoring/monitor_model/maturing_windows",
        into="windows",
        after=after,
        upto=upto,
        window_seconds=window_seconds(use_case),
        label_seconds=label_seconds,
    )
    lake.build("monitoring/monitor_model/maturing_events", into="scope_events", upto=upto, label_seconds=label_seconds)
    labels.build_labels(lake, use_case, _watermark(lake, upto))
    matured: pd.DataFrame = lake.table("monitoring/monitor_model/matured_predictions", upto=upto).to_pandas()
    return matured


def estimated(probability: NDArray[np.float64]) -> dict[str, float]:
    """What calibrated probabilities, of shape (n,), say of themselves: expected ROC AUC, Brier score and churn rate.

    Each row counts as a churner with weight p and as retained with weight 1 - p.
    """
    truth = np.repeat([1, 0], len(probability))
    weights = np.concatenate([probability, 1 - probability])
    return {
        "roc_auc": float(roc_auc_score(truth, np.tile(probability, 2), sample_weight=weights)),
        "brier": float(np.mean(probability * (1 - probability))),
        "churn_rate": float(probability.mean()),
    }


def _realised(part: pd.DataFrame) -> dict[str, float]:
    truth, probability = part["label"].to_numpy("int64"), part[PROBABILITY].to_numpy("float64")
    measured = scores(truth, probability)
    return {name: measured[name] for name in ("roc_auc", "log_loss", "brier")} | {
        "churn_rate": float(truth.mean()),
        # How much higher the probabilities are than what came true: 0 on average for calibrated ones.
        "calibration_gap": float(probability.mean() - truth.mean()),
    }


def _consistency(lake: Lake, use_case: UseCase, after: int, upto: int) -> Iterator[Measured]:
    """Of a sample of logged predictions, how many were made from other features than a recompute gives."""
    logged = lake.table(
        "monitoring/monitor_model/sampled_predictions", after=after, upto=upto, row_limit=SAMPLED
    ).to_pandas()
    if logged.empty:
        return
    batch_id, as_of = int(logged["batch_id"].iloc[0]), logged["as_of"].iloc[0].to_pydatetime()
    anew = point_in_time.features_after(use_case, logged["user_id"].tolist(), batch_id, as_of)
    names = ["user_id", *use_case.features]
    both = [frame[names].sort_values("user_id").set_index("user_id").astype("float64") for frame in (logged, anew)]
    differs = ~np.isclose(both[0].to_numpy(), both[1].reindex(both[0].index).to_numpy(), rtol=0, atol=0, equal_nan=True)
    yield Measured("inconsistent_predictions", float(differs.any(axis=1).sum()))


def _drift(lake: Lake, use_case: UseCase, champion: registry.Champion, upto: int) -> Iterator[Measured]:
    references = drift.read(registry.reference(use_case))
    if not references:
        return
    last = _last_measured(lake, "psi", champion.version)["batch_id"]
    to_time = _watermark(lake, upto)
    earliest = to_time - max(LONGEST_RANGE, timedelta(hours=use_case.window.hours))
    from_time = max(_watermark(lake, last or 0), earliest)
    rows = point_in_time.passed_cutoffs(use_case, upto, from_time, to_time)
    if len(rows) < use_case.monitoring.minimum_rows:
        return  # the next run goes back to where this one did
    rows[PROBABILITY] = champion.predict(pa.Table.from_pandas(rows[list(use_case.features)], preserve_index=False))
    limits, cutoffs = use_case.monitoring, rows[drift.CUTOFF].to_numpy("int64")
    for name, reference in references.items():
        values = rows[name].to_numpy("float64")
        index, distance = reference.stability_index(values, cutoffs), reference.jensen_shannon(values, cutoffs)
        yield Measured("psi", index, name, champion.version)
        yield Measured("jensen_shannon", distance, name, champion.version)
        is_drifted = index > limits.psi and distance > limits.jensen_shannon
        yield Measured("drifted", float(is_drifted), name, champion.version)


def _last_measured(lake: Lake, metric: str, model_version: int | None = None) -> dict[str, Any]:
    return lake.row("monitoring/monitor_model/last_measured", metric=metric, model_version=model_version)


def _watermark(lake: Lake, upto: int) -> datetime:
    """The time up to which events are complete, as of a micro-batch; the earliest of all before the first."""
    return checkpoints.stored(lake, upto).watermark or datetime.min


def _confirmed(lake: Lake, use_case: UseCase, measured: list[Measured]) -> list[str]:
    """Columns that have drifted in enough of the last runs; this one's values are in the lake already."""
    versions = {one.model_version for one in measured if one.metric == "drifted"}
    limits = use_case.monitoring
    return [
        row["subject"]
        for version in versions
        for row in lake.rows(
            "monitoring/monitor_model/last_runs", metric="drifted", model_version=version, runs=limits.runs
        )
        if row["times"] >= limits.drifted_runs
    ]


def _may_retrain(lake: Lake, use_case: UseCase) -> bool:
    asked_at = _last_measured(lake, RETRAINING)["measured_at"]
    return asked_at is None or clock.now() - asked_at > _period(use_case)


def _period(use_case: UseCase) -> timedelta:
    return timedelta(hours=use_case.monitoring.retrain_after_hours)


def _alerts(use_case: UseCase, measured: list[Measured], confirmed: list[str]) -> Iterator[str]:
    limits = use_case.monitoring
    if confirmed:
        yield (
            f"{use_case.name}: {', '.join(confirmed)} drifted from the champion's training set in at least "
            f"{limits.drifted_runs} of the last {limits.runs} monitoring runs"
        )
    for one in measured:
        if one.metric == "rejected_share" and one.value > limits.rejected_share:
            yield f"{use_case.name}: {one.value:.1%} of the rows were rejected, above {limits.rejected_share:.1%}"
        if one.metric == "inconsistent_predictions" and one.value:
            yield f"{use_case.name}: {one.value:.0f} logged predictions have other features than a recompute"
        if one.metric == "realised_roc_auc" and one.value < limits.roc_auc:
            yield (
                f"{use_case.name}: version {one.model_version} had a ROC AUC of {one.value:.2f} "
                f"on users whose label is known now, below {limits.roc_auc:.2f}"
            )


def _named(kind: str, values: dict[str, float], version: int) -> Iterator[Measured]:
    for name, value in values.items():
        yield Measured(f"{kind}_{name}", value, model_version=version)


def _rows(measured: list[Measured], batch_id: int) -> pa.Table:
    frame = pd.DataFrame([vars(one) for one in measured], columns=["metric", "value", "subject", "model_version"])
    frame["model_version"] = frame["model_version"].astype("Int64")
    return pa.Table.from_pandas(frame.assign(measured_at=clock.now(), batch_id=batch_id), preserve_index=False)


def _key(one: Measured) -> str:
    version = f"version_{one.model_version}" if one.model_version else ""
    return "/".join(part for part in (one.metric, one.subject, version) if part)
