"""Checkpoints: the last micro-batch that each stage has processed, kept in the lake.

A stage commits its rows and its checkpoint in one transaction, by compare and set.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from include.firstday.errors import CheckpointConflictError
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.shards import ALL

MICRO_BATCH_STAGES = ("store_events", "update_features", "score_users", "publish_predictions")
STAGES = (*MICRO_BATCH_STAGES, "monitor_model")
SPLIT_STAGES = MICRO_BATCH_STAGES[1:3]  # by users, so that shards can share the work


@dataclass(frozen=True)
class StoredBatches:
    """The micro-batches up to one: its id (0 before the first) and commit, and their events.

    The watermark is the time up to which events are complete. Times are naive UTC, None before the first micro-batch.
    """

    batch_id: int
    committed_at: datetime | None
    rows_stored: int
    first_event_at: datetime | None
    watermark: datetime | None


def stored(lake: Lake, upto: int | None = None) -> StoredBatches:
    """Return what the ledger holds, by default up to the last micro-batch."""
    return StoredBatches(**lake.row("lake/checkpoints/stored_batches", upto=upto))


def start(lake: Lake, stage: str, batch_id: int = 0) -> None:
    """Insert a stage's checkpoint after a micro-batch; a checkpoint per bucket where the stage is split by users."""
    buckets = ALL if stage in SPLIT_STAGES else (None,)
    row = {"stage": stage, "batch_id": batch_id, "updated_at": clock.now()}
    lake.append("checkpoints", pa.Table.from_pylist([row | {"bucket": bucket} for bucket in buckets]))


def ensure(lake: Lake, stage: str) -> None:
    """Insert a stage's checkpoint where it is missing, or is one of all users, as older code stored it."""
    found = _rows(lake, stage)
    if not found or (stage in SPLIT_STAGES and found[0]["bucket"] is None):
        lake.delete_rows("checkpoints", stage=stage)
        start(lake, stage, max((row["batch_id"] for row in found), default=0))


def exists(lake: Lake, stage: str) -> bool:
    """Whether a stage has a checkpoint."""
    return bool(_rows(lake, stage))


def of(lake: Lake, stage: str) -> int:
    """Return the last micro-batch that a stage has processed for all users; 0 before the first."""
    return min(int(row["batch_id"]) for row in _rows(lake, stage))


def of_buckets(lake: Lake, stage: str, buckets: Collection[int]) -> dict[int, int]:
    """Return the last micro-batch that a stage has processed, for each of some buckets of users."""
    return {row["bucket"]: row["batch_id"] for row in _rows(lake, stage, buckets)}


def of_scoring(lake: Lake, stage: str, buckets: Collection[int]) -> dict[int, tuple[int, datetime | None]]:
    """Return, for some buckets, the last scored micro-batch, and up to when silent users are scored (naive UTC)."""
    return {row["bucket"]: (row["batch_id"], row["as_of"]) for row in _rows(lake, stage, buckets)}


def advance(
    lake: Lake,
    stage: str,
    after: int,
    upto: int,
    buckets: Collection[int] | None = None,
    moments: tuple[datetime | None, datetime | None] = (None, None),
) -> None:
    """Compare and set a stage's checkpoint, of some buckets of users or of all, inside its transaction.

    `moments`: the moment of scoring, before and after. Raises CheckpointConflictError if it is not what it was before.
    """
    wanted = len(buckets or ALL) if stage in SPLIT_STAGES else 1
    values = {"stage": stage, "buckets": list(buckets) if buckets else None, "after": after, "upto": upto}
    times = {"from_time": moments[0], "as_of": moments[1], "now": clock.now()}
    if lake.execute("lake/checkpoints/advance_checkpoint", **values, **times) != wanted:
        raise CheckpointConflictError(
            f"{stage}: the checkpoint is no longer micro-batch {after}"
            f"{f' as of {moments[0]}' if moments[0] else ''}: another run has processed it"
        )


def _rows(lake: Lake, stage: str, buckets: Collection[int] | None = None) -> list[dict[str, Any]]:
    return lake.rows("lake/checkpoints/stage_checkpoints", stage=stage, buckets=list(buckets) if buckets else None)
