"""The state of a use case in Prometheus' text format."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from include.firstday.web import schemas

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LEVELS = ("healthy", "empty", "behind", "stalled")


def text(status: schemas.Status) -> str:
    """All gauges of one use case. A value that is not known is left out."""
    registry = CollectorRegistry()
    for name, about, value in _gauges(status):
        if value is not None:
            Gauge(f"firstday_{name}", about, ["use_case"], registry=registry).labels(status.use_case).set(value)
    behind = Gauge("firstday_stage_behind", "micro-batches a stage is behind", ["use_case", "stage"], registry=registry)
    for stage in status.stages:
        behind.labels(status.use_case, stage.stage).set(stage.behind)
    level = Gauge("firstday_state", "1 for the state that holds", ["use_case", "state"], registry=registry)
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
    yield "landing_files", "files that wait in landing", status.waiting.files
    yield "landing_bytes", "bytes that wait in landing", status.waiting.bytes
    yield "lag_median_seconds", "from an event to its prediction, last minutes", status.lag.median_seconds
    yield "lag_p95_seconds", "from an event to its prediction, last minutes", status.lag.p95_seconds
    yield "champion_version", "version of the newest predictions' model", status.model.version if status.model else None
    yield "last_micro_batch", "number of the newest micro-batch", batch.batch_id if batch else None
    yield (
        "last_micro_batch_age_seconds",
        "since its commit",
        ((status.now - batch.committed_at).total_seconds() if batch else None),
    )
    yield "is_paused", "whether process_events is paused", status.schedule.is_paused if status.schedule else None
