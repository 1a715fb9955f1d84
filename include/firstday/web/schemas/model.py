"""Responses of the Model room."""

from pydantic import BaseModel, Field

from include.firstday.web.schemas.common import Utc


class ModelVersion(BaseModel):
    """A version in the registry or in the inference log."""

    version: int
    aliases: list[str] = []
    registered_at: Utc | None = None
    first_scored_at: Utc | None = None
    last_scored_at: Utc | None = None
    predictions: int = 0
    shadow_predictions: int = Field(0, description="predictions as challenger, of the champion's users")
    predicted_share: float | None = None
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
    predicted: int


class CalibrationBin(BaseModel):
    """Mean predicted and observed share with the outcome of one model version in one tenth of probability."""

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
    rate_shift: float
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
    missed_user: float
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
