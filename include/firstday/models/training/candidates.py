"""Candidates: each a pipeline from the YAML, searched and cross-validated by user, calibrated, a nested MLflow run."""

import gc
import importlib
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, ParameterSampler, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from include.firstday.errors import UseCaseError
from include.firstday.features.model_inputs import inputs_of, typical_values
from include.firstday.models import drift, reasons, registry
from include.firstday.models.encoders import Encoding, encoding_of, input_steps
from include.firstday.models.training.metrics import Labels, Values, scores
from include.firstday.models.training.training_set import at_cutoffs, give_back, read, split
from include.firstday.use_case.use_case import Candidate, UseCase

log = logging.getLogger(__name__)

ALLOWED_MODULES = ("sklearn.", *(f"{library}." for library in registry.LIBRARIES))
FOLDS = 3
SEED = 7
TIMED_USERS = 10_000
PROBED_FROM_ROWS = 100_000  # with fewer, no candidate takes long enough to be measured first
PROBE_SHARES = (1 / 40, 1 / 20)  # of the users, that a candidate is fitted on to foresee how long all of them take
PROBE_FITS = 3  # of each share, of which the shortest counts, as a pause of the machine looks like a steep growth
PROBE_SECONDS = 5.0  # after which one more fit would cost more than a pause distorts
SKIPPED = "skipped_because"
Splits = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def pipeline(
    candidate: Candidate, monotonic: Sequence[int] = (), encoding: Encoding | None = None, **parameters: Any
) -> Pipeline:
    """The unfitted pipeline of a candidate: unknown numbers become the median, categories are encoded, then it.

    `monotonic`: for each feature that is a number -1 where more of it must not raise the probability, else 0; for
    estimators that can be held to it. Raises UseCaseError for an estimator that is no classifier, or of a library that
    is not there.
    """
    encoding = encoding or Encoding()
    found = _estimator(candidate.estimator)
    try:
        estimator = found(**(candidate.parameters | parameters))
    except TypeError as error:
        raise UseCaseError(f"training.candidates: {candidate.estimator}: {error}") from error
    if estimator.get_params().get("random_state", SEED) is None:
        estimator.set_params(random_state=SEED)
    directions = [*monotonic, *[0] * encoding.width]
    if any(monotonic) and candidate.estimator.startswith(registry.LIBRARIES):  # LightGBM does not list it
        estimator.set_params(monotone_constraints=tuple(directions))
    elif any(monotonic) and "monotonic_cst" in estimator.get_params():
        estimator.set_params(monotonic_cst=directions)
    return Pipeline([*input_steps(encoding, candidate.scale), ("estimate", estimator)])


def monotonic_features(use_case: UseCase) -> list[int]:
    """For each feature that is a number -1 where a direction of the use case says that more must not raise the risk."""
    lowering = {name for direction in use_case.training.directions.values() for name in direction.features}
    return [-1 if name in lowering else 0 for name in use_case.features if name not in use_case.categories]


def train_candidate(use_case: UseCase, training_set: dict[str, Any], name: str) -> dict[str, Any]:
    """Search, cross-validate, fit and calibrate one candidate on the older users; its run, and how good it is.

    One that would take longer than `training.candidate_minutes` is not trained: its run says why (`SKIPPED`).
    """
    import mlflow

    train = split(read(training_set))[0]
    features, labels, users = inputs_of(use_case, train), train["label"].to_numpy(), train["user_id"]
    train = at_cutoffs(train)  # what is logged is of these, and all rows of many users would fill the memory meanwhile
    give_back()
    candidate = use_case.training.candidates[name]
    unfitted = partial(pipeline, candidate, monotonic_features(use_case), encoding_of(use_case, features))
    folds = list(GroupKFold(FOLDS).split(features, labels, users))
    # Candidates are trained side by side, so each keeps to one core.
    with threadpool_limits(1):
        if reason := _too_slow(use_case, candidate, unfitted, features, labels, users):
            return _skipped(use_case, training_set, name, reason)
        chosen, out_of_fold, trials = _search(candidate, unfitted, features, labels, folds)
        begun = time.perf_counter()
        model = fit_calibrated(unfitted(**chosen), features, labels, folds)
        fit_seconds = time.perf_counter() - begun
    measured = scores(labels, out_of_fold, use_case.scoring.costs)
    measured |= {"fit_seconds": fit_seconds, **measure_cost(model, features)}
    with registry.start_run(use_case, name, parent_run_id=str(training_set["run_id"]), nested=True) as run:
        mlflow.log_params(
            {"estimator": candidate.estimator, "scale": candidate.scale, **candidate.parameters, **chosen}
        )
        mlflow.log_metrics({f"cv_{key}": value for key, value in measured.items()})
        mlflow.log_table(trials, "search.json")
        log_with_reference(use_case, model, train)
    return {"name": name, "run_id": str(run.info.run_id), **measured}


def foreseen_seconds(unfitted: Pipeline, features: pd.DataFrame, labels: Labels, users: pd.Series) -> float:
    """Seconds that one fit on all rows will take: fits on few users show how the time grows with the rows."""
    seconds, rows = [], []
    for share in PROBE_SHARES:
        is_probed = (pd.util.hash_array(users.to_numpy(dtype=object)) % 1000 < 1000 * share).astype(bool)
        seconds.append(_shortest_fit(unfitted, features[is_probed], labels[is_probed]))
        rows.append(int(is_probed.sum()))
    exponent = np.clip(np.log(seconds[1] / seconds[0]) / np.log(rows[1] / rows[0]), 1, 3)
    return float(seconds[1] * (len(features) / rows[1]) ** exponent)


def _shortest_fit(unfitted: Pipeline, features: pd.DataFrame, labels: Labels) -> float:
    taken: list[float] = []
    while len(taken) < PROBE_FITS and sum(taken) < PROBE_SECONDS:
        begun = time.perf_counter()
        clone(unfitted).fit(features, labels)
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _too_slow(
    use_case: UseCase,
    candidate: Candidate,
    unfitted: Callable[..., Pipeline],
    features: pd.DataFrame,
    labels: Labels,
    users: pd.Series,
) -> str:
    """Why a candidate cannot be trained in the time it has; empty where it can."""
    if len(features) < PROBED_FROM_ROWS:
        return ""
    tried = list(_combinations(candidate))
    one = foreseen_seconds(unfitted(**tried[0]), features, labels, users)
    # Of each combination, a fit on each of the folds' shares of the rows; then the same for calibration, and on all.
    minutes = one * ((len(tried) + 1) * (FOLDS - 1) + 1) / 60
    if minutes <= use_case.training.candidate_minutes:
        return ""
    return (
        f"it would take about {minutes:,.0f} minutes on {len(features):,} rows, more than training.candidate_minutes "
        f"({use_case.training.candidate_minutes:g})"
    )


def _skipped(use_case: UseCase, training_set: dict[str, Any], name: str, reason: str) -> dict[str, Any]:
    import mlflow

    with registry.start_run(use_case, name, parent_run_id=str(training_set["run_id"]), nested=True) as run:
        mlflow.set_tag(f"firstday.{SKIPPED}", reason)
        mlflow.log_param("estimator", use_case.training.candidates[name].estimator)
    log.warning("%s is skipped: %s", name, reason)
    return {"name": name, "run_id": str(run.info.run_id), SKIPPED: reason}


def trained(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those candidates that were trained. Raises UseCaseError where none was."""
    if found := [result for result in results if SKIPPED not in result]:
        return found
    reasons_given = "; ".join(f"{result['name']}: {result[SKIPPED]}" for result in results)
    raise UseCaseError(f"training.candidates: none was trained: {reasons_given}")


def log_with_reference(use_case: UseCase, model: CalibratedClassifierCV, rows: pd.DataFrame) -> None:
    """Log a fitted model and the reference for drift that its training rows make to the active run."""
    import mlflow

    compared = at_cutoffs(rows)
    seen = inputs_of(use_case, compared)
    registry.log_model(use_case, model, typical_values(seen))
    probability = model.predict_proba(seen)[:, 1]
    seen = seen.assign(probability=probability, cutoff_minutes=compared["cutoff_minutes"])
    mlflow.log_dict(drift.references(seen, use_case.categories), registry.REFERENCE_FILE)


def fit_calibrated(
    unfitted: Pipeline, features: pd.DataFrame, labels: Labels, folds: Splits, weights: Values | None = None
) -> CalibratedClassifierCV:
    """The pipeline fitted on all rows, its scores made probabilities by what it said out of fold (Platt, 1999).

    `weights` of the rows, shape (rows,): of the calibration, and of the estimator where it can be fitted with weights.
    """
    model = CalibratedClassifierCV(unfitted, method="sigmoid", cv=folds, ensemble=False)
    name, estimator = unfitted.steps[-1]
    weighted = {}
    if weights is not None:
        weighted["sample_weight"] = weights
        if has_fit_parameter(estimator, "sample_weight"):
            weighted[f"{name}__sample_weight"] = weights
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Since Pipeline does not appear to accept sample_weight")
        model.fit(features, labels, **weighted)
    # The folds name training rows, which have no place in a model that is kept.
    model.set_params(cv=FOLDS)
    model.feature_groups_ = [list(group) for group in reasons.groups_of(features)]  # kept with it, for its reasons
    if common := {name: value for name, value in typical_values(features).items() if features[name].dtype == object}:
        model.common_values_ = common
    return model


def measure_cost(model: Any, features: pd.DataFrame) -> dict[str, float]:
    """What a model costs: megabytes as skops, seconds to score 10,000 users (the least of three)."""
    many = features.sample(TIMED_USERS, replace=True, random_state=SEED)

    def seconds() -> float:
        begun = time.perf_counter()
        model.predict_proba(many)
        return time.perf_counter() - begun

    with threadpool_limits(1):
        return {
            "model_megabytes": len(skops.io.dumps(model)) / 1e6,
            "scoring_seconds": min(seconds() for _ in range(3)),
        }


def _search(
    candidate: Candidate,
    unfitted: Callable[..., Pipeline],
    features: pd.DataFrame,
    labels: Labels,
    folds: Splits,
) -> tuple[dict[str, Any], Values, pd.DataFrame]:
    """The parameters with the lowest log loss out of fold, the probabilities then, and a row for each trial."""
    tried = list(_combinations(candidate))
    said = [_out_of_fold(unfitted(**parameters), features, labels, folds) for parameters in tried]
    losses = [float(log_loss(labels, probability)) for probability in said]
    best = int(np.argmin(losses))
    return tried[best], said[best], pd.DataFrame(tried).assign(log_loss=losses)


def _combinations(candidate: Candidate) -> Iterator[dict[str, Any]]:
    if not candidate.search:
        return iter([{}])
    count = int(np.prod([len(values) for values in candidate.search.values()]))
    return iter(ParameterSampler(candidate.search, min(candidate.trials, count), random_state=SEED))


def _out_of_fold(unfitted: Pipeline, features: pd.DataFrame, labels: Labels, folds: Splits) -> Values:
    """Calibrated probabilities of each row from models, and calibrations, that have not seen its user; shape (n,)."""
    by_score = hasattr(unfitted, "decision_function")
    method = "decision_function" if by_score else "predict_proba"
    said = cross_val_predict(unfitted, features, labels, cv=folds, method=method)
    score = (said if by_score else said[:, 1]).reshape(-1, 1)
    calibrated = cross_val_predict(LogisticRegression(C=1e6), score, labels, cv=folds, method="predict_proba")
    gc.collect()  # a fit leaves copies of its rows in reference cycles, which many rows do not make Python look for
    return np.asarray(calibrated[:, 1])


def _estimator(path: str) -> type[ClassifierMixin]:
    if not path.startswith(ALLOWED_MODULES):
        allowed = ", ".join(f"{module}*" for module in ALLOWED_MODULES)
        raise UseCaseError(
            f"training.candidates: estimator: expected a class of {allowed}, which are stored without pickle; "
            f"found '{path}'"
        )
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name not in registry.LIBRARIES:
            raise UseCaseError(f"training.candidates: estimator: '{path}' does not exist: {error}") from error
        raise UseCaseError(
            f"training.candidates: estimator: '{path}': {error.name} is not installed; install it where Firstday is: "
            f".venv/bin/pip install {error.name}"
        ) from error
    except (ImportError, AttributeError) as error:
        raise UseCaseError(f"training.candidates: estimator: '{path}' does not exist: {error}") from error
    if not (isinstance(found, type) and issubclass(found, ClassifierMixin)):
        raise UseCaseError(f"training.candidates: estimator: expected a classifier, found '{path}'")
    return found
