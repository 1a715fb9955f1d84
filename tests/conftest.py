"""What every test shares: a home of its own, so that no test sees another's lake or the installation's; a browser."""

import shutil
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, sync_playwright
from xdist.scheduler import LoadFileScheduling

from include.firstday.schema import create_tables
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests.new_lakes import copied
from tests.new_registries import copy_tables

# However slow the machine is; all examples of a test share its home, with other ids.
hypothesis_settings.register_profile(
    "firstday", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
hypothesis_settings.load_profile("firstday")

# Spark's client, which MLflow asks for a session, ends a process whose main module has neither file nor name, as those
# of pytest's workers: it takes it for its own doctests. This name is one that multiprocessing does not import again.
main = sys.modules["__main__"]
main.__spec__ = main.__spec__ or ModuleSpec("__main__", None)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SERVED = ("tests/include/firstday/web/", "tests/plugins/")  # folders whose slow tests share a server


class FilesOfAServer(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests go to one worker, and so do files that share a server: each worker would start one of its own."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return next((folder for folder in SERVED if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesOfAServer | None:
    return FilesOfAServer(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes a worker longest first, as the others would be done and wait for it."""
    first = ("tests/end_to_end/", SERVED[0])
    items.sort(key=lambda item: not item.nodeid.startswith(first))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty FIRSTDAY_HOME for this test."""
    folder = tmp_path / "home"
    monkeypatch.setenv("FIRSTDAY_HOME", str(folder))
    settings.cache_clear()
    yield folder
    settings.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def new_lakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """New lakes are copied from one that was made as any is."""
    made = copied(create_tables.prepare, tmp_path_factory.mktemp("lakes"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(create_tables, "prepare", made)
        yield


@pytest.fixture(autouse=True)
def new_registries(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so are new databases of MLflow."""
    copy_tables(monkeypatch, tmp_path_factory.getbasetemp() / "mlflow.db")


@pytest.fixture
def churn() -> UseCase:
    """The use case that is shipped."""
    return use_case.load("first_day_churn")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: Debian's, or the one that playwright has installed."""
    if CHROMIUM is None:
        pytest.skip("needs a browser: on Debian, sudo apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()
