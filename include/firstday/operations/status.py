"""The state of the lake: row counts, checkpoints, notices and commits."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.firstday import landing
from include.firstday.delivery import deliver_predictions
from include.firstday.ingest.quarantine import Quarantined, quarantined
from include.firstday.lake.lake import Lake
from include.firstday.schema import fingerprint
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import held_back
from include.firstday.use_case.use_case import UseCase

COUNTED = ("events", "rejected_events", "feature_state", "predictions", "consumed_files")


@dataclass(frozen=True)
class Summary:
    """Rows per table, pending files, and the times of the first held and the latest event and prediction (UTC)."""

    events: int
    rejected_events: int
    held_events: int
    held_until: datetime | None
    users: int
    feature_state: int
    predictions: int
    consumed_files: int
    last_batch: int | None
    last_event_at: datetime | None
    last_scored_at: datetime | None
    pending_files: int
    pending_bytes: int


def summary(use_case: UseCase) -> Summary:
    """The state of one use case's part of the lake."""
    pending = landing.pending(use_case.name, tuple(use_case.enrichment))
    with open_lake(use_case, read_only=True) as lake:
        found = totals(lake)
    return Summary(**found, pending_files=len(pending), pending_bytes=sum(file.bytes for file in pending))


def totals(lake: Lake) -> dict[str, Any]:
    """A summary without the pending files. Raises QueryError where the lake, as of a snapshot, has not all tables."""
    found = lake.row("operations/status/summary")
    return found | {row["table_name"]: row["rows"] for row in tables(lake, COUNTED)}


def tables(lake: Lake, names: Collection[str] = ()) -> list[dict[str, Any]]:
    """One row per table, or per one of some, the largest first: `table_name`, `files`, `bytes`, `delete_files`, `rows`.

    The catalog has the number of rows of each file, so that none is opened.
    """
    found = [row for row in lake.rows("operations/status/table_files") if not names or row["table_name"] in names]
    counts = [row.pop("row_count") for row in found]
    return [
        row | {"rows": lake.count(row["table_name"]) if count is None else count}
        for row, count in zip(found, counts, strict=True)
    ]


def stages(use_case: UseCase) -> list[dict[str, Any]]:
    """One row per stage: `stage`, `batch_id`, `behind` (micro-batches), `updated_at` (UTC)."""
    with open_lake(use_case, read_only=True) as lake:
        return lake.rows("operations/status/stages")


def notices(use_case: UseCase) -> list[str]:
    """Return problems and their remedies; empty if there are none."""
    with open_lake(use_case, read_only=True) as lake:
        changed = fingerprint.compare(lake, use_case).changed
        failing = deliver_predictions.notices(lake)
        files = quarantined(lake, use_case.name)
        held = held_back.notice(lake, use_case)
    return [
        *([held] if held else []),
        *([fingerprint.notice(use_case, changed)] if changed else []),
        *failing,
        *map(_quarantine_notice, files),
    ]


def _quarantine_notice(file: Quarantined) -> str:
    return f"quarantine/{file.name}: {file.reason or 'no record of the reason'}; correct the file and ingest it again"


def commits(use_case: UseCase, limit: int = 5) -> list[dict[str, Any]]:
    """One row per commit, newest first: `snapshot_id`, `committed_at` (UTC), `airflow_run`, `task`, `message`."""
    with open_lake(use_case, read_only=True) as lake:
        return lake.rows("operations/status/commits", since=None, row_limit=limit)
