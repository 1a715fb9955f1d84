"""Delivery: new predictions to the targets of a use case, each with its own filters and checkpoint.

At least once, in order: a target's checkpoint is committed with its delivered rows. A failing target is backed off, at
most for a quarter of an hour, and delays no other; pending predictions are delivered afterwards. Where a target has a
segment, a holdout, a budget or suppression, who is reached is decided and recorded before (`decisions`).
"""

import importlib
import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from include.firstday.delivery import decisions, experiments, publish_predictions, segments
from include.firstday.delivery.decisions import Order
from include.firstday.delivery.targets import Row, identified
from include.firstday.errors import BackedOffError, DeliveryError
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.lake.words import batch_range, counted
from include.firstday.privacy import person_data, tombstones
from include.firstday.privacy.person_data import Person
from include.firstday.schema.open_lake import open_lake
from include.firstday.servers import Credentials
from include.firstday.use_case.connectors import IcebergTarget, Target
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "deliver_predictions"
DUE = f"delivery/{STAGE}/due_predictions"
FILTERS = {"probability_from", "changed_by", "once"}  # of a target's rules, those that say which predictions are due
TURN_SECONDS = 300.0  # the time budget of a run; the next run continues
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=15)


@dataclass(frozen=True)
class Delivered:
    """The predictions delivered to a target by a run, of micro-batches `after < batch_id <= upto`."""

    after: int
    upto: int
    predictions: int


def checkpoint(target: str) -> str:
    """Return the name of a target's checkpoint."""
    return f"deliver_to_{target}"


def deliver_predictions(
    use_case: UseCase,
    target: str,
    credentials: Credentials | None = None,
    run: Run | None = None,
    order: Order | None = None,
) -> Delivered | None:
    """Deliver pending predictions to a target, by micro-batch; None if there are none.

    `order` gives the priorities of a budget that is ordered by uplift or gain. A new target receives predictions made
    from then on. Raises BackedOffError while a failing target is backed off, and DeliveryError if it fails.
    """
    until = time.monotonic() + TURN_SECONDS
    run = run or Run(task=checkpoint(target))
    steps: list[Delivered] = []
    while time.monotonic() < until:
        step = _deliver_step(use_case, target, credentials or Credentials(), run, order)
        if step is None:
            break
        steps.append(step)
    if not steps:
        return None
    return Delivered(steps[0].after, steps[-1].upto, sum(step.predictions for step in steps))


def describe(target: str, delivered: Delivered) -> str:
    """Return one line for the log."""
    batches = batch_range(delivered.after + 1, delivered.upto)
    return f"{batches}: {counted(delivered.predictions, 'prediction')} to {target}"


def notices(lake: Lake) -> list[str]:
    """Return one warning per failing target."""
    return [
        f"target {row['target']} has failed {row['failures']:,} times in a row, next attempt at {row['retry_at']}: "
        f"{row['error']}"
        for row in sorted(lake.rows_of("delivery_failures"), key=lambda row: str(row["target"]))
    ]


@retrying
def _deliver_step(
    use_case: UseCase, name: str, credentials: Credentials, run: Run, order: Order | None
) -> Delivered | None:
    target = use_case.targets[name]
    with open_lake(use_case, run) as lake:
        _respect_pause(lake, name)
        after, upto = _progress(lake, name), checkpoints.of(lake, "score_users")
        if target.when.holdout is None:
            experiments.end_of(lake, name)
        if upto <= after:
            return None
        batches = lake.rows("delivery/publish_predictions/scored_batches", after=after, upto=upto)
        batch_id = batches[0]["batch_id"] if batches else upto
        due, excluded = _rows(lake, use_case, name, batch_id, order)
        rows = _not_erased(lake, due)
        try:
            if rows:
                _send(use_case, target, credentials, _with_features(lake, target, batch_id, rows))
        except DeliveryError as error:
            _note_failure(lake, name, str(error))
            raise DeliveryError(f"{name}: {error}") from error
        with lake.transaction() as commit:
            sent, rows = rows, _not_erased(lake, rows)
            if excluded is not None:
                decisions.exclude(lake, name, batch_id, excluded)
            elif rows:
                lake.append("deliveries", _taken(name, rows))
            lake.delete_rows("delivery_failures", target=name)
            checkpoints.advance(lake, checkpoint(name), after, batch_id)
            step = Delivered(after, batch_id, len(rows))
            commit.message = describe(name, step)
        _scrub_sent(lake, use_case, sent)
    log.info("%s", commit.message)
    return step


def _rows(
    lake: Lake, use_case: UseCase, name: str, batch_id: int, order: Order | None
) -> tuple[list[Row], list[str] | None]:
    """The predictions of a micro-batch to send; ids of users who are left out though it was decided to reach them.

    None in place of ids where nothing is decided before: then what is sent is recorded afterwards.
    """
    when = use_case.targets[name].when
    due: dict[str, Any] = {"target": name, "batch_id": batch_id, **when.model_dump(include=FILTERS)}
    is_decided = decisions.is_decided(lake, name, batch_id)
    if not is_decided and not when.is_decided:
        return identified(use_case.name, lake.rows(DUE, **due)), None
    if not is_decided:
        lake.build(DUE, **due)
        if when.segment:
            segments.restrict_due(lake, use_case, when.segment, batch_id)
        decisions.decide(lake, name, when, batch_id, checkpoint(name), order)
    rows, excluded = decisions.to_send(lake, name, when, batch_id)
    return identified(use_case.name, rows), excluded


def _with_features(lake: Lake, target: Target, batch_id: int, rows: list[Row]) -> list[Row]:
    """The rows with the features that each was made from, for a target that keeps them."""
    if not isinstance(target, IcebergTarget) or not target.features:
        return rows
    logged = {(row["user_id"], row["scored_at"]): row for row in lake.rows_of("predictions", batch_id=batch_id)}
    return [logged.get((row["user_id"], row["scored_at"]), {}) | row for row in rows]


def _not_erased(lake: Lake, rows: list[Row]) -> list[Row]:
    """Rows without those of users who have a tombstone."""
    erased = tombstones.erased_among(lake, {row["user_id"] for row in rows})
    return [row for row in rows if row["user_id"] not in erased]


def _scrub_sent(lake: Lake, use_case: UseCase, sent: list[Row]) -> None:
    """A file target may have written rows of a user after forget_user searched its folder."""
    for user_id in tombstones.erased_among(lake, {row["user_id"] for row in sent}):
        person_data.scrub_folder(publish_predictions.folder(use_case), Person(user_id))


def _progress(lake: Lake, name: str) -> int:
    """The target's checkpoint. A new one starts at the checkpoint of scoring."""
    stage = checkpoint(name)
    if not checkpoints.exists(lake, stage):
        with lake.transaction() as commit:
            commit.message = f"{name} receives predictions from now on"
            checkpoints.start(lake, stage, checkpoints.of(lake, "score_users"))
    return checkpoints.of(lake, stage)


def _send(use_case: UseCase, target: Target, credentials: Credentials, rows: list[Row]) -> None:
    importlib.import_module(f"include.firstday.delivery.targets.{target.kind}").send(
        use_case, target, credentials, rows
    )


def _taken(name: str, rows: list[Row]) -> pa.Table:
    now = clock.now()
    kept = ("user_id", "batch_id", "probability")
    return pa.Table.from_pylist(
        [{key: row[key] for key in kept} | {"target": name, "delivered_at": now} for row in rows]
    )


def _respect_pause(lake: Lake, name: str) -> None:
    for row in lake.rows_of("delivery_failures", target=name):
        if row["retry_at"] > clock.now():
            raise BackedOffError(f"{name}: backed off until {row['retry_at']}, because it {row['error']}")


def _note_failure(lake: Lake, name: str, error: str) -> None:
    with lake.transaction() as commit:
        known = lake.rows_of("delivery_failures", target=name)
        failures = (known[0]["failures"] if known else 0) + 1
        pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        commit.message = f"{name} failed {failures} times in a row"
        lake.delete_rows("delivery_failures", target=name)
        now = clock.now()
        lake.insert_row(
            "delivery_failures",
            target=name,
            failures=failures,
            failed_at=now,
            retry_at=now + pause,
            error=error,
        )
