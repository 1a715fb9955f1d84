"""Replay of rejected rows after a correction of the contract: a row that breaks no rule is stored as an event, once.
Held rows, of events ahead of the clock, are replayed by the first micro-batch after their time.

A row is marked and its event appended in one transaction, as a micro-batch of the event handler, so that a replay that
is killed, repeated or run twice stores each row once. Rows that still break a rule stay as they are.
"""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from include.firstday.errors import CheckpointConflictError
from include.firstday.ingest import staging, store_events
from include.firstday.ingest.store_events import MicroBatch, Within
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Commit, Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.privacy import tombstones
from include.firstday.records import mapping, readers
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "replay_rejected"
DISMISSED = 0  # no micro-batch: in `replayed_in` of a row that nobody will replay
ROW_LIMIT = 50_000  # rows of one micro-batch
Cursor = dict[str, Any]
START: Cursor = {"batch_id": 0, "source_file": "", "row_number": 0}


@dataclass(frozen=True)
class Replayed:
    """The result of a replay: rows replayed, rows stored as events, and their micro-batches."""

    tried: int
    stored: int
    batch_ids: tuple[int, ...]


def rejected_by_rule(use_case: UseCase, reason: str = "") -> list[dict[str, Any]]:
    """Return rejected rows pending replay by rule: `rule`, `row_count`, `file_count`, their times, `latest`."""
    with open_lake(use_case, read_only=True) as lake:
        return lake.rows("ingest/replay_rejected/rejected_by_rule", reason=reason)


def replay_rejected(use_case: UseCase, reason: str = "", run: Run | None = None) -> Replayed:
    """Replay every rejected row whose reason has the prefix `reason`, in bounded micro-batches."""
    total, after = Replayed(0, 0, ()), START
    while (step := _replay_step(use_case, reason, after, run or Run(task=STAGE))) is not None:
        done, after = step
        total = Replayed(total.tried + done.tried, total.stored + done.stored, total.batch_ids + done.batch_ids)
    log.info("%s", describe(total))
    return total


def store_due(
    use_case: UseCase,
    run: Run,
    on_batch: Callable[[MicroBatch], None],
    seconds: float = math.inf,
    within: Within | None = None,
) -> None:
    """Store held rows whose time has come, in bounded micro-batches; one that breaks another rule is rejected by it.

    `within` works in the transaction of each, as in store_events. After `seconds` no further one is started.
    """
    if not use_case.hold_hours:
        return
    due, after, ends = clock.now(), START, time.monotonic() + seconds
    while time.monotonic() < ends and (step := _due_step(use_case, due, after, run, within)) is not None:
        batch, after = step
        if batch.batch_id is not None:
            log.info("%s", store_events.describe(batch))
            on_batch(batch)


@retrying
def dismiss_rejected(use_case: UseCase, reason: str, run: Run | None = None) -> int:
    """Mark rejected rows whose reason has a prefix as dismissed: nobody expects them to be replayed; their number."""
    with open_lake(use_case, run or Run(task=STAGE)) as lake, lake.transaction() as commit:
        lake.build("ingest/replay_rejected/dismissed_rows", reason=reason)
        dismissed = lake.execute("ingest/replay_rejected/delete_pending", reason=reason)
        lake.insert_from("rejected_events", "dismissed_rows", replayed_in=DISMISSED)
        commit.message = describe_dismissed(dismissed)
    return dismissed


def describe_dismissed(rows: int) -> str:
    """Describe the result of a dismissal in one line."""
    return f"{rows:,} rejected rows dismissed"


def describe(replayed: Replayed) -> str:
    """Describe the result in one line."""
    return (
        f"{replayed.tried:,} rejected rows replayed: {replayed.stored:,} stored as events, "
        f"{replayed.tried - replayed.stored:,} still rejected"
    )


@retrying
def _replay_step(use_case: UseCase, reason: str, after: Cursor, run: Run) -> tuple[Replayed, Cursor] | None:
    started_at = clock.now()
    with open_lake(use_case, run) as lake:
        last_batch = checkpoints.of(lake, store_events.STAGE)
        if not (texts := _stage_open(lake, use_case, reason, None, after)):
            return None
        if not lake.has_rows("accepted"):
            return Replayed(len(texts), 0, ()), _place(texts[-1])
        batch_id = last_batch + 1
        with lake.transaction() as commit:
            stored = append_accepted(lake, batch_id, started_at, clock.now())
            done = Replayed(len(texts), stored, (batch_id,))
            commit.message = f"micro-batch {batch_id}: {describe(done)}"
        return done, _place(texts[-1])


@retrying
def _due_step(
    use_case: UseCase, due: datetime, after: Cursor, run: Run, within: Within | None
) -> tuple[MicroBatch, Cursor] | None:
    started_at = clock.now()
    with open_lake(use_case, run) as lake:
        last_batch = checkpoints.of(lake, store_events.STAGE)
        if not (texts := _stage_open(lake, use_case, "", due, after)):
            return None
        batch = MicroBatch(None, 0, 0, 0)
        with lake.transaction() as commit:
            commit.message = "held rows were rejected"
            if lake.has_rows("accepted"):
                batch = _append_due(lake, last_batch + 1, started_at, within, commit)
            lake.build("ingest/replay_rejected/released_rows")
            lake.execute("ingest/replay_rejected/delete_released")
            lake.insert_from("rejected_events", "released_rows")
    return batch, _place(texts[-1])


def _append_due(lake: Lake, batch_id: int, started_at: datetime, within: Within | None, commit: Commit) -> MicroBatch:
    now = clock.now()
    batch = MicroBatch(batch_id, 0, append_accepted(lake, batch_id, started_at, now), 0)
    commit.message = store_events.describe(batch)
    if within is not None:
        within(lake, batch, now, commit)
    return batch


def _stage_open(
    lake: Lake, use_case: UseCase, reason: str, due: datetime | None, after: Cursor
) -> list[dict[str, Any]]:
    """Stage the next rows pending replay that break no rule; the texts of all of them."""
    lake.build("ingest/replay_rejected/open_rows", reason=reason, due=due, row_limit=ROW_LIMIT, **after)
    if texts := lake.rows("ingest/replay_rejected/texts"):
        stage_all(lake, use_case, texts)
    return texts


def _place(row: dict[str, Any]) -> Cursor:
    return {name: row[name] for name in START}


def append_accepted(lake: Lake, batch_id: int, started_at: datetime, now: datetime) -> int:
    """Store `staged_events` as a micro-batch and mark the rows of `accepted`, in a transaction; events stored.

    Events of users who were erased since they were read are dropped, and their rows from `accepted`. Raises
    CheckpointConflictError where a row was dismissed or stored since it was read: what is pending is to be read again.
    """
    if lake.rows("ingest/replay_rejected/marked_meanwhile"):
        raise CheckpointConflictError(f"{STAGE}: rejected rows were dismissed or stored meanwhile")
    tombstones.drop_staged(lake)
    lake.execute("ingest/replay_rejected/delete_erased_accepted")
    extent: dict[str, Any] = lake.row("ingest/store_events/staged_extent")
    lake.insert_from("events", "staged_events", batch_id=batch_id, ingested_at=now)
    lake.execute("ingest/replay_rejected/delete_accepted")
    lake.insert_from("rejected_events", "accepted", replayed_in=batch_id)
    lake.insert_row(
        "micro_batches",
        batch_id=batch_id,
        **extent,
        airflow_run=lake.run_id,
        started_at=started_at,
        committed_at=now,
    )
    # The checkpoint of store_events: of concurrent replays and store_events, the second to commit starts again.
    checkpoints.advance(lake, store_events.STAGE, batch_id - 1, batch_id)
    return int(extent["rows_stored"])


def stage_all(lake: Lake, use_case: UseCase, texts: list[dict[str, Any]]) -> Counter[str]:
    """Stage the rows of `open_rows` that break no rule, in `staged_events` and `accepted`; the rules others break.

    The others' places, with these rules, are in `refused_again`. Those that are read alike at once: with one CSV
    header, and of files with one event type.
    """
    lake.build_like("staged_events", "events", without=("batch_id", "ingested_at"))
    lake.build_like("staged_rejects", "rejected_events", without=("batch_id", "rejected_at"))
    lake.build_like("accepted", "rejected_events", without=("replayed_in",))
    lake.build_like("refused_again", "rejected_events")
    broken: Counter[str] = Counter()
    columns = lake.columns("events")
    groups: dict[tuple[str | None, str | None], tuple[mapping.Layout, list[tuple[int, str]]]] = {}
    for row in texts:
        layout = mapping.layout(use_case, "events", columns, row["source_file"])
        group = groups.setdefault((row["header"], layout.event_type), (layout, []))
        group[1].append((row["line_number"], row["raw"]))
    for (header, _), (layout, numbered) in groups.items():
        readers.read_texts(lake, numbered, header, layout.wanted)
        staging.type_rows(lake, use_case, replace(layout, is_csv=header is not None), clock.now())
        lake.insert("staged_events", "ingest/replay_rejected/accepted_events")
        lake.insert("accepted", "ingest/replay_rejected/accepted_rows")
        lake.insert("refused_again", "ingest/replay_rejected/refused_again")
        broken.update({row["rule"]: row["row_count"] for row in lake.rows("ingest/replay_rejected/still_broken")})
    return broken
