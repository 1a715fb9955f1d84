"""The current state of a use case, and its activity over the last hours."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from include.firstday import landing
from include.firstday.lake import clock
from include.firstday.lake.checkpoints import MICRO_BATCH_STAGES
from include.firstday.lake.lake import Lake
from include.firstday.operations.status import totals
from include.firstday.servers import links
from include.firstday.settings import version
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import health
from include.firstday.web.auth import Gate, Schedule
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import overview as schemas
from include.firstday.web.state import Work, state

LAG_MINUTES = 5
COMMITS = 1000  # maximum number since the latest micro-batch began
STEPS = 360  # maximum number of points in a chart
FRESH = 1.0  # seconds for which a result is cached
PAST = Schedule(is_paused=False, next_run_at=None, last_state=None)
SLOW = 15.0  # the same for values that rarely change


def process_events(use_case: UseCase) -> str:
    """Return the id of the DAG that runs the micro-batches."""
    return f"{use_case.name}.process_events"


def status(reader: Reader, gate: Gate) -> schemas.Status:
    """Return the state of the use case."""
    now, use_case = clock.now(), reader.use_case
    is_past = reader.snapshot is not None  # Airflow and landing have no past: nothing of them is shown then
    schedule = PAST if is_past else gate.schedule(process_events(use_case))
    failed = [] if is_past else gate.failed_runs(use_case.name, now - health.HOUR)
    found: dict[str, Any] = reader.ask(lambda lake: _status(lake, use_case, now), "status", seconds=FRESH)
    champion = reader.ask(_champion, "champion", seconds=SLOW)
    batch = found["last_micro_batch"]
    well: health.Health = reader.ask(
        lambda lake: health.health(lake, use_case, batch, now, with_files=not is_past),
        *("health", batch["batch_id"] if batch else None),
        seconds=SLOW,
    )
    pending = [] if is_past else landing.pending(use_case.name, tuple(use_case.enrichment))
    oldest = min((_arrived_at(file) for file in pending), default=None)
    slowest = max((row for row in found["stages"] if row["stage"] in MICRO_BATCH_STAGES), key=lambda row: row["behind"])
    work = Work(
        events=found["totals"]["events"],
        pending_files=len(pending),
        oldest_pending_at=oldest,
        stage_behind=slowest["stage"] if slowest["behind"] else None,
        behind=slowest["behind"],
        last_commit_at=max((row["updated_at"] for row in found["stages"]), default=None),
        has_champion=champion is not None or slowest["stage"] != "score_users" or not slowest["behind"],
        problems=(*well.problems, *_failed(failed)),
    )
    line = state(work, schedule, now)
    return schemas.Status(
        version=version(),
        use_case=use_case.name,
        now=now,
        state=schemas.StateLine(level=line.level, reasons=list(line.reasons)),
        totals=found["totals"],
        users_in_window=found["users_in_window"],
        pending=schemas.Pending(files=len(pending), bytes=sum(file.bytes for file in pending), oldest_at=oldest),
        stages=found["stages"],
        lag=schemas.Lag(**found["lag"], over_minutes=LAG_MINUTES, limit_seconds=use_case.monitoring.lag_seconds),
        model=_linked(champion),
        last_micro_batch=_last_micro_batch(batch, found["commits"]) if batch else None,
        schedule=None if is_past else _next_run(schedule),
        last_hour=schemas.LastHour(
            **vars(well.last_hour),
            rejected_share=well.last_hour.rejected_share,
            quarantined_files=len(well.quarantined),
            failed_runs=[schemas.FailedRun(airflow_run=run, url=links.airflow_run(run)) for run in failed],
        ),
    )


def activity(reader: Reader, hours: float, until: datetime | None = None) -> schemas.Activity:
    """Return events, rejected rows, predictions, lag and marks over the hours up to a time (naive UTC), or to now."""
    step = max(60, round(hours * 3600 / STEPS / 60) * 60)
    moment = (until or clock.now()).replace(tzinfo=UTC)
    end = int(moment.timestamp()) // step * step
    begin = end - int(hours * 3600) // step * step
    return reader.ask(
        lambda lake: _activity(lake, reader.use_case, begin, end, step), "activity", begin, end, step, seconds=5
    )


def _status(lake: Lake, use_case: UseCase, now: datetime) -> dict[str, Any]:
    batch = next(iter(lake.rows("web/overview/last_micro_batch")), None)
    lag = lake.rows(
        "web/overview/lag_over_time", since=now - timedelta(minutes=LAG_MINUTES), until=now, step_seconds=3600
    )
    commits = lake.rows("web/overview/stage_commits", since=batch["started_at"], row_limit=COMMITS) if batch else []
    return {
        "totals": totals(lake),
        "stages": lake.rows("operations/status/stages"),
        "users_in_window": lake.value(
            "web/overview/users_in_window", now=now, window_seconds=use_case.window.hours * 3600
        ),
        "lag": {name: lag[0][name] if lag else None for name in ("median_seconds", "p95_seconds")},
        "last_micro_batch": batch,
        "commits": commits,
    }


def _champion(lake: Lake) -> dict[str, Any] | None:
    """The latest promotion; if there is none, as in an older lake, the model of the latest predictions."""
    rows = lake.rows("models/promotion/promotions", until=clock.now()) or lake.rows("web/model/models_used")
    return rows[0] if rows else None


def _linked(row: dict[str, Any] | None) -> schemas.Champion | None:
    if row is None:
        return None
    name, version = row["model_name"], row["model_version"]
    since = row.get("promoted_at") or row["first_scored_at"]
    return schemas.Champion(name=name, version=version, since=since, url=links.model_version(name, version))


def _last_micro_batch(batch: dict[str, Any], commits: list[dict[str, Any]]) -> schemas.LastMicroBatch:
    """The micro-batch and each stage's first commit after it: a later stage may belong to another run."""
    stages, before = [], batch["started_at"]
    for task in MICRO_BATCH_STAGES:
        found = next((row for row in commits if row["task"] == task and row["committed_at"] >= before), None)
        if found is None:
            break
        if (seconds := found["seconds"]) is None:
            others = sum(row["seconds"] or 0 for row in commits if row["committed_at"] == found["committed_at"])
            seconds = (found["committed_at"] - before).total_seconds() - others
        url = links.airflow_run(found["airflow_run"])
        stages.append(schemas.CommittedStage(**found | {"seconds": round(seconds, 2)}, url=url))
        before = found["committed_at"]
    return schemas.LastMicroBatch(**batch, url=links.airflow_run(batch["airflow_run"]), stages=stages)


def _next_run(schedule: Schedule | None) -> schemas.NextRun | None:
    if schedule is None:
        return None
    return schemas.NextRun(
        is_paused=schedule.is_paused, next_run_at=schedule.next_run_at, last_state=schedule.last_state
    )


def _failed(runs: list[str]) -> Iterator[str]:
    if runs:
        dags = ", ".join(sorted({run.split("/")[0].split(".")[-1] for run in runs}))
        yield f"{'1 run' if len(runs) == 1 else f'{len(runs):,} runs'} failed in the last hour: {dags}."


def _arrived_at(file: landing.LandingFile) -> datetime:
    return clock.naive(datetime.fromtimestamp(file.arrived_at_ns / 1e9, UTC))


def _activity(lake: Lake, use_case: UseCase, begin: int, end: int, step: int) -> schemas.Activity:
    since, until = (clock.naive(datetime.fromtimestamp(at, UTC)) for at in (begin, end + step))
    span: dict[str, Any] = {"since": since, "until": until, "step_seconds": step}
    axis = list(range(begin, end + 1, step))
    per_minute = 60 / step

    def series(**values: dict[datetime, float | None]) -> schemas.Series:
        by_epoch = {
            name: {int(at.replace(tzinfo=UTC).timestamp()): value for at, value in points.items()}
            for name, points in values.items()
        }
        lined_up = {name: [points.get(at) for at in axis] for name, points in by_epoch.items()}
        return schemas.Series(step_seconds=step, step_at=axis, values=lined_up)

    events = lake.rows("web/overview/events_over_time", **span)
    stored = lake.rows("web/overview/micro_batches_over_time", **span)
    scored = lake.rows("web/overview/predictions_over_time", **span)
    lag = lake.rows("web/overview/lag_over_time", **span)
    return schemas.Activity(
        events=series(
            **{
                name: {row["step_at"]: row["events"] * per_minute for row in events if row["event_type"] == name}
                for name in use_case.events
            }
        ),
        rejected=series(
            rejected_share={
                row["step_at"]: row["rows_rejected"] / max(row["rows_stored"] + row["rows_rejected"], 1)
                for row in stored
            }
        ),
        predictions=series(
            **{
                name: {row["step_at"]: row[name] * per_minute for row in scored}
                for name in ("predictions", "predicted")
            }
        ),
        marks=[schemas.Mark(**row) for row in lake.rows("web/overview/marks", since=since, until=until)],
        lag=series(**{name: {row["step_at"]: row[name] for row in lag} for name in ("median_seconds", "p95_seconds")}),
    )
