"""Scoring: the champion's churn probability for each user with new activity in their first day, into the inference log.

One vectorised call a step. A user is scored once a step, however many micro-batches the step takes, with the features
as they stand after the last of them; those features are logged with the prediction. A challenger scores the same users
in shadow, into a table of its own that nothing acts on.
"""

import logging
from dataclasses import dataclass

import pyarrow as pa

from include.firstday import forgotten, lake, registry
from include.firstday.lake import Lake, Run
from include.firstday.prepare import open_lake
from include.firstday.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "score_users"
SQL = f"stages/{STAGE}"


class NoChampionError(LookupError):
    """No model carries the alias `champion`, so nothing can be scored; what waits is scored once there is one."""


@dataclass(frozen=True)
class Scored:
    """What one step scored: micro-batches `after < batch_id <= upto`, with which model."""

    after: int
    upto: int
    users: int
    about_to_churn: int
    model_version: int


def score_users(use_case: UseCase, run: Run | None = None) -> Scored | None:
    """Score who has new activity up to the last updated micro-batch; None where nothing was new.

    Raises NoChampionError where the registry holds no champion.
    """
    step = score_step(use_case, run or Run(task=STAGE))
    if step:
        log.info("%s", describe(step))
    return step


def describe(step: Scored) -> str:
    """One line for people."""
    return (
        f"micro-batches {step.after + 1} to {step.upto}: {step.users:,} users scored by version {step.model_version}, "
        f"{step.about_to_churn:,} about to churn"
    )


@lake.retrying
def score_step(use_case: UseCase, run: Run) -> Scored | None:
    """Score everything between this stage's progress and that of update_features, in one transaction."""
    with open_lake(use_case, run) as opened:
        with opened.snapshot():  # or the features could be newer than the micro-batch they are scored for
            after, upto = opened.progress(STAGE), opened.progress("update_features")
            if upto <= after:
                return None
            features = opened.table(
                f"{SQL}/users_to_score", after=after, upto=upto, measures=list(use_case.scoring.measures)
            )
        champion = registry.champion(use_case)
        if champion is None:
            raise NoChampionError(f"no champion for {use_case.name} yet: train a model, or register the shipped one")
        rows = predictions(features, champion, upto, run)
        shadow = _shadow(use_case, features, champion, upto, run)
        step = Scored(after, upto, rows.num_rows, sum(rows["about_to_churn"].to_pylist()), champion.version)
        with opened.transaction() as commit:
            _append(opened, "predictions", rows)
            if shadow is not None:
                _append(opened, "shadow_predictions", shadow)
            opened.advance(STAGE, after, upto)
            commit.message = describe(step)
    return step


def predictions(features: pa.Table, champion: "registry.Champion", batch_id: int, run: Run) -> pa.Table:
    """Rows of the inference log for a table of features: the features and what the champion makes of them."""
    count = features.num_rows
    probability = champion.predict(features).tolist() if count else []
    columns = {
        "scored_at": pa.array([lake.now()] * count, pa.timestamp("us")),
        "batch_id": pa.array([batch_id] * count, pa.int64()),
        "churn_probability": pa.array(probability, pa.float64()),
        "about_to_churn": pa.array([bool(p >= champion.threshold) for p in probability], pa.bool_()),
        "model_name": pa.array([champion.name] * count, pa.string()),
        "model_version": pa.array([champion.version] * count, pa.int64()),
        "airflow_run": pa.array([run.id] * count, pa.string()),
    }
    for name, values in columns.items():
        features = features.append_column(name, values)
    return features


def _shadow(
    use_case: UseCase, features: pa.Table, champion: "registry.Champion", batch_id: int, run: Run
) -> pa.Table | None:
    """What the challenger makes of the same users; None where there is no other. It never stops the champion."""
    if not use_case.scoring.shadow:
        return None
    try:
        challenger = registry.with_alias(use_case, registry.CHALLENGER)
        if challenger is None or challenger.version == champion.version:
            return None
        return predictions(features, challenger, batch_id, run)
    except Exception:
        log.warning("the challenger cannot score in shadow", exc_info=True)
        return None


def _append(opened: Lake, table: str, rows: pa.Table) -> None:
    opened.build_rows("staged_predictions", rows)
    forgotten.drop(opened, "staged_predictions")
    opened.insert_from(table, "staged_predictions")
