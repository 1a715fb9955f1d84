"""Decisions: who of a target's due users is reached, who is held out, and who is suppressed and why.

A micro-batch is decided, and its budget counted, in one transaction before anything of it is sent. So a run that is
killed between decision and delivery sends the same predictions again, whatever has changed in the meantime: nobody
else is reached, and nobody is counted twice. Only who must not be reached any more is left out of the second attempt.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from include.firstday.delivery import experiments
from include.firstday.delivery.targets import Row
from include.firstday.errors import CheckpointConflictError
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.privacy import tombstones
from include.firstday.use_case.connectors import DeliveryRule

log = logging.getLogger(__name__)

SQL = "delivery/decisions"
NEVER = "never_users"
NEVER_ROWS = pa.schema([("user_id", pa.string()), ("batch_id", pa.int64())])
FOREVER = 2**62
RISK = "risk"
Order = Callable[[pa.Table], NDArray[np.float64]]  # rows of predictions → the priority of each


def is_decided(lake: Lake, target: str, batch_id: int) -> bool:
    """Whether a micro-batch's due predictions have been decided for a target."""
    return bool(lake.rows_of("decided_batches", target=target, batch_id=batch_id))


def decide(lake: Lake, target: str, when: DeliveryRule, batch_id: int, stage: str, order: Order | None = None) -> None:
    """Record the fate of each user in `due_predictions`, in one transaction. `stage`: the target's checkpoint.

    `order` gives the priorities of a budget that is not ordered by risk; without one it is. Raises
    CheckpointConflictError where another run has decided the micro-batch meanwhile.
    """
    moment = lake.value(f"{SQL}/batch_moment", batch_id=batch_id)
    if moment is None:
        return
    after, ordered_by = checkpoints.of(lake, stage), _prioritise(lake, when, batch_id, order)
    _build_never(lake, when, moment)
    limits = _limits(lake, target, when, moment, ordered_by)
    lake.build(f"{SQL}/decided_deliveries", target=target, moment=moment, **limits)
    with lake.transaction() as commit:
        if checkpoints.of(lake, stage) != after or is_decided(lake, target, batch_id):
            raise CheckpointConflictError(f"{stage}: another run has decided micro-batch {batch_id}")
        tombstones.drop(lake, "decided_deliveries")
        experiment = experiments.join(lake, target, when.holdout, moment)
        counts = lake.row(f"{SQL}/decided_counts", experiment=experiment)
        times = {"decided_at": moment, "delivered_at": clock.now()}
        lake.insert_from("deliveries", "decided_deliveries", target=target, experiment=experiment, **times)
        about = {"decided_at": moment, "experiment": experiment, "ordered_by": ordered_by}
        lake.insert_row("decided_batches", target=target, batch_id=batch_id, **about, **counts)
        commit.message = (
            f"micro-batch {batch_id}: {counts['treated']:,} predictions are for {target}, "
            f"{counts['holdout']:,} are held out, {counts['suppressed']:,} suppressed"
        )
    log.info("%s", commit.message)


def to_send(lake: Lake, target: str, when: DeliveryRule, batch_id: int) -> tuple[list[Row], list[str]]:
    """The predictions decided to reach a target, and ids of those users among them who must not any more."""
    rows = lake.rows(f"{SQL}/treated_predictions", target=target, batch_id=batch_id)
    _build_never(lake, when, clock.now())
    never = {row["user_id"] for row in lake.rows_of(NEVER)}
    return [row for row in rows if row["user_id"] not in never], sorted(
        row["user_id"] for row in rows if row["user_id"] in never
    )


def exclude(lake: Lake, target: str, batch_id: int, user_ids: list[str]) -> None:
    """Record that decided predictions of these users were not sent. Inside a transaction."""
    if user_ids:
        lake.execute(f"{SQL}/exclude_deliveries", target=target, batch_id=batch_id, user_ids=user_ids)


def _prioritise(lake: Lake, when: DeliveryRule, batch_id: int, order: Order | None) -> str:
    """Build `priorities` of the due users; what they are: risk where there is no model of what was asked for."""
    wanted = when.budget.order_by if when.budget else RISK
    if wanted != RISK and order is None:
        log.warning("the budget is ordered by risk: no model of uplift has passed its gates")
    if wanted == RISK or order is None:
        lake.build_rows(
            "priorities", pa.table({"user_id": pa.array([], pa.string()), "priority": pa.array([], pa.float64())})
        )
        return RISK
    rows = lake.table(f"{SQL}/due_features", batch_id=batch_id)
    lake.build_rows("priorities", pa.table({"user_id": rows["user_id"], "priority": order(rows)}))
    return wanted


def _build_never(lake: Lake, when: DeliveryRule, moment: datetime) -> None:
    """Build `never_users`, who must not be reached at a moment."""
    if when.never is None:
        lake.build_rows("never_rows", NEVER_ROWS.empty_table())
    else:
        lake.as_of(when.never.table, FOREVER, into="never_rows")
    if "until" not in lake.columns("never_rows"):
        lake.add_column("never_rows", "until", "timestamp")
    lake.build(f"{SQL}/never_users", moment=moment)


def _limits(lake: Lake, target: str, when: DeliveryRule, moment: datetime, ordered_by: str) -> dict[str, Any]:
    """The parameters of a decision: the holdout, the cooldown, and what is left of the day's budget and for whom."""
    share = when.holdout.share if when.holdout else 0.0
    least, left = None, None
    if when.budget:
        day = {"target": target, "moment": moment}
        left = when.budget.per_day - lake.value(f"{SQL}/spent", **day)
        least = lake.value(
            f"{SQL}/least_priority", **day, per_day=when.budget.per_day, holdout_share=share, ordered_by=ordered_by
        )
    return {
        "salt": when.holdout.salt if when.holdout else "",
        "holdout_share": share,
        "cooldown_seconds": (when.cooldown_hours or 0.0) * 3600,
        "least_priority": least,
        "budget_left": left,
    }
