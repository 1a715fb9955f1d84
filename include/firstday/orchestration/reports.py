"""What a task did, in words for its run's note in Airflow and numbers for its asset's event. No words for nothing."""

from typing import Any

from include.firstday.features.update_features import Updated
from include.firstday.ingest.store_events import MicroBatch
from include.firstday.scoring.score_users import Scored

Numbers = dict[str, Any]


def stored(batches: list[MicroBatch]) -> tuple[str, Numbers]:
    """What store_events did."""
    numbers = {
        "batch_ids": [batch.batch_id for batch in batches],
        "rows_stored": sum(batch.rows_stored for batch in batches),
        "rows_rejected": sum(batch.rows_rejected for batch in batches),
        "files": sum(batch.files for batch in batches),
    }
    words = f"{numbers['rows_stored']:,} events stored, {numbers['rows_rejected']:,} rejected" if batches else ""
    return words, numbers


def updated(steps: list[Updated]) -> tuple[str, Numbers]:
    """What update_features did."""
    numbers = {
        "upto_batch_id": steps[-1].upto if steps else None,
        "users": sum(step.users for step in steps),
        "recomputed": sum(step.recomputed for step in steps),
    }
    return f"{numbers['users']:,} users updated" if steps else "", numbers


def scored(step: Scored | None, seconds: float) -> tuple[str, Numbers]:
    """What score_users did, and in how many seconds."""
    if step is None:
        return "", {"users": 0}
    numbers = {
        "upto_batch_id": step.upto,
        "users": step.users,
        "predicted_churn": step.predicted_churn,
        "model_version": step.model_version,
    }
    words = f"{step.users:,} users scored in {seconds:.1f} s by version {step.model_version}"
    return f"{words}, {step.predicted_churn:,} with predicted churn", numbers


def published(users: int | None) -> tuple[str, Numbers]:
    """What publish_predictions did."""
    return "" if users is None else f"{users:,} published", {"users": users or 0}
