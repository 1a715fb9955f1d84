"""Scoring: the champion's churn probability for each user with new activity in their first day, into the inference log.

One vectorised call a step. A user is scored once a step, however many micro-batches the step takes, with the features
as they stand after the last of them; those features are logged with the prediction. A challenger scores the same users
in shadow, into a table of its own that nothing acts on.
"""

import logging
from dataclasses import asdict, dataclass

import pyarrow as pa

from include.firstday.errors import CheckpointConflictError
from include.firstday.features.user_features import build_features
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.lake.shards import WHOLE, Shard
from include.firstday.models import registry
from include.firstday.privacy import tombstones
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "score_users"


class NoChampionError(LookupError):
    """No model carries the alias `champion`, so nothing can be scored; what waits is scored once there is one."""


@dataclass(frozen=True)
class Scored:
    """What one step scored: micro-batches `after < batch_id <= upto`, with which model."""

    after: int
    upto: int
    users: int
    predicted_churn: int
    model_version: int


@dataclass(frozen=True)
class BatchRange:
    """Users in some buckets, and the micro-batches `after < batch_id <= upto` that they are scored for."""

    after: int
    upto: int
    buckets: tuple[int, ...]


def score_users(use_case: UseCase, run: Run | None = None, shard: Shard = WHOLE) -> Scored | None:
    """Score who of a shard's users has new activity up to the last updated micro-batch; None where nothing was new.

    Raises NoChampionError where the registry holds no champion.
    """
    step = score_step(use_case, run or Run(task=STAGE), shard)
    if step:
        log.info("%s", describe(step))
    return step


def describe(step: Scored) -> str:
    """One line for people."""
    return (
        f"micro-batches {step.after + 1} to {step.upto}: {step.users:,} users scored by version {step.model_version}, "
        f"{step.predicted_churn:,} about to churn"
    )


@retrying
def score_step(use_case: UseCase, run: Run, shard: Shard = WHOLE) -> Scored | None:
    """Score everything between this stage's progress and that of update_features, in one transaction."""
    with open_lake(use_case, run) as lake:
        with lake.snapshot():  # or the features could be newer than the micro-batch they are scored for
            stretches = _stretches(lake, shard)
            if not stretches:
                return None
            features = _features(lake, use_case, stretches)
        champion = registry.champion(use_case)
        if champion is None:
            raise NoChampionError(f"no champion for {use_case.name} yet: train a model, or register the shipped one")
        rows = predictions(features, champion, run)
        shadow = _shadow(use_case, features, champion, run)
        step = Scored(
            after=min(stretch.after for stretch in stretches),
            upto=max(stretch.upto for stretch in stretches),
            users=rows.num_rows,
            predicted_churn=sum(rows["predicted_churn"].to_pylist()),
            model_version=champion.version,
        )
        with lake.transaction() as commit:
            for stretch in stretches:
                checkpoints.advance(lake, STAGE, stretch.after, stretch.upto, stretch.buckets)
            _append(lake, "predictions", rows)
            if shadow is not None:
                _append(lake, "shadow_predictions", shadow)
            commit.message = describe(step)
    return step


def _stretches(lake: Lake, shard: Shard) -> list[BatchRange]:
    """What is to be scored: one stretch, unless the number of shards has just changed."""
    scored, updated = (checkpoints.of_buckets(lake, stage, shard.buckets) for stage in (STAGE, "update_features"))
    waiting: dict[tuple[int, int], list[int]] = {}
    for bucket in shard.buckets:
        if updated[bucket] > scored[bucket]:
            waiting.setdefault((scored[bucket], updated[bucket]), []).append(bucket)
    return [BatchRange(after, upto, tuple(buckets)) for (after, upto), buckets in sorted(waiting.items())]


def _features(lake: Lake, use_case: UseCase, stretches: list[BatchRange]) -> pa.Table:
    """One row per user to score: their features, and for which micro-batch."""
    active = [
        lake.table("scoring/score_users/active_users", measures=list(use_case.scoring.measures), **asdict(stretch))
        for stretch in stretches
    ]
    lake.build_rows("active_users", pa.concat_tables(active))
    # What user_features.sql reads are then the rows of these users alone: those of all, most of whose window is long
    # over, would cost more with every day.
    for table in ("users", "feature_state"):
        lake.restrict_to(table, "active_users")
    # They are active by a row of feature_state; files that are merged meanwhile have been seen to hide it.
    if unseen := lake.value("scoring/score_users/unseen_users"):
        raise CheckpointConflictError(
            f"{STAGE}: the features of {unseen} users could not be read while files were merged"
        )
    as_of = lake.value("scoring/score_users/as_of", batch_id=max(stretch.upto for stretch in stretches))
    build_features(lake, use_case, as_of)
    return lake.table("scoring/score_users/users_to_score", as_of=as_of)


def predictions(features: pa.Table, champion: "registry.Champion", run: Run) -> pa.Table:
    """Rows of the inference log for users' features and micro-batches: these, and what the champion makes of them."""
    count = features.num_rows
    probability = champion.predict(features).tolist() if count else []
    columns = {
        "scored_at": pa.array([clock.now()] * count, pa.timestamp("us")),
        "churn_probability": pa.array(probability, pa.float64()),
        "predicted_churn": pa.array([bool(p >= champion.threshold) for p in probability], pa.bool_()),
        "model_name": pa.array([champion.name] * count, pa.string()),
        "model_version": pa.array([champion.version] * count, pa.int64()),
        "airflow_run": pa.array([run.id] * count, pa.string()),
    }
    for name, values in columns.items():
        features = features.append_column(name, values)
    return features


def _shadow(use_case: UseCase, features: pa.Table, champion: "registry.Champion", run: Run) -> pa.Table | None:
    """What the challenger makes of the same users; None where there is no other. It never stops the champion."""
    if not use_case.scoring.shadow:
        return None
    try:
        challenger = registry.with_alias(use_case, registry.CHALLENGER)
        if challenger is None or challenger.version == champion.version:
            return None
        return predictions(features, challenger, run)
    except Exception:
        log.warning("the challenger cannot score in shadow", exc_info=True)
        return None


def _append(lake: Lake, table: str, rows: pa.Table) -> None:
    lake.build_rows("staged_predictions", rows)
    tombstones.drop(lake, "staged_predictions")
    lake.insert_from(table, "staged_predictions")
