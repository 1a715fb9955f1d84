"""What every test shares: a home of its own, so that no test sees another's lake or the installation's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.firstday import use_case
from include.firstday.settings import settings
from include.firstday.use_case import UseCase


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty FIRSTDAY_HOME for this test."""
    folder = tmp_path / "home"
    monkeypatch.setenv("FIRSTDAY_HOME", str(folder))
    settings.cache_clear()
    yield folder
    settings.cache_clear()


@pytest.fixture
def churn() -> UseCase:
    """The use case that is shipped."""
    return use_case.load("first_day_churn")
