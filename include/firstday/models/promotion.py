"""Promotion: the alias `champion` in MLflow is the current model, the table `promotions` is its history.

The alias moves first, as it is what scores; a promotion that was cut off in between is completed when it is repeated.
"""

from datetime import datetime
from typing import Any

from include.firstday.errors import ModelError, NothingToRollBackError
from include.firstday.lake import clock
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.models import registry
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

BUNDLED = "bundled with the project"  # how the reason of a bundled model's promotion begins
ROLLED_BACK = "rolled back from version"  # how the reason of a rollback's promotion begins


def promote(use_case: UseCase, version: int, reason: str, run: Run | None = None) -> None:
    """Make a version the champion, and note when and why. Safe to repeat. Raises ModelError for an unknown version."""
    if version not in {each.number for each in registry.versions(use_case)}:
        raise ModelError(
            f"{use_case.name}: there is no version {version} in the registry; "
            f"choose one of the registered versions: {_registered(use_case)}"
        )
    registry.set_champion(use_case, version)
    _note(use_case, version, reason, run or Run(task="promote_model"))


def register_bundled(use_case: UseCase) -> int | None:
    """Register the use case's bundled model as champion, where the registry holds none; its version."""
    version = registry.register_bundled(use_case)
    if version is not None:
        replaced = ", ".join(registry.replaced_enrichment(use_case))
        reason = f"{BUNDLED}, trained with other rows of {replaced}" if replaced else BUNDLED
        promote(use_case, version, reason, Run(task="register_bundled"))
    return version


def rollback_model(use_case: UseCase, version: int | None = None, run: Run | None = None) -> tuple[int, int]:
    """Put a version back, by default the champion before this one; which version was live, and which is now.

    Raises NothingToRollBackError where there was no other, ModelError for an unknown version.
    """
    run = run or Run(task="rollback_model")
    last = promotion_at(use_case, clock.now())
    if last is not None and last["airflow_run"] == run.id and run.dag != Run().dag:
        return last["previous_version"], last["model_version"]  # a repeated task finds it done
    now = last["model_version"] if last else registry.champion_version(use_case)
    if now is None:
        raise NothingToRollBackError(f"{use_case.name}: there is no champion")
    if version is None:
        version = _version_before(use_case, now)
    if version == now:
        raise NothingToRollBackError(
            f"{use_case.name}: version {version} is the champion already; "
            f"choose another of the registered versions: {_registered(use_case)}"
        )
    promote(use_case, version, f"{ROLLED_BACK} {now}", run)
    return now, version


def promotion_at(use_case: UseCase, moment: datetime) -> dict[str, Any] | None:
    """The row of `promotions` in effect at a moment (naive UTC); None before the first."""
    with open_lake(use_case, read_only=True) as lake:
        return next(iter(lake.rows("models/promotion/promotions", until=moment)), None)


def _version_before(use_case: UseCase, version: int) -> int:
    with open_lake(use_case, read_only=True) as lake:
        promotions = lake.rows("models/promotion/promotions", until=clock.now())
    before = [number for number in _not_rolled_back(promotions[::-1]) if number != version]
    if not before:
        raise NothingToRollBackError(
            f"{use_case.name}: version {version} is the champion, and there is no earlier champion that was not rolled "
            f"back; choose one of the registered versions: {_registered(use_case)}"
        )
    return before[-1]


def _not_rolled_back(promotions: list[dict[str, Any]]) -> list[int]:
    """Versions that were champion, in order, without those that a rollback has undone."""
    versions: list[int] = []
    for row in promotions:
        if row["reason"].startswith(ROLLED_BACK):
            del versions[-1:]
            if row["model_version"] in versions:
                del versions[versions.index(row["model_version"]) :]
        versions.append(row["model_version"])
    return versions


def _registered(use_case: UseCase) -> str:
    return ", ".join(str(each.number) for each in registry.versions(use_case)) or "none"


@retrying
def _note(use_case: UseCase, version: int, reason: str, run: Run) -> None:
    with open_lake(use_case, run) as lake, lake.transaction() as commit:
        last = next(iter(lake.rows("models/promotion/promotions", until=clock.now())), None)
        commit.message = f"version {version} is the champion"
        if last is None or last["model_version"] != version:
            lake.insert_row(
                "promotions",
                promoted_at=clock.now(),
                model_name=use_case.name,
                model_version=version,
                previous_version=last["model_version"] if last else None,
                reason=reason,
                airflow_run=run.id,
            )
