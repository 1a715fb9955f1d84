"""Versions of a target's model of uplift in MLflow's registry: the alias `champion` marks the one that may be used.

A version's tags hold what it was made from, and which version was the champion before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.firstday.errors import ModelError, NothingToRollBackError
from include.firstday.features.model_inputs import Value
from include.firstday.lake import clock
from include.firstday.models import registry
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

BEFORE = "previous_champion"


@dataclass(frozen=True)
class Uplift:
    """The champion of a target: its version, the fitted model, and the kind of the outcome that it predicts."""

    version: int
    model: Any
    outcome: str


def model_name(use_case: UseCase, target: str) -> str:
    """Name of a target's model in the registry."""
    return f"{use_case.name}_uplift_{target}"


def log_and_register(use_case: UseCase, target: str, model: Any, example: Mapping[str, Value], run_id: str) -> int:
    """Log a fitted model to the active run as skops, and make it a version, marked challenger; its number."""
    import mlflow
    import pandas as pd
    import sklearn
    import skops

    mlflow.sklearn.log_model(
        model,
        name="model",
        input_example=pd.DataFrame([dict(example)]),
        serialization_format="skops",
        skops_trusted_types=list(registry.TRUSTED),
        pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"skops=={skops.__version__}"],
    )
    (logged,) = registry.client().get_run(run_id).outputs.model_outputs
    name = model_name(use_case, target)
    version = mlflow.register_model(f"models:/{logged.model_id}", name)
    registry.client().set_registered_model_alias(name, registry.CHALLENGER, version.version)
    return int(version.version)


def champion(use_case: UseCase, target: str) -> Uplift | None:
    """The champion of a target; None where none has passed its gates. Raises ModelError if its features differ."""
    version = _with_alias(use_case, target, registry.CHAMPION)
    if version is None:
        return None
    model = registry.registered_model(version.name, int(version.version))
    if (found := tuple(map(str, model.feature_names_in_))) != use_case.features:
        raise ModelError(
            f"{version.name} version {version.version}: expected the features {', '.join(use_case.features)}, found "
            f"{', '.join(found)}; train anew, or let the target's budget be ordered by risk"
        )
    return Uplift(int(version.version), model, str(version.tags.get("outcome", "label")))


def promote(use_case: UseCase, target: str, version: int, reason: str) -> None:
    """Make a version the champion, and tag it with the reason and the champion before. Safe to repeat."""
    name, client, before = model_name(use_case, target), registry.client(), champion_version(use_case, target)
    tags = {"reason": reason, "promoted_at": clock.now().isoformat()} | ({BEFORE: before} if before else {})
    if before == version:
        return
    for key, value in tags.items():
        client.set_model_version_tag(name, str(version), key, str(value))
    client.set_registered_model_alias(name, registry.CHAMPION, str(version))


def champion_version(use_case: UseCase, target: str) -> int | None:
    """Number of a target's champion; None where there is none."""
    version = _with_alias(use_case, target, registry.CHAMPION)
    return None if version is None else int(version.version)


def latest_tags(use_case: UseCase, target: str) -> dict[str, str]:
    """Tags of the version that was trained last; empty before the first."""
    version = _with_alias(use_case, target, registry.CHALLENGER)
    return {} if version is None else dict(version.tags)


def rollback(use_case: UseCase, target: str, version: int | None = None) -> tuple[int, int]:
    """Make the champion before the present one, or a version, the champion; which was, and which is.

    Raises NothingToRollBackError where there was no other, ModelError for an unknown version.
    """
    name, client, now = model_name(use_case, target), registry.client(), champion_version(use_case, target)
    if now is None:
        raise NothingToRollBackError(f"{name}: there is no champion")
    known = {int(each.version) for each in client.search_model_versions(f"name = '{name}'")}
    if version is None:
        before = client.get_model_version(name, str(now)).tags.get(BEFORE)
        if before is None:
            raise NothingToRollBackError(f"{name}: version {now} is the champion, and there was none before it")
        version = int(before)
    if version not in known:
        raise ModelError(f"{name}: there is no version {version}; choose one of {', '.join(map(str, sorted(known)))}")
    client.set_registered_model_alias(name, registry.CHAMPION, str(version))
    return now, version


def _with_alias(use_case: UseCase, target: str, alias: str) -> Any:
    import mlflow
    from mlflow.exceptions import MlflowException

    mlflow.set_tracking_uri(settings().tracking_uri)
    try:
        return registry.client().get_model_version_by_alias(model_name(use_case, target), alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
