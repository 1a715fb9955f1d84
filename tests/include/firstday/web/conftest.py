"""The page over a small prepared lake, without Airflow, in Chromium: one server and one browser for all tests."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case.use_case import load
from tests.installation import get
from tests.light_server import PREFIX, USE_CASE
from tests.servers import free_port

START_SECONDS = 240
AXE = (REPOSITORY / "tests" / "end_to_end" / "axe.min.js").read_text(encoding="utf-8")
USER = "user-010"


@dataclass
class Site:
    """The page's address, and its lake."""

    url: str
    home: Path

    def api(self, path: str, use_case: str = USE_CASE) -> Any:
        """What the API answers."""
        return get(f"{self.url}/api/{use_case}/{path}")

    def post(self, path: str, body: bytes, kind: str = "application/json") -> Any:
        """What the API answers to a body."""
        return get(f"{self.url}/api/{USE_CASE}/{path}", body, **{"Content-Type": kind})

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query on the lake, by DuckDB itself and not by the page."""
        with self.at_home(), open_lake(load(USE_CASE), read_only=True) as lake:
            rows: list[dict[str, Any]] = lake.query(sql).to_pylist()
        return rows

    @contextmanager
    def at_home(self) -> Iterator[None]:
        """Let the code of this process work on the site's lake."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FIRSTDAY_HOME", str(self.home))
            settings.cache_clear()
            try:
                yield
            finally:
                settings.cache_clear()

    def value(self, sql: str) -> Any:
        """The only value of a query."""
        ((value,),) = (row.values() for row in self.query(sql))
        return value


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server of its own; the one at PAGE_HOME is prepared once and kept, for work on the page."""
    kept = os.environ.get("PAGE_HOME")
    home = Path(kept) if kept else tmp_path_factory.mktemp("page") / "home"
    port = free_port()
    with (tmp_path_factory.mktemp("log") / "server.log").open("w+") as log:
        environment = os.environ | {"FIRSTDAY_HOME": str(home)}
        command = [sys.executable, "-m", "tests.light_server", str(port)]
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        try:
            made = Site(f"http://127.0.0.1:{port}{PREFIX}", home)
            _wait(made, process, Path(log.name))
            yield made
        finally:
            process.terminate()
            process.wait(30)


def _wait(site: Site, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < give_up, log.read_text()[-3000:]
        try:
            urllib.request.urlopen(f"{site.url}/", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)


@dataclass
class Visitor:
    """A browser page, and what went wrong in it."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(60_000)
        expect.set_options(timeout=30_000)  # other workers may keep both processors busy
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.on("request", lambda request: self._look(request.url))

    def _look(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.outside.append(url)

    def go(self, place: str = "overview", use_case: str = USE_CASE) -> Page:
        """Open a room and wait until it is filled."""
        self.page.goto(f"{self.url}/#{use_case}/{place}")
        self.filled()
        return self.page

    def filled(self) -> None:
        self.page.wait_for_selector("main[aria-busy=false] > *:not(.loading)")


@pytest.fixture
def visitor(site: Site, browser: Browser) -> Iterator[Visitor]:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    yield Visitor(context.new_page(), site.url)
    context.close()


def violations(page: Page) -> list[str]:
    """What axe (https://github.com/dequelabs/axe-core) has against what is shown."""
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def tile(page: Page, title: str) -> str:
    """The text of the tile whose title begins so."""
    head = page.locator("dt", has_text=re.compile(f"^{re.escape(title)}"))
    return " ".join(page.locator(".tile", has=head).inner_text().split())
