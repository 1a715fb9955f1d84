"""The state of a use case in Prometheus text format."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from include.firstday.web.schemas import overview as schemas

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LEVELS = ("healthy", "degraded", "empty", "behind", "stalled")


def _age(status: schemas.Status) -> float | None:
    batch = status.last_micro_batch
    return (status.now - batch.committed_at).total_seconds() if batch else None


# Name after `firstday_` → what it is, and its value; unknown values are omitted.
GAUGES: dict[str, tuple[str, Callable[[schemas.Status], float | None]]] = {
    "events": ("rows in events", lambda status: status.totals.events),
    "rejected_events": ("rows in rejected_events", lambda status: status.totals.rejected_events),
    "held_events": ("rows in rejected_events that are held until their time", lambda status: status.totals.held_events),
    "users": ("registered users", lambda status: status.totals.users),
    "users_in_window": ("users in their window", lambda status: status.users_in_window),
    "predictions": ("rows in predictions", lambda status: status.totals.predictions),
    "landing_files": ("pending files in landing", lambda status: status.pending.files),
    "landing_bytes": ("bytes of pending files in landing", lambda status: status.pending.bytes),
    "lag_median_seconds": (
        "event-to-prediction lag of the last minutes, median",
        lambda status: status.lag.median_seconds,
    ),
    "lag_p95_seconds": ("event-to-prediction lag of the last minutes, p95", lambda status: status.lag.p95_seconds),
    "champion_version": (
        "version of the current champion",
        lambda status: status.model.version if status.model else None,
    ),
    "last_micro_batch": (
        "id of the latest micro-batch",
        lambda status: status.last_micro_batch.batch_id if status.last_micro_batch else None,
    ),
    "last_micro_batch_age_seconds": ("seconds since the latest micro-batch was committed", _age),
    "is_paused": (
        "1 if process_events is paused",
        lambda status: status.schedule.is_paused if status.schedule else None,
    ),
}
LABELLED = {
    "stage_behind": "number of micro-batches a stage is behind",
    "state": "1 for the current state, 0 for the others",
}


def text(status: schemas.Status) -> str:
    """Format all gauges of one use case. Unknown values are omitted."""
    registry = CollectorRegistry()
    for name, (about, read) in GAUGES.items():
        if (value := read(status)) is not None:
            Gauge(f"firstday_{name}", about, ["use_case"], registry=registry).labels(status.use_case).set(value)
    behind = Gauge("firstday_stage_behind", LABELLED["stage_behind"], ["use_case", "stage"], registry=registry)
    for stage in status.stages:
        behind.labels(status.use_case, stage.stage).set(stage.behind)
    level = Gauge("firstday_state", LABELLED["state"], ["use_case", "state"], registry=registry)
    for name in LEVELS:
        level.labels(status.use_case, name).set(status.state.level == name)
    return generate_latest(registry).decode()
