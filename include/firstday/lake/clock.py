"""Moments as the lake stores them: UTC without a time zone."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment in UTC, naive, as the lake stores times."""
    return datetime.now(UTC).replace(tzinfo=None)


def naive(moment: datetime) -> datetime:
    """A moment with a time zone, as the lake stores times."""
    return moment.astimezone(UTC).replace(tzinfo=None)
