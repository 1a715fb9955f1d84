"""Times as stored in the lake: UTC without a time zone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_simulated: ContextVar[datetime | None] = ContextVar("simulated", default=None)


def now() -> datetime:
    """Return the current time, naive UTC, as stored in the lake."""
    return _simulated.get() or datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def simulated(moment: datetime) -> Iterator[None]:
    """Let it be a moment, naive UTC, in what is called inside: for simulations, in which days pass in minutes."""
    token = _simulated.set(moment)
    try:
        yield
    finally:
        _simulated.reset(token)


def naive(moment: datetime) -> datetime:
    """Convert a time with a time zone to naive UTC, as stored in the lake."""
    return moment.astimezone(UTC).replace(tzinfo=None)
