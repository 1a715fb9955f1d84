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


class Champion(BaseModel):
    """The model that is live, and since when."""

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
    model: Champion | None
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


class User(BaseModel):
    """A user: their window, and the newest prediction. Nothing personal."""

    user_id: str
    registered_at: Utc
    window_start: Utc | None
    last_seen_at: Utc | None
    is_in_window: bool
    churn_probability: float | None
    predicted_churn: bool | None
    scored_at: Utc | None
    model_version: int | None


class Users(BaseModel):
    """Users in their window, most endangered first."""

    users: list[User]
    is_cut: bool = Field(description="whether there are more than were asked for")


class Prediction(BaseModel):
    """A prediction of one user."""

    scored_at: Utc
    batch_id: int
    churn_probability: float
    predicted_churn: bool
    model_version: int
    airflow_run: str
    url: str | None


class OneUser(BaseModel):
    """One user's features as they stand, and the newest prediction, null before the first."""

    user_id: str
    registered_at: Utc
    window_start: Utc | None
    window_end: Utc | None
    is_in_window: bool
    features: dict[str, float | None]
    prediction: Prediction | None


class UserEvent(BaseModel):
    """An event of a user, with its amounts."""

    event_type: str
    event_time: Utc
    batch_id: int
    values: dict[str, float]


class Timeline(BaseModel):
    """What a user did in their window, newest first, and how the probability moved."""

    events: list[UserEvent]
    is_cut: bool
    predictions: list[Prediction]


class Driver(BaseModel):
    """A feature and how much the probability would fall if it had its usual value; negative where it would rise."""

    feature: str
    value: float | None
    usual: float | None
    effect: float


class Drivers(BaseModel):
    """Which features drive one user's probability, the strongest first."""

    method: str
    model_version: int
    churn_probability: float
    drivers: list[Driver]


class Predictions(BaseModel):
    """Predictions made after a moment, in order, each with the features as used. Ask on with `next_since`."""

    predictions: list[dict[str, Any]]
    next_since: Utc


class ModelVersion(BaseModel):
    """A version in the registry or in the inference log."""

    version: int
    aliases: list[str] = []
    registered_at: Utc | None = None
    first_scored_at: Utc | None = None
    last_scored_at: Utc | None = None
    predictions: int = 0
    about_to_churn_share: float | None = None
    url: str
    run_url: str | None = None


class Promotion(BaseModel):
    """A version that became champion, and why."""

    promoted_at: Utc
    version: int
    previous_version: int | None
    reason: str
    airflow_run: str
    url: str | None
    model_url: str


class Bin(BaseModel):
    """Users whose newest probability of the last day lies between `low` and `high`."""

    low: float
    high: float
    users: int
    predicted_churn: int


class CalibrationBin(BaseModel):
    """What a version predicted for a tenth of probability, and the share of it that came true."""

    model_version: int
    predicted: float
    observed: float
    users: int


class Measurement(BaseModel):
    """A value of one hourly look of monitor_model."""

    measured_at: Utc
    model_version: int | None
    metric: str
    subject: str
    value: float | None


class Model(BaseModel):
    """How the models do: distribution, calibration, monitoring and history."""

    name: str
    url: str
    registry_error: str | None
    versions: list[ModelVersion]
    promotions: list[Promotion]
    distribution: list[Bin]
    calibration: list[CalibrationBin]
    monitoring: list[Measurement]


class LakeTable(BaseModel):
    """A table of the lake and its Parquet files."""

    table_name: str
    rows: int
    files: int
    bytes: int
    delete_files: int


class MicroBatch(BaseModel):
    """A micro-batch and the run that stored it."""

    batch_id: int
    rows_stored: int
    rows_rejected: int
    files: int
    bytes: int
    started_at: Utc
    committed_at: Utc
    airflow_run: str | None
    url: str | None


class Snapshot(BaseModel):
    """A commit of the lake: who made it and what it says of itself."""

    snapshot_id: int
    committed_at: Utc
    airflow_run: str
    url: str | None
    message: str


class RejectedRow(BaseModel):
    """A refused row, without what may be personal: its fields' names, and values that are types, times, numbers."""

    source_file: str
    row_number: int | None
    rejected_at: Utc
    fields: dict[str, str | None]


class RejectedRule(BaseModel):
    """A rule that refused rows broke which have not been stored since."""

    rule: str
    rows: int
    files: int
    first_at: Utc
    last_at: Utc
    samples: list[RejectedRow]


class LakeContents(BaseModel):
    """What the lake holds and who wrote it."""

    tables: list[LakeTable]
    micro_batches: list[MicroBatch]
    snapshots: list[Snapshot]
    rejected: list[RejectedRule]
    quarantined_files: list[str]
    replay_dag: str
