"""Alerts of monitoring over time, and the distribution of a feature beside that of the training set."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np

from include.firstday.errors import InputError
from include.firstday.lake import clock
from include.firstday.lake.run import Run
from include.firstday.models import drift, registry
from include.firstday.monitoring import alert_states
from include.firstday.monitoring.alerts import alerts
from include.firstday.monitoring.measured import Measured
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import drivers
from include.firstday.web.cache import Memory
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import drift as schemas

MONITORED = timedelta(days=14)
SAMPLED = 20_000  # predictions of the last day
FRESH = 30.0
REFERENCE_SECONDS = 300.0
PROBABILITY = "probability"

_REFERENCES = Memory()  # not the reader's: a slow MLflow must not block queries of the lake


def seen_alerts(reader: Reader) -> list[schemas.SeenAlert]:
    """Return the alerts of the last weeks' monitoring runs, the latest first; one with other values is the same."""
    found = _seen(reader)
    states = reader.ask(lambda lake: alert_states.of_lake(lake, clock.now()))
    kept = ("state", "changed_at", "changed_by", "muted_until")
    return [
        one.model_copy(update={name: states[one.alert][name] for name in kept}) if one.alert in states else one
        for one in found
    ]


def change_alert(reader: Reader, change: schemas.AlertChange, by: str) -> list[schemas.SeenAlert]:
    """Acknowledge or mute an alert, or neither any more; return the alerts. Raises InputError for an unknown one."""
    if change.alert not in {one.alert for one in _seen(reader)}:
        raise InputError(
            f"alert: expected one of the last two weeks, by its sentence without measured values: {change.alert}"
        )
    run = Run(dag="page", run=by, task="change_alert")
    alert_states.change(reader.use_case, change.alert, change.state, change.hours, run, by)
    reader.forget()
    return seen_alerts(reader)


def _seen(reader: Reader) -> list[schemas.SeenAlert]:
    use_case = reader.use_case
    rows: list[dict[str, Any]] = reader.ask(
        lambda lake: lake.rows("web/model/monitoring", since=clock.now() - MONITORED), "alerts", seconds=FRESH
    )
    found: dict[str, schemas.SeenAlert] = {}
    for measured_at, key, sentence in _alerts(use_case, rows):
        known = found.get(key)
        found[key] = schemas.SeenAlert(
            alert=key,
            text=sentence,
            first_at=known.first_at if known else measured_at,
            last_at=measured_at,
            runs=known.runs + 1 if known else 1,
            is_current=measured_at == rows[-1]["measured_at"],
        )
    return sorted(found.values(), key=lambda one: one.last_at, reverse=True)


def _alerts(use_case: UseCase, rows: list[dict[str, Any]]) -> Iterator[tuple[datetime, str, str]]:
    """Time, what makes it the same alert, and sentence of each alert, in order."""
    for measured_at, run in groupby(rows, key=lambda row: row["measured_at"]):
        measured = [
            Measured(row["metric"], row["value"], row["subject"], row["model_version"])
            for row in run
            if row["value"] is not None
        ]
        drifted = [one.subject for one in measured if one.metric == "drifted" and one.value]
        for sentence in alerts(use_case, measured, []):
            yield measured_at, alert_states.key(sentence), sentence.removeprefix(f"{use_case.name}: ")
        if drifted:
            yield measured_at, alert_states.DRIFT, f"drift from the champion's training set: {', '.join(drifted)}"


def distribution(reader: Reader, feature: str) -> schemas.Distribution:
    """Return the shares of the training set and of the last day's predictions in the bins of a feature.

    What is expected is the training set at the cut-off nearest to each prediction. Raises InputError for an unknown
    feature.
    """
    use_case = reader.use_case
    references = _REFERENCES.get(lambda: drift.read(registry.reference(use_case)), use_case.name, REFERENCE_SECONDS)
    champion = drivers.champion(use_case)
    if champion is None or not references:
        return schemas.Distribution(feature=feature, predictions=0)
    if feature not in references:
        raise InputError(f"feature: expected one of {', '.join(references)}, found {feature}")
    since = clock.now() - timedelta(days=1)
    rows = reader.ask(
        lambda lake: lake.table(
            "web/model/recent_features", model_version=champion.version, since=since, row_limit=SAMPLED
        ).to_pandas(),
        *("distribution", champion.version),
        seconds=FRESH,
    )
    if rows.empty:
        return schemas.Distribution(feature=feature, predictions=0)
    reference = references[feature]
    cutoffs = np.array(sorted(reference.shares))
    minutes = (rows["as_of"] - rows["window_start"]).dt.total_seconds().to_numpy() / 60
    nearest = cutoffs[np.abs(minutes[:, None] - cutoffs).argmin(axis=1)]
    expected, current = reference.compared(rows[feature].to_numpy(reference.kind), nearest)
    return schemas.Distribution(
        feature=feature,
        predictions=len(rows),
        edges=list(reference.edges) if isinstance(reference, drift.NumberReference) else [],
        bins=reference.bins if isinstance(reference, drift.CategoryReference) else [],
        reference=expected.tolist(),
        current=current.tolist(),
    )
