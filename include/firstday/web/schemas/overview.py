"""Responses of the Overview."""

from typing import Literal

from pydantic import BaseModel, Field

from include.firstday.web.schemas.common import Utc


class StateLine(BaseModel):
    """The state of the pipeline, with reasons."""

    level: Literal["healthy", "degraded", "empty", "behind", "stalled"]
    reasons: list[str]


class Totals(BaseModel):
    """Rows in the lake's tables."""

    events: int
    rejected_events: int
    held_events: int = Field(description="rejected rows that a micro-batch after their time stores")
    held_until: Utc | None = Field(description="time of the first of them")
    users: int
    predictions: int


class Pending(BaseModel):
    """Pending files in landing."""

    files: int
    bytes: int
    oldest_at: Utc | None


class StageProgress(BaseModel):
    """The last micro-batch a stage has processed, and how many it is behind."""

    stage: str
    batch_id: int
    behind: int
    updated_at: Utc


class Lag(BaseModel):
    """Seconds from an event to the prediction of its micro-batch; null if nothing was scored."""

    median_seconds: float | None
    p95_seconds: float | None
    over_minutes: int
    limit_seconds: float = Field(description="`monitoring.lag_seconds` in the YAML")


class Champion(BaseModel):
    """The champion, and since when it has been the champion."""

    name: str
    version: int
    since: Utc
    url: str


class CommittedStage(BaseModel):
    """A stage's commit in a micro-batch: time, the seconds that the stage took, and its message."""

    task: str
    committed_at: Utc
    seconds: float
    message: str
    airflow_run: str
    url: str | None


class LastMicroBatch(BaseModel):
    """The latest micro-batch and its stages' commits."""

    batch_id: int
    rows_stored: int
    rows_rejected: int
    last_event_at: Utc | None
    started_at: Utc
    committed_at: Utc
    airflow_run: str
    url: str | None
    stages: list[CommittedStage]


class NextRun(BaseModel):
    """The schedule of process_events in Airflow."""

    is_paused: bool
    next_run_at: Utc | None
    last_state: str | None


class FailedRun(BaseModel):
    """A run that failed, and its page in Airflow."""

    airflow_run: str
    url: str | None


class LastHour(BaseModel):
    """What the state line judges: the micro-batches of the last hour, files in quarantine, and failed runs."""

    micro_batches: int
    rows_stored: int
    rows_rejected: int
    rejected_share: float | None
    lag_seconds: float | None = Field(description="from an event to its storage, median")
    quarantined_files: int
    failed_runs: list[FailedRun]


class Status(BaseModel):
    """How one use case stands at this moment."""

    version: str
    use_case: str
    now: Utc
    state: StateLine
    totals: Totals
    users_in_window: int
    pending: Pending
    stages: list[StageProgress]
    lag: Lag
    model: Champion | None
    last_micro_batch: LastMicroBatch | None
    schedule: NextRun | None
    last_hour: LastHour


class Series(BaseModel):
    """Values by time step; `step_at`: start of each step in epoch seconds; a value is null if there is none."""

    step_seconds: int
    step_at: list[int]
    values: dict[str, list[float | None]]


class Mark(BaseModel):
    """An event that explains a change in a chart: a promotion, a deployment of other statements, or drift."""

    marked_at: Utc
    kind: Literal["promotion", "deployment", "drift"]
    name: str


class Activity(BaseModel):
    """Activity over the last hours, in equal time steps."""

    events: Series = Field(description="events per minute by type, by event time")
    rejected: Series = Field(description="share of rows rejected, by commit time of the micro-batch")
    predictions: Series = Field(description="users scored per minute, and those with the predicted outcome")
    lag: Series = Field(description="seconds from an event to its prediction: median and 95th percentile")
    marks: list[Mark]
