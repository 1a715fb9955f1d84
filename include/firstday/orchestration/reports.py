"""What a task did, in words for its run's note in Airflow and numbers for its asset's event. No words for nothing."""

from collections.abc import Sequence
from typing import Any

from include.firstday.delivery import publish_predictions
from include.firstday.features.update_features import Updated
from include.firstday.ingest.store_events import MicroBatch
from include.firstday.lake.run import Run
from include.firstday.lake.words import counted
from include.firstday.operations.micro_batch import Done
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring.score_users import Scored
from include.firstday.use_case.use_case import UseCase

Numbers = dict[str, Any]


def micro_batch(done: Sequence[Done]) -> tuple[str, dict[str, Numbers]]:
    """What the stages of micro-batches did, and in how many seconds; the numbers by the table that each updates."""
    batches, steps, scores = (_results(done, kind) for kind in (MicroBatch, Updated, Scored))
    told = {
        "events": stored([batch for batch, _ in batches], sum(seconds for _, seconds in batches)),
        "user_features": updated([step for step, _ in steps], sum(seconds for _, seconds in steps)),
        "predictions": scored(*(scores[-1] if scores else (None, 0.0))),
    }
    published = [f"{one.result:,} published" for one in done if one.stage == publish_predictions.STAGE]
    words = ", ".join([text for text, _ in told.values() if text] + published)
    return words, {table: numbers for table, (_, numbers) in told.items()}


def stored_before(use_case: UseCase, run: Run) -> str:
    """What earlier tries of a run's task have stored, by the lake; nothing where they have not."""
    with open_lake(use_case, run) as lake:
        batches = lake.rows_of("micro_batches", airflow_run=run.id)
    rows, rejected = (sum(batch[column] for batch in batches) for column in ("rows_stored", "rows_rejected"))
    return f"{counted(rows, 'event')} stored by an earlier try, {rejected:,} rejected" if rows or rejected else ""


def _results(done: Sequence[Done], kind: type) -> list[tuple[Any, float]]:
    return [(one.result, one.seconds) for one in done if isinstance(one.result, kind)]


def stored(batches: list[MicroBatch], seconds: float) -> tuple[str, Numbers]:
    """What store_events did."""
    rows, rejected = sum(batch.rows_stored for batch in batches), sum(batch.rows_rejected for batch in batches)
    numbers = {
        "batch_ids": [batch.batch_id for batch in batches],
        "rows_stored": rows,
        "rows_rejected": rejected,
        "files": sum(batch.files for batch in batches),
    }
    words = f"{counted(rows, 'event')} stored in {seconds:.1f} s, {rejected:,} rejected"
    return words if batches else "", numbers


def updated(steps: list[Updated], seconds: float) -> tuple[str, Numbers]:
    """What update_features did."""
    users = sum(step.users for step in steps)
    numbers = {
        "upto_batch_id": steps[-1].upto if steps else None,
        "users": users,
        "recomputed": sum(step.recomputed for step in steps),
    }
    return f"{counted(users, 'user')} updated in {seconds:.1f} s" if steps else "", numbers


def scored(step: Scored | None, seconds: float) -> tuple[str, Numbers]:
    """What score_users did, and in how many seconds."""
    if step is None:
        return "", {"users": 0}
    numbers = {
        "upto_batch_id": step.upto,
        "users": step.users,
        "predicted": step.predicted,
        "model_version": step.model_version,
    }
    words = f"{counted(step.users, 'user')} scored in {seconds:.1f} s by version {step.model_version}"
    return f"{words}, {step.predicted:,} with predicted {step.outcome}", numbers
