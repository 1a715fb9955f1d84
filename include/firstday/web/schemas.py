"""Response types of the API: FastAPI validates each response against them and documents them as OpenAPI."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, FiniteFloat, PlainSerializer

# Times in the lake are naive UTC; responses carry the "Z".
Utc = Annotated[datetime, PlainSerializer(lambda time: time.isoformat() + "Z", return_type=str)]


class Problem(BaseModel):
    """Why a request was not answered: a message, or FastAPI's list of the parameters that are not valid."""

    detail: Any


def problem(when: str) -> dict[str, Any]:
    """Document a status code for FastAPI's `responses`: when it is the answer, which is JSON on every route."""
    # Not as a `model`, which FastAPI documents with the media type of the route's other answers.
    return {"description": when, "content": {"application/json": {"schema": Problem.model_json_schema()}}}


class UseCaseName(BaseModel):
    """A use case: its name in paths, and its title on the page."""

    name: str
    title: str
    description: str
    outcome: str = Field(description="what is predicted, such as churn")
    features: list[str]
    event_types: list[str]
    window_hours: float
    cutoff_minutes: list[int]


class StateLine(BaseModel):
    """The state of the pipeline, with reasons."""

    level: Literal["healthy", "degraded", "empty", "behind", "stalled"]
    reasons: list[str]


class Totals(BaseModel):
    """Rows in the lake's tables."""

    events: int
    rejected_events: int
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
    predictions: Series = Field(description="users scored per minute, and those with predicted churn")
    lag: Series = Field(description="seconds from an event to its prediction: median and 95th percentile")
    marks: list[Mark]


class Accepted(BaseModel):
    """The response to posted events, sent once they are durable in landing."""

    accepted: int = Field(description="rows accepted; each is stored in events, or in rejected_events with a reason")
    repeated: bool = Field(description="whether the same rows were posted before with the same Idempotency-Key")


class Started(BaseModel):
    """A run that was started in Airflow."""

    dag_id: str
    run_id: str
    url: str


class Reason(BaseModel):
    """Features that say the same, and by how much they raised the probability of a prediction."""

    features: list[str]
    effect: float
    values: list[float | None] = Field([], description="of the features, at the prediction")


class User(BaseModel):
    """A user: window and latest prediction, without personal data."""

    user_id: str
    registered_at: Utc
    window_start: Utc | None
    last_seen_at: Utc | None
    is_in_window: bool
    churn_probability: float | None
    predicted_churn: bool | None
    scored_at: Utc | None
    model_version: int | None
    window_end: Utc | None = None
    label: int | None = Field(None, description="1 if the outcome came true, once it is known and stored in the lake")
    history: list[float] = Field([], description="probabilities of the latest predictions, oldest first")
    reasons: list[Reason] = []


class Users(BaseModel):
    """One page of the users in their window, highest risk first."""

    users: list[User]
    total: int
    is_cut: bool = Field(description="whether there are more users than this page")
    medians: dict[str, float] = Field({}, description="median of each feature in the champion's training set")


class Cohort(BaseModel):
    """A value of a column of registrations: the number of users who have registered with it recently."""

    column: str
    value: str
    users: int


class Prediction(BaseModel):
    """A prediction of one user; with its largest reasons if it is at or above the threshold."""

    scored_at: Utc
    batch_id: int
    churn_probability: float
    predicted_churn: bool
    model_version: int
    reasons: list[Reason]
    airflow_run: str
    url: str | None


class OneUser(BaseModel):
    """A user's current feature values and latest prediction, null before the first."""

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
    """A user's events in their window, newest first, and their predictions, oldest first."""

    events: list[UserEvent]
    is_cut: bool
    predictions: list[Prediction]


class FeatureValue(BaseModel):
    """A feature's value for a user, and its median in the training set."""

    feature: str
    value: float | None
    median: float | None


class Driver(BaseModel):
    """Features that say the same, and by how much they raise the probability; negative where they lower it."""

    features: list[FeatureValue]
    effect: float


class Drivers(BaseModel):
    """The drivers of one user's churn probability, largest effect first: it is the base and all effects together."""

    method: str
    model_version: int
    churn_probability: float
    base_probability: float
    drivers: list[Driver]


class Asked(BaseModel):
    """What to predict for: a user, or a value for each feature, where a missing one is unknown."""

    user_id: str | None = Field(None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
    features: dict[str, FiniteFloat | None] | None = None


class Answer(BaseModel):
    """A prediction by the champion, with its largest reasons, of which nothing is stored."""

    churn_probability: float
    predicted_churn: bool
    threshold: float
    model_version: int
    reasons: list[Reason]
    features: dict[str, float | None]


class Predictions(BaseModel):
    """Predictions made after a time, in order, each with the features used. Continue with `next_since`."""

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
    predicted_churn_share: float | None = None
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
    """Users whose latest probability of the last day is between `low` and `high`."""

    low: float
    high: float
    users: int
    predicted_churn: int


class CalibrationBin(BaseModel):
    """Mean predicted and observed churn of one model version in one tenth of probability."""

    model_version: int
    predicted: float
    observed: float
    users: int


class Measurement(BaseModel):
    """A measurement of one hourly run of monitor_model."""

    measured_at: Utc
    model_version: int | None
    metric: str
    subject: str
    value: float | None


class Limits(BaseModel):
    """Limits of monitoring, from the use case's YAML."""

    psi: float
    jensen_shannon: float
    roc_auc: float
    calibration_gap: float
    churn_rate_shift: float
    null_share: float


class Model(BaseModel):
    """Model versions, promotions, score distribution, calibration and monitoring."""

    name: str
    url: str
    registry_error: str | None
    versions: list[ModelVersion]
    promotions: list[Promotion]
    distribution: list[Bin]
    calibration: list[CalibrationBin]
    monitoring: list[Measurement]
    limits: Limits


class DecisionBin(BaseModel):
    """Users whose probability is at least `bin` thousandths and below the next: with and without the outcome."""

    bin: int
    positives: int
    negatives: int


class Decisions(BaseModel):
    """Users with a known label by the latest probability of a version, and the use case's costs and threshold."""

    version: int
    missed_churner: float
    unneeded_offer: float
    threshold: float
    days: float = Field(description="from the first to the last of these users' windows, at least one")
    bins: list[DecisionBin]


class PairedPoint(BaseModel):
    """The probabilities of champion and challenger for one user at the same moment, and the label once known."""

    champion: float
    challenger: float
    label: int | None


class ComparedSide(BaseModel):
    """Champion or challenger on users with known labels: curves are points (x, y)."""

    side: str
    log_loss: float | None = None
    roc_auc: float | None = None
    roc: list[tuple[float, float]] = []
    calibration: list[tuple[float, float]] = []


class Comparison(BaseModel):
    """Champion and challenger on the same users. Advantage: of the challenger in log loss, with its 95 % interval."""

    users: int
    labelled: int
    champion_version: int | None = None
    challenger_version: int | None = None
    points: list[PairedPoint] = []
    sides: list[ComparedSide] = []
    advantage: float | None = None
    advantage_low: float | None = None
    advantage_high: float | None = None


class Estimate(BaseModel):
    """A metric of the test with its 95 % interval."""

    metric: str
    value: float
    low: float
    high: float
    cutoff_minutes: float | None = None


class GateOutcome(BaseModel):
    """A gate's answer."""

    gate: str
    holds: bool
    reason: str


class VersionReport(BaseModel):
    """What the run of a version has logged: parameters, metrics, the test with intervals, and the gates."""

    version: int
    threshold: float
    parameters: dict[str, str]
    metrics: dict[str, float]
    overall: list[Estimate]
    by_cutoff: list[Estimate]
    gates: list[GateOutcome]


class ImportanceOfGroup(BaseModel):
    """Features that say the same, and the mean size of their effect on the probability."""

    features: list[str]
    effect: float


class Importance(BaseModel):
    """Mean absolute Shapley values over a sample of the champion's recent predictions, the largest first."""

    model_version: int
    predictions: int
    groups: list[ImportanceOfGroup]


class SeenAlert(BaseModel):
    """An alert: its latest text, when it was raised first and last, and in how many monitoring runs."""

    text: str
    first_at: Utc
    last_at: Utc
    runs: int
    is_current: bool = Field(description="whether the latest monitoring run raised it")


class Distribution(BaseModel):
    """Shares of the training set and of recent predictions by bin; the last bin is that of unknown values."""

    feature: str
    predictions: int
    edges: list[float] = Field([], description="inner edges of the bins")
    reference: list[float] = []
    current: list[float] = []


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
    """A snapshot of the lake: the Airflow run that committed it, and its commit message."""

    snapshot_id: int
    committed_at: Utc
    airflow_run: str
    url: str | None
    message: str


class ColumnAbout(BaseModel):
    """A column, its DuckDB type, and its meaning."""

    name: str
    type: str
    about: str
    is_personal: bool = Field(description="whether its values are never shown")


class TableAbout(BaseModel):
    """A table or view: what it is, how fresh, which statements read it, and rows of its latest micro-batch."""

    name: str
    is_view: bool
    description: str
    columns: list[ColumnAbout]
    last_batch: int | None
    changed_at: Utc | None
    read_by: list[str]
    sample: list[dict[str, Any]]


class QueryText(BaseModel):
    """A query: one SELECT."""

    sql: str = Field(min_length=1, max_length=20_000)


class QueryResult(BaseModel):
    """The first rows of a query."""

    columns: list[str]
    rows: list[list[Any]]
    is_cut: bool = Field(description="whether there are more rows")
    seconds: float


class RejectedRow(BaseModel):
    """A rejected row without personal data: field names, and values that are types, times or numbers."""

    source_file: str
    row_number: int | None
    rejected_at: Utc
    fields: dict[str, str | None]


class RejectedRule(BaseModel):
    """A rule, and the rejected rows pending replay that broke it."""

    rule: str
    rows: int
    files: int
    first_at: Utc
    last_at: Utc
    samples: list[RejectedRow]
    hint: str | None = Field(None, description="a field of the samples whose name is close to the expected one")


class QuarantinedFile(BaseModel):
    """A file in quarantine and why it is there; no reason if the lake has no record of it."""

    name: str
    reason: str | None


class LakeContents(BaseModel):
    """Tables, micro-batches, snapshots and rejected rows of the lake."""

    tables: list[LakeTable]
    micro_batches: list[MicroBatch]
    snapshots: list[Snapshot]
    rejected: list[RejectedRule]
    quarantined: list[QuarantinedFile]
    replay_dag: str
