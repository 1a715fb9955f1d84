"""Acknowledged and muted alerts: they stay on the page, and are neither notified again nor a reason for its state.

An acknowledgement ends with the alert: if it is raised again later, it is a new one. A mute ends at its time.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.monitoring.alerts import DRIFTED
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

TABLE = "alert_states"
ACKNOWLEDGED, MUTED = "acknowledged", "muted"
DRIFT = "drift"  # the features that have drifted change from run to run, and the alert does not
# Not a number in a name, as of the feature bet_1h, nor that of a model version or a cut-off: it makes another alert.
_MEASURED = re.compile(r"(?<!\w)(?<!version )(?<!up to )[-+]?\d[\d.,]*(?!\w)\s*%?")


def key(sentence: str) -> str:
    """What makes two sentences the same alert: all but what was measured, and its limit."""
    return DRIFT if DRIFTED in sentence else _MEASURED.sub("#", sentence)


def of_lake(lake: Lake, now: datetime) -> dict[str, dict[str, Any]]:
    """The states that apply at a time (naive UTC), by the alert's key."""
    if TABLE not in lake.tables():  # of older code, which the next write migrates
        return {}
    rows = lake.rows_of(TABLE)
    return {row["alert"]: row for row in rows if row["muted_until"] is None or row["muted_until"] > now}


def unsilenced(lake: Lake, sentences: Sequence[str]) -> tuple[str, ...]:
    """Those alerts that nobody has acknowledged or muted."""
    silent = of_lake(lake, clock.now())
    return tuple(sentence for sentence in sentences if key(sentence) not in silent)


def end(lake: Lake, raised: Collection[str]) -> None:
    """End acknowledgements of alerts that are not raised any more, and mutes whose time is over. In a transaction."""
    current, now = {key(sentence) for sentence in raised}, clock.now()
    for row in lake.rows_of(TABLE):
        is_over = row["muted_until"] <= now if row["state"] == MUTED else row["alert"] not in current
        if is_over:
            lake.delete_rows(TABLE, alert=row["alert"])


@retrying
def change(use_case: UseCase, alert: str, state: str | None, hours: float, run: Run, by: str) -> None:
    """Acknowledge an alert, by its key, or mute it for some hours; without a state, neither any more."""
    now = clock.now()
    with open_lake(use_case, run) as lake, lake.transaction() as commit:
        lake.delete_rows(TABLE, alert=alert)
        if state is not None:
            until = now + timedelta(hours=hours) if state == MUTED else None
            lake.insert_row(TABLE, alert=alert, state=state, changed_at=now, changed_by=by, muted_until=until)
        commit.message = f"alert {state or 'notified again'}: {alert}"
