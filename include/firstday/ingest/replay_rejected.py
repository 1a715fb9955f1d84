"""Refused rows, tried again after a fix of the contract: whoever breaks no rule any more becomes an event, once.

A row is marked and its event appended in one transaction, as a micro-batch of the event handler, so that a replay that
is killed, repeated or run twice stores each row once. Rows that still break a rule stay as they are.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from include.firstday.ingest import staging, store_events
from include.firstday.lake import lake
from include.firstday.lake.lake import Lake, Run
from include.firstday.privacy import tombstones
from include.firstday.records import contract, mapping, readers
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "replay_rejected"
ROW_LIMIT = 50_000  # rows of one micro-batch
Cursor = dict[str, Any]
START: Cursor = {"after_batch": 0, "after_file": "", "after_row": 0}


@dataclass(frozen=True)
class Replayed:
    """What one replay did: rows tried, rows stored as events, and the micro-batches that hold them."""

    tried: int
    stored: int
    batch_ids: tuple[int, ...]


def rejected_by_rule(use_case: UseCase, reason: str = "") -> list[dict[str, Any]]:
    """One row per broken rule among refused rows that wait: `rule`, `row_count`, `file_count`, when, the latest."""
    with open_lake(use_case, read_only=True) as opened:
        return opened.rows("ingest/replay_rejected/rejected_by_rule", reason=reason)


def replay_rejected(use_case: UseCase, reason: str = "", run: Run | None = None) -> Replayed:
    """Try every refused row whose reason begins with `reason` once more, in bounded micro-batches."""
    total, after = Replayed(0, 0, ()), START
    while (step := _replay_step(use_case, reason, after, run or Run(task=STAGE))) is not None:
        done, after = step
        total = Replayed(total.tried + done.tried, total.stored + done.stored, total.batch_ids + done.batch_ids)
    log.info("%s", describe(total))
    return total


def describe(replayed: Replayed) -> str:
    """One line for people."""
    return (
        f"{replayed.tried:,} refused rows tried again: {replayed.stored:,} stored as events, "
        f"{replayed.tried - replayed.stored:,} still refused"
    )


@lake.retrying
def _replay_step(use_case: UseCase, reason: str, after: Cursor, run: Run) -> tuple[Replayed, Cursor] | None:
    started_at = lake.now()
    with open_lake(use_case, run) as opened:
        last_batch = opened.progress(store_events.STAGE)
        opened.build("ingest/replay_rejected/open_rows", reason=reason, row_limit=ROW_LIMIT, **after)
        if not opened.has_rows("open_rows"):
            return None
        opened.build_like("staged_events", "events", without=("batch_id", "ingested_at"))
        opened.build_like("staged_rejects", "rejected_events", without=("batch_id", "rejected_at"))
        opened.build_like("accepted", "rejected_events", without=("replayed_in",))
        tried = sum(_stage(opened, use_case, *group) for group in _groups(opened, use_case))
        last = opened.row("ingest/replay_rejected/last_open_row")
        if not opened.has_rows("accepted"):
            return Replayed(tried, 0, ()), last
        batch_id = last_batch + 1
        with opened.transaction() as commit:
            tombstones.drop_staged(opened)
            extent = opened.row("ingest/store_events/staged_extent")
            done = Replayed(tried, extent["rows_stored"], (batch_id,))
            commit.message = f"micro-batch {batch_id}: {describe(done)}"
            opened.insert_from("events", "staged_events", batch_id=batch_id, ingested_at=lake.now())
            opened.execute("ingest/replay_rejected/delete_accepted")
            opened.insert_from("rejected_events", "accepted", replayed_in=batch_id)
            opened.execute(
                "ingest/store_events/insert_micro_batch",
                batch_id=batch_id,
                **extent,
                airflow_run=opened.run_id,
                started_at=started_at,
                now=lake.now(),
            )
            # The event handler's own progress: whoever comes second of a replay, its twin and store_events starts anew.
            opened.advance(store_events.STAGE, last_batch, batch_id)
        return done, last


def _groups(opened: Lake, use_case: UseCase) -> Iterator[tuple[list[tuple[int, str]], str | None, str | None]]:
    """Rows that are read alike: numbered texts, their header, and the event type that their files stand for."""
    for row in opened.rows("ingest/replay_rejected/headers"):
        groups: dict[str | None, list[tuple[int, str]]] = {}
        for text in opened.rows("ingest/replay_rejected/texts", header=row["header"]):
            event_type = mapping.event_type_of(use_case, text["source_file"])
            groups.setdefault(event_type, []).append((text["line_number"], text["raw"]))
        for event_type, texts in groups.items():
            yield texts, row["header"], event_type


def _stage(
    opened: Lake, use_case: UseCase, texts: list[tuple[int, str]], header: str | None, event_type: str | None
) -> int:
    columns = contract.expected(opened.columns("events"))
    readers.read_texts(opened, texts, header, mapping.readable(use_case, "events", columns))
    staging.type_rows(opened, use_case, "events", columns, lake.now(), event_type)
    opened.insert("staged_events", "ingest/replay_rejected/accepted_events")
    opened.insert("accepted", "ingest/replay_rejected/accepted_rows")
    return len(texts)
