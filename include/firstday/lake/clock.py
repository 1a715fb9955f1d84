"""Times as stored in the lake: UTC without a time zone."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, naive UTC, as stored in the lake."""
    return datetime.now(UTC).replace(tzinfo=None)


def naive(moment: datetime) -> datetime:
    """Convert a time with a time zone to naive UTC, as stored in the lake."""
    return moment.astimezone(UTC).replace(tzinfo=None)
