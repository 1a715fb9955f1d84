"""Candidates: each a pipeline from the YAML, cross-validated by user, fitted, logged as a nested MLflow run."""

import importlib
import time
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from include.firstday import drift, registry
from include.firstday.training.metrics import scores
from include.firstday.training.training_set import read, split
from include.firstday.use_case import Candidate, UseCase, UseCaseError

ALLOWED_MODULES = ("sklearn.",)
FOLDS = 3
SEED = 7


def pipeline(candidate: Candidate) -> Pipeline:
    """The unfitted pipeline of a candidate: unknown values become the median, then the estimator.

    Raises UseCaseError for an estimator that is not a scikit-learn classifier.
    """
    steps: list[tuple[str, Any]] = [("impute", SimpleImputer(strategy="median"))]
    if candidate.scale:
        steps.append(("scale", StandardScaler()))
    estimator = _estimator(candidate.estimator)
    parameters = dict(candidate.parameters)
    if "random_state" in estimator().get_params():
        parameters.setdefault("random_state", SEED)
    try:
        steps.append(("estimate", estimator(**parameters)))
    except TypeError as error:
        raise UseCaseError(f"training.candidates: {candidate.estimator}: {error}") from error
    return Pipeline(steps)


def train_candidate(use_case: UseCase, training_set: dict[str, object], name: str) -> dict[str, object]:
    """Cross-validate and fit one candidate on the older users; its run, and its log loss out of fold."""
    import mlflow

    train, _ = split(read(training_set))
    features, labels = train[list(use_case.features)].astype("float64"), train["label"].to_numpy()
    candidate = use_case.training.candidates[name]
    folds = GroupKFold(FOLDS)
    out_of_fold = cross_val_predict(
        pipeline(candidate), features, labels, groups=train["user_id"], cv=folds, method="predict_proba"
    )[:, 1]
    begun = time.perf_counter()
    fitted = pipeline(candidate).fit(features, labels)
    fit_seconds = time.perf_counter() - begun
    measured = scores(labels, np.asarray(out_of_fold))
    with registry.start_run(use_case, name, parent_run_id=str(training_set["run_id"]), nested=True) as run:
        mlflow.log_params({"estimator": candidate.estimator, "scale": candidate.scale, **candidate.parameters})
        mlflow.log_metrics({f"cv_{key}": value for key, value in measured.items()} | {"fit_seconds": fit_seconds})
        registry.log_model(use_case, fitted)
        probability = fitted.predict_proba(features)[:, 1]
        seen = features.assign(churn_probability=probability, cutoff_minutes=train["cutoff_minutes"])
        mlflow.log_dict(drift.references(seen), registry.REFERENCE_FILE)
    return {"name": name, "run_id": str(run.info.run_id), **measured}


def _estimator(path: str) -> type[ClassifierMixin]:
    if not path.startswith(ALLOWED_MODULES):
        allowed = ", ".join(f"{module}*" for module in ALLOWED_MODULES)
        raise UseCaseError(f"training.candidates: estimator: expected a class of {allowed}, found '{path}'")
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UseCaseError(f"training.candidates: estimator: '{path}' does not exist: {error}") from error
    if not (isinstance(found, type) and issubclass(found, ClassifierMixin)):
        raise UseCaseError(f"training.candidates: estimator: expected a classifier, found '{path}'")
    return found
