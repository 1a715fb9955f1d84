"""Volume, lag, rejected rows and quarantined files of the last hour, also where nothing has arrived."""

import statistics
from collections.abc import Iterator
from datetime import datetime, timedelta

from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.monitoring.measured import Measured

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
WEEKS, DAYS = 4, 7  # looked back for the same hour
LEAST = 3  # hours for a norm


def last_hour(lake: Lake) -> Iterator[Measured]:
    """Shares and lags of the last hour's micro-batches, and the events of the last whole hour beside their norm."""
    now = clock.now()
    found = lake.row("monitoring/hourly/last_hour", since=now - HOUR)
    first = found.pop("first_batch")
    # Before the first run a history may have been loaded, whose events have no lag that says anything.
    if first is not None and lake.has_rows("monitoring"):
        found |= lake.row("monitoring/hourly/storage_lag", first_batch=first)
    for name, value in found.items():
        if value is not None:
            yield Measured(name, float(value))
    hour = now.replace(minute=0, second=0, microsecond=0) - HOUR
    norm = _norm(lake, hour)
    if norm is not None:
        yield Measured("events_last_hour", float(_events(lake, hour, hour + HOUR)))
        yield Measured("events_norm", norm)


def _norm(lake: Lake, hour: datetime) -> float | None:
    """Median number of events in the same hour of the last weeks; in a young lake of the last days, or the day's mean.

    The lake's first day is left out, as users come one after the other then. None before the lake is a day old.
    """
    first = checkpoints.stored(lake).first_event_at
    for step, count in ((WEEK, WEEKS), (DAY, DAYS)):
        hours = [hour - step * number for number in range(1, count + 1)]
        known = [_events(lake, each, each + HOUR) for each in hours if first is not None and each >= first + DAY]
        if len(known) >= LEAST:
            return float(statistics.median(known))
    if first is None or hour - DAY < first:
        return None
    return _events(lake, hour - DAY, hour) / (DAY / HOUR)


def _events(lake: Lake, from_time: datetime, to_time: datetime) -> int:
    return int(lake.value("monitoring/hourly/events_between", from_time=from_time, to_time=to_time))
