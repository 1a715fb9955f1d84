"""What the API answers, as types: FastAPI checks each answer against them and documents them as OpenAPI."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PlainSerializer

# The lake's times are naive UTC; an answer says so.
Utc = Annotated[datetime, PlainSerializer(lambda time: time.isoformat() + "Z", return_type=str)]


class UseCaseName(BaseModel):
    """A business case: its name in paths, and its title for people."""

    name: str
    title: str
    description: str
    features: list[str]
    event_types: list[str]
    window_hours: float


class StateLine(BaseModel):
    """How the pipeline stands, and why."""

    level: Literal["healthy", "empty", "behind", "stalled"]
    reasons: list[str]


class Totals(BaseModel):
    """Rows in the lake's tables."""

    events: int
    rejected_events: int
    users: int
    predictions: int


class Waiting(BaseModel):
    """Files in landing that no micro-batch has taken yet."""

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
    """Seconds from an event to the prediction its micro-batch brought; null where nothing was scored."""

    median_seconds: float | None
    p95_seconds: float | None
    over_minutes: int


class ScoringModel(BaseModel):
    """The model of the newest predictions, and since when it scores."""

    name: str
    version: int
    since: Utc
    url: str


class CommittedStage(BaseModel):
    """A stage's commit in a micro-batch: when, seconds after the one before, and what it said of itself."""

    task: str
    committed_at: Utc
    seconds: float
    message: str
    airflow_run: str
    url: str | None


class LastMicroBatch(BaseModel):
    """The newest micro-batch and the commits of the run that made it."""

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
    """How process_events is scheduled in Airflow."""

    is_paused: bool
    next_run_at: Utc | None
    last_state: str | None


class Status(BaseModel):
    """How one use case stands at this moment."""

    use_case: str
    now: Utc
    state: StateLine
    totals: Totals
    users_in_window: int
    waiting: Waiting
    stages: list[StageProgress]
    lag: Lag
    model: ScoringModel | None
    last_micro_batch: LastMicroBatch | None
    schedule: NextRun | None


class Series(BaseModel):
    """Values by time step; `step_at`: the steps' beginnings in epoch seconds; a value is null where there is none."""

    step_seconds: int
    step_at: list[int]
    values: dict[str, list[float | None]]


class Activity(BaseModel):
    """What happened over the last hours, in equal time steps."""

    events: Series = Field(description="events per minute by type, by when they happened")
    rejected: Series = Field(description="share of rows refused, by when their micro-batch was committed")
    predictions: Series = Field(description="users scored per minute, and those about to churn")
    lag: Series = Field(description="seconds from an event to its prediction: median and 95th percentile")


class Accepted(BaseModel):
    """The answer to posted events, given once they are durable in landing."""

    accepted: int = Field(description="rows taken; each will be stored, or refused with a reason in rejected_events")
    repeated: bool = Field(description="whether the same Idempotency-Key had brought the same rows before")


class Started(BaseModel):
    """A run that was started in Airflow."""

    dag_id: str
    run_id: str
    url: str


Row = dict[str, Any]
