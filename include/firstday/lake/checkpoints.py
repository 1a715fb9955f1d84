"""Checkpoints: the last micro-batch that each stage has processed, kept in the lake.

A stage commits its rows and its checkpoint in one transaction, by compare and set.
"""

from dataclasses import dataclass
from datetime import datetime

from include.firstday.errors import CheckpointConflictError
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake

MICRO_BATCH_STAGES = ("store_events", "update_features", "score_users", "publish_predictions")
STAGES = (*MICRO_BATCH_STAGES, "monitor_model")
STAGE_CHECKPOINT = "lake/checkpoints/stage_checkpoint"


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
    """Insert a stage's checkpoint after a micro-batch."""
    lake.insert_row("checkpoints", stage=stage, batch_id=batch_id, updated_at=clock.now())


def exists(lake: Lake, stage: str) -> bool:
    """Whether a stage has a checkpoint."""
    return bool(lake.rows(STAGE_CHECKPOINT, stage=stage))


def of(lake: Lake, stage: str) -> int:
    """Return the last micro-batch that a stage has processed; 0 before the first."""
    return int(lake.row(STAGE_CHECKPOINT, stage=stage)["batch_id"])


def of_scoring(lake: Lake, stage: str) -> tuple[int, datetime | None]:
    """Return the last scored micro-batch, and up to when silent users are scored (naive UTC)."""
    row = lake.row(STAGE_CHECKPOINT, stage=stage)
    return int(row["batch_id"]), row["as_of"]


def advance(
    lake: Lake,
    stage: str,
    after: int,
    upto: int,
    moments: tuple[datetime | None, datetime | None] = (None, None),
) -> None:
    """Compare and set a stage's checkpoint inside its transaction.

    `moments`: the moment of scoring, before and after. Raises CheckpointConflictError if it is not what it was before.
    """
    values = {"stage": stage, "after": after, "upto": upto, "from_time": moments[0], "as_of": moments[1]}
    if lake.execute("lake/checkpoints/advance_checkpoint", **values, now=clock.now()) != 1:
        raise CheckpointConflictError(
            f"{stage}: the checkpoint is no longer micro-batch {after}"
            f"{f' as of {moments[0]}' if moments[0] else ''}: another run has processed it"
        )
