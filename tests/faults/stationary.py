"""Stationary hours must raise no alert: `make stationary` simulates two days in each of twelve runs.

Events vary by hour of the day and at the weekend, as the generator's season has it, and nothing else changes. Each run
has another seed and begins at another hour of the week. Only the clock is simulated: micro-batches are stored, features
updated, users scored by the bundled model and monitored by the functions that Airflow runs. It fails where there was an
alert, which it prints.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from include.firstday import landing
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.generator.events import events
from include.firstday.ingest import store_events
from include.firstday.lake import clock
from include.firstday.models import promotion
from include.firstday.monitoring import monitor_model
from include.firstday.monitoring.monitor_model import MonitoringRun
from include.firstday.scoring import score_users
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
HOURS_APART = 14  # of the runs' first hours: twelve cover the week
LAG = 3600  # its micro-batches are as long as `--minutes`, not one minute


class Simulation:
    """A use case whose events, and whose clock, are those of simulated hours."""

    def __init__(self, case: UseCase, start: datetime, history: timedelta, minutes: int = 60) -> None:
        monitoring = case.monitoring.model_copy(update={"lag_seconds": LAG})
        self.case = case.model_copy(update={"monitoring": monitoring})
        self.now, self.since, self.step = start, start - history, timedelta(minutes=minutes)

    def clock(self) -> datetime:
        """The simulated time, naive UTC."""
        return clock.naive(self.now)

    def load_history(self) -> None:
        """Store the events before the start, and register the bundled model."""
        promotion.register_bundled(self.case)
        generate_events.generate_history(self.case, self.now, days=(self.now - self.since) / timedelta(days=1))
        self.process()

    def hour(self) -> MonitoringRun | None:
        """Store, score and monitor the next hour."""
        assert self.case.generator
        end = self.now + timedelta(hours=1)
        while self.now < end:
            table = events(self.case.generator, self.now, self.now + self.step, since=self.since)
            landing.deliver(self.case.name, f"{self.now:%dT%H%M}.parquet", partial(pq.write_table, table))
            self.now += self.step
            self.process()
        return monitor_model.monitor_model(self.case)

    def process(self) -> None:
        """Store pending events, update features and score users."""
        store_events.store_events(self.case)
        update_features.update_features(self.case)
        score_users.score_users(self.case)


def simulate(number: int, hours: int, minutes: int, say: Callable[[str], None]) -> list[str]:
    """Run number `number` in a home of its own; its alerts."""
    found = use_case.load("first_day_churn")
    assert found.generator
    case = found.model_copy(update={"generator": found.generator.model_copy(update={"seed": 1000 + number})})
    simulation = Simulation(case, MONDAY + timedelta(hours=HOURS_APART * number), timedelta(days=2), minutes)
    clock.now = simulation.clock
    simulation.load_history()
    alerts: list[str] = []
    measured = 0
    for _ in range(hours):
        done = simulation.hour()
        assert done is not None
        measured += len(done.measured)
        for alert in done.alerts:
            alerts.append(f"run {number}, {simulation.now:%a %H:%M}: {alert}")
            say(alerts[-1])
    say(
        f"run {number} from {MONDAY + timedelta(hours=HOURS_APART * number):%a %H:%M}: {hours} hours, "
        f"{measured:,} measurements, {len(alerts)} alerts"
    )
    return alerts


def main() -> int:
    """Simulate; 1 where there was an alert."""
    parser = argparse.ArgumentParser(prog="make stationary", description=__doc__)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--hours", type=int, default=48)
    parser.add_argument("--minutes", type=int, default=60, help="length of a micro-batch, in simulated minutes")
    options = parser.parse_args()
    alerts: list[str] = []
    for number in range(options.first, options.first + options.runs):
        with tempfile.TemporaryDirectory(prefix="firstday-stationary-") as home:
            os.environ["FIRSTDAY_HOME"] = str(Path(home) / "home")
            settings.cache_clear()
            with threadpool_limits(1):  # small work, for which threads cost more than they gain
                alerts += simulate(number, options.hours, options.minutes, partial(print, flush=True))
    print(f"{options.runs * options.hours} stationary hours in {options.runs} runs: {len(alerts)} alerts")
    return bool(alerts)


if __name__ == "__main__":
    sys.exit(main())
