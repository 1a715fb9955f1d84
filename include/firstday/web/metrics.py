"""The state of a use case in Prometheus text format."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from include.firstday.web import schemas

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LEVELS = ("healthy", "degraded", "empty", "behind", "stalled")


def text(status: schemas.Status) -> str:
    """Format all gauges of one use case. Unknown values are omitted."""
    registry = CollectorRegistry()
    for name, about, value in _gauges(status):
        if value is not None:
            Gauge(f"firstday_{name}", about, ["use_case"], registry=registry).labels(status.use_case).set(value)
    behind = Gauge(
        "firstday_stage_behind", "number of micro-batches a stage is behind", ["use_case", "stage"], registry=registry
    )
    for stage in status.stages:
        behind.labels(status.use_case, stage.stage).set(stage.behind)
    level = Gauge(
        "firstday_state", "1 for the current state, 0 for the others", ["use_case", "state"], registry=registry
    )
    for name in LEVELS:
        level.labels(status.use_case, name).set(status.state.level == name)
    return generate_latest(registry).decode()


def _gauges(status: schemas.Status) -> Iterator[tuple[str, str, float | None]]:
    batch, totals = status.last_micro_batch, status.totals
    yield "events", "rows in events", totals.events
    yield "rejected_events", "rows in rejected_events", totals.rejected_events
    yield "users", "registered users", totals.users
    yield "users_in_window", "users in their window", status.users_in_window
    yield "predictions", "rows in predictions", totals.predictions
    yield "landing_files", "pending files in landing", status.pending.files
    yield "landing_bytes", "bytes of pending files in landing", status.pending.bytes
    yield "lag_median_seconds", "event-to-prediction lag of the last minutes, median", status.lag.median_seconds
    yield "lag_p95_seconds", "event-to-prediction lag of the last minutes, p95", status.lag.p95_seconds
    yield "champion_version", "version of the current champion", status.model.version if status.model else None
    yield "last_micro_batch", "id of the latest micro-batch", batch.batch_id if batch else None
    yield (
        "last_micro_batch_age_seconds",
        "seconds since the latest micro-batch was committed",
        ((status.now - batch.committed_at).total_seconds() if batch else None),
    )
    yield "is_paused", "1 if process_events is paused", status.schedule.is_paused if status.schedule else None
