"""What every test shares: a home of its own, so that no test sees another's lake or the installation's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.firstday import use_case
from include.firstday.settings import settings
from include.firstday.use_case import UseCase

# What starts a whole installation: one at a time, as each of them would have the machine for itself.
INSTALLATIONS = ("tests/test_cluster.py", "tests/test_end_to_end.py", "tests/browser/")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup` a file is one worker's as a whole, and all installations are the same worker's."""
    for item in items:
        file = item.nodeid.split("::")[0]
        item.add_marker(pytest.mark.xdist_group("installations" if file.startswith(INSTALLATIONS) else file))


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
