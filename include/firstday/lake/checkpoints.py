"""Checkpoints: the last micro-batch that each stage has processed, kept in the lake.

A stage commits its rows and its checkpoint in one transaction, by compare and set.
"""

from collections.abc import Collection
from datetime import datetime

from include.firstday.errors import CheckpointConflictError
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.shards import ALL

STAGES = ("store_events", "update_features", "score_users", "publish_predictions", "monitor_model")
SPLIT_STAGES = ("update_features", "score_users")  # by users, so that shards can share the work


def start(lake: Lake, stage: str) -> None:
    """Insert a stage's checkpoint before the first micro-batch."""
    lake.insert_row("checkpoints", stage=stage, batch_id=0, updated_at=clock.now())


def of(lake: Lake, stage: str) -> int:
    """Return the last micro-batch that a stage has processed for all users; 0 before the first."""
    return int(lake.value("lake/checkpoints/checkpoint", stage=stage))


def of_buckets(lake: Lake, stage: str, buckets: Collection[int]) -> dict[int, int]:
    """Return the last micro-batch that a stage has processed, for each of some buckets of users."""
    rows = lake.rows("lake/checkpoints/checkpoints_of_buckets", stage=stage, buckets=list(buckets))
    return {row["bucket"]: row["batch_id"] for row in rows}


def scored_until(lake: Lake, stage: str, buckets: Collection[int]) -> dict[int, datetime | None]:
    """The moment up to which silent users have been scored, for each of some buckets; None before the first scoring."""
    rows = lake.rows("lake/checkpoints/checkpoints_of_buckets", stage=stage, buckets=list(buckets))
    return {row["bucket"]: row["as_of"] for row in rows}


def advance_scoring(
    lake: Lake,
    stage: str,
    batches: tuple[int, int],
    moments: tuple[datetime | None, datetime],
    buckets: Collection[int],
) -> None:
    """Compare and set the progress of scoring: micro-batch and moment, each before and after, inside its transaction.

    Raises CheckpointConflictError if it is not what it was before.
    """
    values = {"after": batches[0], "upto": batches[1], "from_time": moments[0], "as_of": moments[1]}
    found = lake.execute(
        "lake/checkpoints/advance_scoring", stage=stage, buckets=list(buckets), **values, now=clock.now()
    )
    if found != len(buckets):
        raise CheckpointConflictError(f"{stage}: progress is no longer at micro-batch {batches[0]}, {moments[0]}")


def advance(lake: Lake, stage: str, after: int, upto: int, buckets: Collection[int] | None = None) -> None:
    """Compare and set a stage's checkpoint, of some buckets of users or of all, inside its transaction.

    Raises CheckpointConflictError if it is not `after`.
    """
    wanted = len(buckets or ALL) if stage in SPLIT_STAGES else 1
    values = {"stage": stage, "buckets": list(buckets) if buckets else None, "after": after, "upto": upto}
    if lake.execute("lake/checkpoints/advance_checkpoint", **values, now=clock.now()) != wanted:
        raise CheckpointConflictError(
            f"{stage}: the checkpoint is no longer micro-batch {after}: another run has processed it"
        )
