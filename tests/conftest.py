"""What every test shares: a home of its own, so that no test sees another's lake or the installation's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.firstday.settings import settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts whole installations first: it takes longest, and the others would be done and wait for it."""
    items.sort(key=lambda item: not ("end_to_end" in item.path.parts or item.path.name == "test_cluster.py"))


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
