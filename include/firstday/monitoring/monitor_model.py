"""Monitoring of data quality, of feature drift since training, and of the champion's performance.

Each monitoring run covers the micro-batches since the previous one, and the last hour, also where nothing has arrived.
Measurements go to the table `monitoring` and, as metrics over time, to the MLflow run `monitoring`; a measurement
beyond its limit raises an alert.

- Drift compares the users who passed a cut-off since the last run with the champion's training set, feature by feature
  and by the champion's probability, at the same cut-offs and by the same statements. A column has drifted when both
  measures say so, and drift is confirmed in `drifted_runs` of the last `runs`.
- Performance is estimated from the champion's own probabilities before any label is known, and realised once labels
  are; champion and challenger are compared on the same users.
- Consistency computes the features of logged predictions anew: not one may differ.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from include.firstday.features import point_in_time
from include.firstday.features.model_inputs import inputs_of
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.lake.words import batch_range, counted
from include.firstday.models import drift, registry
from include.firstday.models.drift import Reference
from include.firstday.monitoring import alert_states, hourly, realised
from include.firstday.monitoring.alerts import DRIFTED, alerts
from include.firstday.monitoring.estimated import Recalibration, estimated, recalibration
from include.firstday.monitoring.measured import Measured, as_rows
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "monitor_model"
PROBABILITY = "probability"
RETRAINING = "retraining_asked"  # the metric that notes a training that confirmed drift triggered
SAMPLED = 200  # predictions whose features are computed anew
AGAIN_AFTER = timedelta(minutes=30)  # without new micro-batches; a repeated task measures nothing twice


@dataclass(frozen=True)
class MonitoringRun:
    """One monitoring run: micro-batches `after < batch_id <= upto`, the measured values, and the alerts.

    `unsilenced`: those alerts that nobody has acknowledged or muted.
    """

    after: int
    upto: int
    measured: tuple[Measured, ...]
    alerts: tuple[str, ...]
    unsilenced: tuple[str, ...]


@retrying
def monitor_model(use_case: UseCase, run: Run | None = None) -> MonitoringRun | None:
    """Measure what came since the last monitoring run, and the last hour; None where it has just been measured."""
    champion = registry.champion(use_case)
    with open_lake(use_case, run or Run(task=STAGE)) as lake:
        after, upto = checkpoints.of(lake, STAGE), checkpoints.of(lake, "score_users")
        if upto <= after and _is_recent(lake):
            return None
        measured = [*hourly.last_hour(lake)]
        if upto > after:
            measured += _measured(lake, use_case, champion, after, upto)
        # Before the commit: where MLflow fails, the retry measures again and no alert is lost.
        registry.log_measurements(use_case, "monitoring", {one.key: one.value for one in measured}, upto)
        with lake.transaction() as commit:
            lake.append("monitoring", as_rows(measured, upto))
            confirmed = _confirmed(lake, use_case, measured)
            if confirmed and _may_retrain(lake, use_case):
                lake.append("monitoring", as_rows([Measured(RETRAINING, len(confirmed))], upto))
            checkpoints.advance(lake, STAGE, after, upto)
            raised = tuple(alerts(use_case, measured, confirmed))
            alert_states.end(lake, [*raised, *(DRIFTED for one in measured if one.metric == "drifted" and one.value)])
            done = MonitoringRun(after, upto, tuple(measured), raised, alert_states.unsilenced(lake, raised))
            commit.message = describe(done)
    for alert in done.alerts:
        log.warning("%s", alert)
    return done


def describe(done: MonitoringRun) -> str:
    """Describe the result in one line."""
    seen = batch_range(done.after + 1, done.upto) if done.upto > done.after else "no new micro-batches"
    found = f"{seen}: {counted(len(done.measured), 'measurement')}, {counted(len(done.alerts), 'alert')}"
    if silent := len(done.alerts) - len(done.unsilenced):
        found += f", {silent:,} of them acknowledged or muted"
    by_metric = {one.metric: one for one in done.measured}
    if (advantage := by_metric.get("compared_advantage")) is not None:
        found += (
            f"; on {by_metric['compared_users'].value:,.0f} users, challenger {advantage.model_version} has a log loss "
            f"{abs(advantage.value):.3f} {'lower' if advantage.value > 0 else 'higher'} than the champion"
        )
    return found


def retraining_asked(use_case: UseCase) -> int | None:
    """The micro-batch by which confirmed drift last asked for a new model, within the use case's period; else None."""
    with open_lake(use_case, read_only=True) as lake:
        last = _last_measured(lake, RETRAINING)
    if last["measured_at"] is None or clock.now() - last["measured_at"] > _period(use_case):
        return None
    return int(last["batch_id"])


def _is_recent(lake: Lake) -> bool:
    """Whether a monitoring run has just measured, or there is nothing yet to measure."""
    last = _last_measured(lake)["measured_at"]
    if last is None:
        return checkpoints.of(lake, "store_events") == 0
    return bool(clock.now() - last < AGAIN_AFTER)


def _measured(
    lake: Lake, use_case: UseCase, champion: registry.Champion | None, after: int, upto: int
) -> Iterator[Measured]:
    """What the new micro-batches show."""
    for row in lake.rows("monitoring/monitor_model/volumes", after=after, upto=upto):
        yield Measured("rows_stored", row["row_count"], row["event_type"])
    references = drift.read(registry.reference(use_case)) if champion else {}
    matured = realised.matured(lake, use_case, upto)
    yield from _predictions(lake, use_case, references, matured, (after, upto))
    yield from realised.outcome_rate(lake, use_case.monitoring.minimum_rows)
    yield from realised.realised(matured, use_case)
    yield from realised.compared(matured, use_case)
    if champion:
        yield from _consistency(lake, use_case, after, upto)
        yield from _drift(lake, use_case, champion, references, upto)


def _predictions(
    lake: Lake, use_case: UseCase, references: dict[str, Reference], matured: pd.DataFrame, batches: tuple[int, int]
) -> Iterator[Measured]:
    """Of new predictions, the share of unknown values, beside that in training, and the estimated performance."""
    recent = lake.table("monitoring/monitor_model/recent_predictions", after=batches[0], upto=batches[1]).to_pandas()
    for key, part in recent.groupby("model_version"):
        version = int(str(key))
        for name in use_case.features:
            share = float(part[name].isna().mean())
            yield Measured("null_share", share, name, version)
            if name in references and len(part) >= use_case.monitoring.minimum_rows:
                yield Measured("null_share_shift", share - references[name].unknown_share, name, version)
        if len(part) >= use_case.monitoring.minimum_rows:
            recalibrated = _recalibration(matured[matured["model_version"] == version], use_case)
            weights = realised.weights_of(part["user_id"])
            for name, value in estimated(part[PROBABILITY].to_numpy("float64"), weights, recalibrated).items():
                yield Measured(f"estimated_{name}", value, model_version=version)


def _recalibration(matured: pd.DataFrame, use_case: UseCase) -> Recalibration | None:
    """What known labels show of a version's probabilities; None of too few users."""
    if matured["user_id"].nunique() < use_case.monitoring.minimum_rows:
        return None
    labels, probability = matured["label"].to_numpy("int64"), matured[PROBABILITY].to_numpy("float64")
    return recalibration(labels, probability, realised.weights_of(matured["user_id"]))


def _consistency(lake: Lake, use_case: UseCase, after: int, upto: int) -> Iterator[Measured]:
    """Of a sample of logged predictions, how many were made from other features than a recompute gives."""
    logged = lake.table(
        "monitoring/monitor_model/sampled_predictions", after=after, upto=upto, row_limit=SAMPLED
    ).to_pandas()
    if logged.empty:
        return
    batch_id, as_of = int(logged["batch_id"].iloc[0]), logged["as_of"].iloc[0].to_pydatetime()
    anew = point_in_time.features_after(use_case, logged["user_id"].tolist(), batch_id, as_of)
    made, found = (inputs_of(use_case, frame.set_index("user_id")).sort_index() for frame in (logged, anew))
    found = found.reindex(made.index)
    differs = ~((made == found) | (made.isna() & found.isna()))
    yield Measured("inconsistent_predictions", float(differs.any(axis=1).sum()))


def _drift(
    lake: Lake, use_case: UseCase, champion: registry.Champion, references: dict[str, Reference], upto: int
) -> Iterator[Measured]:
    if not references:
        return
    last = _last_measured(lake, "psi", champion.version)["batch_id"]
    to_time = _watermark(lake, upto)
    from_time = max(_watermark(lake, last or 0), to_time - drift.longest_range(use_case))
    rows = drift.comparable(references, point_in_time.passed_cutoffs(use_case, upto, from_time, to_time))
    if len(rows) < use_case.monitoring.minimum_rows:
        return  # the next run goes back to where this one did
    rows[PROBABILITY] = champion.predict(pa.Table.from_pandas(rows[list(use_case.features)], preserve_index=False))
    limits, cutoffs = use_case.monitoring, rows[drift.CUTOFF].to_numpy("int64")
    for name, reference in references.items():
        values = rows[name].to_numpy(reference.kind)
        index, distance = reference.stability_index(values, cutoffs), reference.jensen_shannon(values, cutoffs)
        yield Measured("psi", index, name, champion.version)
        yield Measured("jensen_shannon", distance, name, champion.version)
        is_drifted = index > limits.psi and distance > limits.jensen_shannon
        yield Measured("drifted", float(is_drifted), name, champion.version)


def _last_measured(lake: Lake, metric: str | None = None, model_version: int | None = None) -> dict[str, Any]:
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
