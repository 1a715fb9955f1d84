"""Correction of one rejected row: its event is stored with other values of some fields, once.

As in a replay, the event and the mark of the row are one transaction, a micro-batch of the event handler: of two users
who correct a row the second finds it no longer pending. The rejected row keeps the text that was read.
"""

from typing import Any

from include.firstday.errors import InputError
from include.firstday.ingest import replay_rejected, store_events
from include.firstday.ingest.try_rejected import UNREADABLE, Fields, Place, with_fields
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase


@retrying
def correct_rejected(use_case: UseCase, place: Place, fields: Fields, run: Run) -> int:
    """Store a rejected row pending replay with other values of some fields; return its micro-batch.

    Raises InputError for a row that is not pending, still breaks a rule, or belongs to an erased user.
    """
    started_at = clock.now()
    with open_lake(use_case, run) as lake:
        last_batch = checkpoints.of(lake, store_events.STAGE)
        row = _pending_row(lake, place)
        edited = row | {"raw": with_fields(row["raw"], row["header"], fields)}
        broken = replay_rejected.stage_all(lake, use_case, [edited])
        if not lake.has_rows("accepted"):
            raise InputError(f"{_named(place)}: still rejected: {next(iter(broken), UNREADABLE)}")
        batch_id = last_batch + 1
        with lake.transaction() as commit:
            if not replay_rejected.append_accepted(lake, batch_id, started_at, clock.now()):
                raise InputError(f"{_named(place)}: the user was erased, so nothing is stored; dismiss the row")
            if not lake.has_rows("accepted"):
                raise InputError(_not_pending(place))
            commit.message = f"micro-batch {batch_id}: {_named(place)} of micro-batch {place[0]} corrected"
    return batch_id


def _pending_row(lake: Lake, place: Place) -> dict[str, Any]:
    """The text of a row. Raises InputError where no such row is pending replay."""
    batch_id, file, number = place
    before: dict[str, Any] = {"batch_id": batch_id, "source_file": file, "row_number": number - 1}
    lake.build("ingest/replay_rejected/open_rows", reason="", due=None, row_limit=1, **before)
    found = lake.rows("ingest/replay_rejected/texts")
    if not found or tuple(found[0][name] for name in before) != place:
        raise InputError(_not_pending(place))
    return found[0]


def _not_pending(place: Place) -> str:
    return f"{_named(place)}: not pending replay in micro-batch {place[0]}: it was stored or dismissed, or is none"


def _named(place: Place) -> str:
    return f"{place[1]}, row {place[2]}"
