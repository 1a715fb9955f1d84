"""Generated minutes of events for tests, each a micro-batch."""

from datetime import UTC, datetime, timedelta

from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def minutes(case: UseCase, first: int, count: int) -> None:
    """Store some minutes from NOON on, and update the features."""
    for minute in range(first, first + count):
        start = NOON + timedelta(minutes=minute)
        generate_events.generate_minutes(case, start, start + timedelta(minutes=1), {"registrations_per_minute": 3})
        store_events.store_events(case)
        update_features.update_features(case)
