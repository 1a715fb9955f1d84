"""A business case: `include/use_cases/<name>/use_case.yaml` as a frozen, validated object.

An invalid file is an error with the file, the key and the expected value, before anything runs.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from include.firstday.errors import UseCaseError
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case.base import EventTypes, Frozen, Identifier, Share
from include.firstday.use_case.categories import Category
from include.firstday.use_case.connectors import IcebergTarget, SourceConfig, Target
from include.firstday.use_case.decision import Decision, EffectRule, Outcome, UpliftRule, ValueOf, named_outcome
from include.firstday.use_case.events import Event, Gap, SourceMapping, Window
from include.firstday.use_case.generator import Generator
from include.firstday.use_case.recent import Recent, rules, seconds
from include.firstday.use_case.renamed import earlier_keys
from include.firstday.use_case.segments import Segment

USE_CASES = REPOSITORY / "include" / "use_cases"
SHORTEST_HORIZON_HOURS = 1 / 60

# SafeLoader, ten times as fast if PyYAML has libyaml: each task of each minute reads use cases.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Costs(Frozen):
    """The costs of a missed user and of an unneeded offer, in the same unit."""

    missed_user: float = Field(
        1, gt=0, description="cost of a user with the outcome that was not predicted (false negative)"
    )
    unneeded_offer: float = Field(
        1, gt=0, description="cost of an offer to a user without the outcome (false positive)"
    )

    @property
    def threshold(self) -> float:
        """Threshold with the lowest expected cost (Elkan, 2001), if probabilities are calibrated."""
        return self.unneeded_offer / (self.unneeded_offer + self.missed_user)


class Scoring(Frozen):
    """When a user is scored, the costs of wrong decisions, and the bundled model."""

    measures: tuple[Identifier, ...] = Field(
        min_length=1, description="a user is scored after a new event of one of these measures"
    )
    costs: Costs = Field(
        Costs(), description="threshold = unneeded_offer / (unneeded_offer + missed_user) (Elkan, 2001)"
    )
    rescore_after_silence_minutes: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        (15, 60, 180, 360, 720),
        description="without new events, a user is scored at these steps and at the window's end",
    )
    shadow: bool = Field(True, description="a challenger that failed a gate scores the same users, for comparison only")
    bundled_model: str | None = Field(
        None, description="model file beside the YAML; registered as version 1 when the registry is empty"
    )


class Candidate(Frozen):
    """An estimator by its import path, with parameters; random combinations of `search` are evaluated."""

    estimator: str = Field(description="import path of a scikit-learn classifier")
    parameters: dict[str, Any] = Field({}, description="parameters of the estimator")
    search: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        {}, description="parameter: values to choose from"
    )
    trials: int = Field(4, ge=1, le=50, description="random combinations of `search` that are evaluated")
    scale: bool = Field(False, description="standardise the features first, as linear models need")


class Baseline(Frozen):
    """A simple model for comparison: of one feature, or of its ratio to another."""

    feature: Identifier = Field(description="the only feature of the baseline")
    per: Identifier | None = Field(None, description="feature that it is divided by")


class Direction(Frozen):
    """A change that must not increase the probability: the features, all multiplied by the factor."""

    features: tuple[Identifier, ...] = Field(min_length=1, description="features that change together")
    factor: float = Field(gt=1, description="factor of the change")


MEASURED_ONCE = {
    "scoring_seconds": "seconds to score 10,000 users on one thread, the least of three",
    "model_megabytes": "size of the stored model",
    "monotonicity_violation": "mean increase in probability where `training.directions` allows none",
}


class Gate(Frozen):
    """A condition of promotion: on a metric or, with `against`, on the advantage in it over another model.

    An advantage is above 0 if the challenger is better. `confident`: its entire 95 % interval must meet the limit.
    `allow_chance`: the gate fails only where its entire 95 % interval violates the limit. `by: cutoff`: the condition
    must be met at each cut-off with at least `minimum_users` users.
    """

    metric: Literal[
        "roc_auc", "pr_auc", "log_loss", "brier", "calibration_error", "calibration_gap", "accuracy", "f1",
        "lift_at_10_percent", "cost_per_user", "scoring_seconds", "model_megabytes", "monotonicity_violation",
    ] = Field(description="what is measured: see the metrics of a test")  # fmt: skip
    against: Identifier | None = Field(
        None, description="`champion`, `base_rate` or a baseline: the condition is on the advantage over it"
    )
    above: float | None = Field(None, description="limit that the value must exceed; or `at_most`")
    at_most: float | None = Field(None, description="limit that the value must not exceed; or `above`")
    confident: bool = Field(False, description="the entire 95 % interval must meet the limit")
    allow_chance: bool = Field(False, description="fails only where the entire 95 % interval violates the limit")
    by: Literal["cutoff"] | None = Field(None, description="the condition must be met at each cut-off")
    minimum_users: int = Field(
        100, ge=1, description="users that a cut-off, or the comparison with the champion, needs to be judged"
    )

    @model_validator(mode="after")
    def _is_one_condition(self) -> "Gate":
        if (self.above is None) == (self.at_most is None):
            raise ValueError("expected one of above and at_most")
        if (self.against or self.confident or self.allow_chance or self.by) and self.metric in MEASURED_ONCE:
            raise ValueError(
                f"{self.metric}: expected none of against, confident, allow_chance and by, as it is measured once"
            )
        if self.confident and self.allow_chance:
            raise ValueError("expected at most one of confident and allow_chance")
        if self.against and self.by:
            raise ValueError("expected at most one of against and by")
        return self


GATES = {
    "better_than_champion": Gate(metric="log_loss", against="champion", above=0.002, confident=True),
    "beats_base_rate": Gate(metric="log_loss", against="base_rate", above=0, confident=True),
    "calibrated": Gate(metric="calibration_error", against="champion", above=-0.02),
    "calibrated_overall": Gate(metric="calibration_gap", at_most=0.03, allow_chance=True),
    "calibrated_at_cutoffs": Gate(
        metric="calibration_gap", by="cutoff", at_most=0.03, minimum_users=300, allow_chance=True
    ),
    "quick": Gate(metric="scoring_seconds", at_most=0.5),
}


class Training(Frozen):
    """The training set and the candidates."""

    cutoff_minutes: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        min_length=1, description="minutes after the window opened, as of which each user is a row"
    )
    sampled_moments: int = Field(
        2, ge=0, le=20, description="further rows of each user, in each interval between cut-offs"
    )
    as_known: bool = Field(False, description="exclude events that had happened by a cut-off but were stored later")
    label: Literal["explicit", "derived"] = Field(
        "explicit", description="in an event; or computed by `label.sql` from later events"
    )
    label_known_after_hours: float | None = Field(
        None, ge=0, description="after the window opened; users whose label is not yet known are excluded"
    )
    label_horizon_hours: float | None = Field(
        None,
        gt=0,
        description="instead of `label_known_after_hours`: a label is about so long after its moment, which is a "
        "cut-off, a sampled moment or a prediction; moments whose horizon is not over are excluded",
        examples=[720],
    )
    minimum_users: int = Field(ge=10, description="users with a known label, below which no model is trained")
    maximum_users: int = Field(
        200_000, ge=100, description="of more users, a sample with each label and day by its share is the training set"
    )
    candidate_minutes: float = Field(
        45, gt=0, description="a candidate that would take longer, as fits on few users show, is named and not trained"
    )
    refit_half_life_hours: float | None = Field(
        336, gt=0, description="the tested model is refitted on all users, older ones with less weight; null: it is not"
    )
    candidates: dict[Identifier, Candidate] = Field(min_length=1, description="estimators that are compared")
    baselines: dict[Identifier, Baseline] = Field({}, description="simple models for comparison, besides the base rate")
    directions: dict[Identifier, Direction] = Field({}, description="changes that must not increase the probability")
    gates: dict[Identifier, Gate] = Field(
        GATES, description="conditions that a challenger must meet to become the champion; default: see the gates"
    )


class Notifier(Frozen):
    """A notifier of alerts: an Airflow notifier and its arguments; `{message}` is replaced by the alert."""

    notifier: Annotated[str, StringConstraints(pattern=r"^airflow\.providers\.[a-z0-9_.]+\.[A-Za-z]+Notifier$")] = (
        Field(
            description="import path of an Airflow notifier",
            examples=["airflow.providers.smtp.notifications.smtp.SmtpNotifier"],
        )
    )
    arguments: dict[str, Any] = Field(
        {},
        description="its arguments; `{message}` is replaced by the alert",
        examples=[{"to": "team@example.com", "html_content": "{message}"}],
    )


class Monitoring(Frozen):
    """Limits of monitoring measurements beyond which an alert is raised."""

    minimum_rows: int = Field(
        200, ge=1, description="with fewer, a measurement says more about chance than about drift"
    )
    psi: float = Field(0.2, gt=0, description="population stability index, above which a feature drifted, and")
    jensen_shannon: float = Field(
        0.15, gt=0, lt=1, description="Jensen-Shannon distance: drift if both are above their limits"
    )
    runs: int = Field(5, ge=1, description="drift is confirmed if, of this many last monitoring runs,")
    drifted_runs: int = Field(3, ge=1, description="this many measured it")
    retrain_after_hours: float = Field(24, gt=0, description="drift triggers a training at most once in this time")
    rejected_share: Share = Field(0.05, description="rejected rows among those of the last hour")
    quarantined_share: Share = Field(0.05, description="quarantined files among those of the last hour")
    null_share: Share = Field(0.1, description="unknown values of a feature, above their share in the training set")
    lag_seconds: float = Field(900, gt=0, description="from an event to its storage: the median of the last hour")
    volume_factor: float = Field(3, gt=1, description="events of an hour, above or below the same hour's median")
    rate_shift: Share = Field(0.05, description="share with the outcome of the last day, against earlier days")
    calibration_gap: Share = Field(
        0.05, description="predicted minus realised share with the outcome, overall and by cut-off"
    )
    roc_auc: Share = Field(0.6, description="least realised ROC AUC")
    notifiers: tuple[Notifier, ...] = Field((), description="who is notified of alerts, besides the log")


class UseCase(Frozen):
    """One business case, as configured in its YAML."""

    name: Identifier = Field(description="name of the folder, of the lake's schema, and prefix of the DAGs")
    title: str = Field(description="name for people")
    description: str = Field(description="one sentence, shown in Airflow and on the page")
    outcome: Annotated[Outcome, BeforeValidator(named_outcome)] = Field(
        Outcome(name="churn"),
        description="what is predicted: users with label 1 have it; a text is its name",
        examples=[{"name": "purchase", "positive": True}],
    )
    events: dict[Identifier, Event] = Field(min_length=1, description="the event types; others are rejected")
    mapping: SourceMapping | None = Field(None, description="names and formats of the source, where they differ")
    sources: dict[Identifier, Annotated[SourceConfig, Field(discriminator="kind")]] = Field(
        {}, description="queues and buckets that are read every minute"
    )
    personal: tuple[Identifier, ...] = Field(
        (), description="columns of events with personal data: never a feature, never shown"
    )
    registered_by: EventTypes = Field((), description="event types of which the first registers a user; default: all")
    earliest: date = Field(
        date(2000, 1, 1),
        description="events before it are rejected, as of broken clocks",
        examples=["1997-01-01"],
    )
    hold_hours: float = Field(
        0,
        ge=0,
        le=8760,
        description="an event more than an hour ahead of the clock, and at most so far, is held until its time; "
        "default: it is rejected",
        examples=[24],
    )
    window: Window = Field(description="when a user's events count")
    enrichment: dict[Identifier, str] = Field(
        {}, description="table of `enrichment/`: the file beside the YAML with its initial rows"
    )
    measures: tuple[Identifier, ...] = Field(min_length=1, description="the measures of `measures.sql`")
    gaps: dict[Identifier, Gap] = Field(
        {}, description="measures of the time between events, besides those of `measures.sql`"
    )
    recent: dict[Identifier, Recent] = Field(
        {},
        description="measure: measures of its recent values, besides those of the whole window",
        examples=[{"bet": {"windows": ["1h", "6h"], "last": [10]}}],
    )
    features: tuple[Identifier, ...] = Field(
        min_length=1,
        description="columns of `user_features.sql` that are inputs of the model, in this order",
        examples=[["purchase_sum", "bet_count", "hours_since_event"]],
    )
    categories: dict[Identifier, Category] = Field(
        {},
        description="those of the features that are texts: how the model encodes them",
        examples=[{"country": {}, "campaign": {"encoder": "target"}}],
    )
    scoring: Scoring = Field(description="when users are scored, and the costs of wrong decisions")
    training: Training = Field(description="training set, candidates and gates")
    monitoring: Monitoring = Field(Monitoring(), description="limits beyond which an alert is raised")
    segments: dict[Identifier, Segment] = Field(
        {}, description="named groups of users, for the Risk list and for targets (`when.segment`)"
    )
    targets: dict[Identifier, Annotated[Target, Field(discriminator="kind")]] = Field(
        {}, description="systems that predictions are delivered to"
    )
    decision: Decision | None = Field(None, description="what an offer costs and brings, in a currency")
    effect: EffectRule = Field(EffectRule(), description="the outcome by which experiments are measured")
    uplift: UpliftRule = Field(UpliftRule(), description="models of what an offer changes, learned from experiments")
    generator: Generator | None = Field(None, description="parameters of generated events; without it, none are")
    starts_paused: bool = Field(False, description="the DAGs of the use case start paused")

    @model_validator(mode="before")
    @classmethod
    def _costs_of_the_decision(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Where what an offer costs and brings is the same for all users, the threshold follows from it."""
        if not isinstance(data, dict) or not data.get("decision") or not isinstance(data.get("scoring"), dict):
            return data
        costs = Decision.model_validate(data["decision"]).costs
        return data | {"scoring": data["scoring"] | {"costs": costs}} if costs else data

    @model_validator(mode="after")
    def _names_agree(self) -> "UseCase":
        window = self.window
        for key, chosen in (
            ("registered_by", self.registered_by),
            ("window.opened_by", window.opened_by),
            ("window.closed_by", window.closed_by),
        ):
            for name in chosen:
                if name not in self.events:
                    raise ValueError(f"{key}: expected one of the events {sorted(self.events)}, found '{name}'")
        for name in sorted({*window.opened_by} & {*window.closed_by}):
            raise ValueError(f"window.closed_by: expected other events than those of opened_by, found '{name}'")
        for key, found in (
            (("event_types", self.mapping.event_types), ("files", self.mapping.files)) if self.mapping else ()
        ):
            for name in found.values():
                if name not in self.events:
                    raise ValueError(
                        f"mapping.{key}: expected some of the events {sorted(self.events)}, found '{name}'"
                    )
        for name, gap in self.gaps.items():
            for event in gap.of:
                if event not in self.events:
                    raise ValueError(
                        f"gaps.{name}.of: expected some of the events {sorted(self.events)}, found '{event}'"
                    )
            for measure in {f"{name}_gap", f"{name}_session"} & {*self.measures}:
                raise ValueError(f"gaps.{name}: expected another name, as {measure} is one of the measures")
        self._check_recent()
        for measure in self.scoring.measures:
            if measure not in self.measures:
                raise ValueError(
                    f"scoring.measures: expected some of the measures {list(self.measures)}, found '{measure}'"
                )
        if len(set(self.features)) != len(self.features):
            raise ValueError("features: expected each name once")
        for name in self.categories:
            if name not in self.features:
                raise ValueError(f"categories: expected some of the features, found '{name}'; add it to `features`")
        self._check_parts()
        return self

    def _check_recent(self) -> None:
        made = [*self.measures, *(f"{name}_{kind}" for name in self.gaps for kind in ("gap", "session"))]
        for rule in rules(self.recent):
            if rule.measure not in made:
                raise ValueError(f"recent: expected some of the measures {made}, found '{rule.measure}'")
            for name in {rule.name, rule.state} & {*made}:
                raise ValueError(f"recent.{rule.measure}: expected no measure of the name {name}, which it makes")
        for measure, one in self.recent.items():
            for window in one.windows:
                if seconds(window) > self.window.hours * 3600:
                    raise ValueError(
                        f"recent.{measure}.windows: expected at most window.hours, {self.window.hours:g} hours, as "
                        f"earlier events do not count; found {window}"
                    )
        if self.recent and self.earliest.year < 1970:
            raise ValueError(f"recent: expected `earliest` in 1970 or later, found {self.earliest}")

    def _check_parts(self) -> None:
        compared = ("champion", "base_rate", *self.training.baselines)
        for name, gate in self.training.gates.items():
            if gate.against and gate.against not in compared:
                raise ValueError(f"training.gates.{name}.against: expected one of {compared}, found '{gate.against}'")
        for key, names in (
            ("baselines", [name for each in self.training.baselines.values() for name in (each.feature, each.per)]),
            ("directions", [name for each in self.training.directions.values() for name in each.features]),
        ):
            for feature in names:
                self._check_number(f"training.{key}", "some", feature)
        self._check_label()
        for name, target in self.targets.items():
            if target.when.never and target.when.never.table not in self.enrichment:
                raise ValueError(
                    f"targets.{name}.when.never.table: expected one of the enrichment tables "
                    f"{sorted(self.enrichment)}, found '{target.when.never.table}'"
                )
        self._check_tables()
        self._check_segments()
        self._check_decision()
        if self.monitoring.drifted_runs > self.monitoring.runs:
            raise ValueError("monitoring.drifted_runs: expected at most monitoring.runs")
        if self.generator and self.generator.response and self.generator.response.target not in self.targets:
            raise ValueError(
                f"generator.response.target: expected one of the targets {sorted(self.targets)}, "
                f"found '{self.generator.response.target}'"
            )
        if self.generator is not None and self.generator.behaviour is not None:
            for name in self.generator.behaviour.events:
                if name not in self.events:
                    raise ValueError(
                        f"generator.behaviour.events: expected some of the events {sorted(self.events)}, found '{name}'"
                    )

    def _check_label(self) -> None:
        known_after, horizon = self.training.label_known_after_hours, self.training.label_horizon_hours
        if (known_after is None) == (horizon is None):
            raise ValueError(
                "training: expected one of label_known_after_hours, after the window opened, and label_horizon_hours, "
                f"after each moment; found {'none' if horizon is None else 'both'}"
            )
        if horizon is not None:
            self._check_horizon(horizon)
        elif self.training.label == "derived" and known_after is not None and known_after <= self.window.hours:
            raise ValueError(
                "training.label_known_after_hours: expected more than window.hours, as a derived label depends on "
                f"events after the window; found {known_after:g}"
            )

    def _check_horizon(self, hours: float) -> None:
        if self.training.label != "derived":
            raise ValueError(
                "training.label_horizon_hours: expected training.label: derived, as an explicit label is one value of "
                "a user, the same at each moment; or label_known_after_hours"
            )
        if hours < SHORTEST_HORIZON_HOURS:
            raise ValueError(
                f"training.label_horizon_hours: expected at least a minute, {SHORTEST_HORIZON_HOURS:.4f}, as users are "
                f"scored by the minute; found {hours:g}"
            )

    def _check_number(self, key: str, count: str, feature: str | None) -> None:
        if feature is not None and feature not in self.features:
            raise ValueError(f"{key}: expected {count} of the features, found '{feature}'")
        if feature in self.categories:
            raise ValueError(f"{key}: expected a feature that is a number, found '{feature}', one of the categories")

    def _check_tables(self) -> None:
        """A table of Iceberg records what was delivered to it, so that it is one target's."""
        taken: dict[tuple[str, str, str], str] = {}
        for name, target in self.targets.items():
            if isinstance(target, IcebergTarget):
                place = (target.connection, target.catalog, target.table)
                if (other := taken.setdefault(place, name)) != name:
                    raise ValueError(f"targets.{name}.table: expected another table than that of {other}")

    def _check_segments(self) -> None:
        for name, segment in self.segments.items():
            for feature in segment.features:
                self._check_number(f"segments.{name}.features", "some", feature)
            for column in segment.registration:
                if column in self.personal:
                    raise ValueError(f"segments.{name}.registration: expected no personal column, found '{column}'")
        for name, target in self.targets.items():
            if target.when.segment and target.when.segment not in self.segments:
                raise ValueError(
                    f"targets.{name}.when.segment: expected one of the segments {sorted(self.segments)}, "
                    f"found '{target.when.segment}'; add it to `segments`"
                )

    def _check_decision(self) -> None:
        value = self.decision.value_of_retained if self.decision else None
        if isinstance(value, ValueOf):
            self._check_number("decision.value_of_retained.feature", "one", value.feature)
        for name, target in self.targets.items():
            budget = target.when.budget
            if budget and budget.order_by == "gain" and self.decision is None:
                raise ValueError(f"targets.{name}.when.budget.order_by: gain needs `decision`, with costs and values")

    @property
    def registering(self) -> list[str]:
        """Event types of which the earliest registers a user; all types by default."""
        return list(self.registered_by or self.events)

    @property
    def opening(self) -> list[str]:
        """Event types of which the first opens the window; all types by default."""
        return list(self.window.opened_by or self.events)

    @property
    def closing(self) -> list[str]:
        """Event types of which the first in the window ends a user's risk; none by default."""
        return list(self.window.closed_by)

    @property
    def repeating(self) -> list[str]:
        """Event types of which each of several identical events without `event_id` counts."""
        return [name for name, event in self.events.items() if event.repeats == "count"]

    @property
    def has_experiments(self) -> bool:
        """Whether a target has a holdout."""
        return any(target.when.holdout for target in self.targets.values())

    @property
    def folder(self) -> Path:
        """Folder of the YAML, the enrichment file and the bundled model."""
        return USE_CASES / self.name


def names() -> list[str]:
    """Return the names of all use cases, valid or not, sorted."""
    return sorted(path.parent.name for path in USE_CASES.glob("*/use_case.yaml"))


def default_name() -> str:
    """Name of the use case that is meant where none is given: the setting, the only one, or the first active one.

    Raises UseCaseError where there is none of these, naming those that there are.
    """
    found = names()
    if settings().use_case:
        return settings().use_case
    if len(found) == 1:
        return found[0]
    for name in found:
        with suppress(UseCaseError):
            if not load(name).starts_paused:
                return name
    raise UseCaseError(f"choose a use case by --use-case or FIRSTDAY_USE_CASE; there are: {', '.join(found) or 'none'}")


def load(name: str) -> UseCase:
    """Read and validate one use case. Raises UseCaseError with file, key and expected value."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) or name not in names():
        raise UseCaseError(f"no use case '{name}'; the use cases are: {', '.join(names())}")
    return read(USE_CASES / name / "use_case.yaml")


def read(path: Path) -> UseCase:
    """Read and validate one YAML file; its folder's name must be the use case's name."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise UseCaseError(f"{path}: expected YAML: {error}") from error
    if earlier := list(earlier_keys(content)):
        raise UseCaseError("\n".join(f"{path}: {sentence}" for sentence in earlier))
    if _has_costs_twice(content):
        raise UseCaseError(f"{path}: expected scoring.costs or decision: both say what a missed user costs")
    try:
        use_case = UseCase.model_validate(content)
    except ValidationError as error:
        raise UseCaseError("\n".join(_sentences(path, error))) from error
    if use_case.name != path.parent.name:
        raise UseCaseError(f"{path}: name: expected '{path.parent.name}', the folder's name, found '{use_case.name}'")
    return use_case


def _has_costs_twice(content: Any) -> bool:
    """Whether a YAML gives costs beside a decision from which they follow."""
    if not isinstance(content, dict) or not isinstance(content.get("scoring"), dict):
        return False
    decision = content.get("decision")
    is_same_for_all = isinstance(decision, dict) and not isinstance(decision.get("value_of_retained"), dict)
    return is_same_for_all and "costs" in content["scoring"]


def _sentences(path: Path, error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "file"
        found = "" if problem["type"] in ("missing", "value_error") else f", found {problem['input']!r}"
        yield f"{path}: {key}: {problem['msg']}{found}"
