"""A clock that tests of monitoring set, as the lake's times are compared with it."""

from datetime import UTC, datetime

import pytest

from include.firstday.lake import clock


class Clock:
    """The time that the code under test sees."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return clock.naive(self.at)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Noon, until the test says otherwise."""
    found = Clock()
    monkeypatch.setattr(clock, "now", found.now)
    return found
