"""Chromium, signed in to a really running Firstday. Debian's chromium, or the one that playwright has installed."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from tests.installation import Installation

HISTORY_DAYS = "2"  # enough users whose label is known to train on


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation of its own."""
    with Installation(tmp_path_factory.mktemp("installation") / "home", HISTORY_DAYS) as made:
        yield made


class Visitor:
    """A signed-in browser page, and what went wrong in it."""

    def __init__(self, browser: Browser, installation: Installation, width: int = 1360, theme: str = "light") -> None:
        self.url = installation.airflow
        scheme = "dark" if theme == "dark" else "light"
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)  # a whole Airflow on two cores may take that long for a click
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.on("request", lambda request: self._look(request.url))
        passwords = json.loads((installation.home / "airflow" / "passwords.json").read_text())
        self.page.goto(f"{self.url}/auth/login")
        self.page.fill("input[name=username]", "admin")
        self.page.fill("input[name=password]", passwords["admin"])
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(f"{self.url}/")
        self.page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        self.errors.clear()  # those of the login are not ours

    def _look(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:", "http://127.0.0.1:")):
            self.outside.append(url)

    def firstday(self, tab: str = "overview") -> Frame:
        """The Firstday page inside Airflow, at a tab, filled."""
        self.page.goto(f"{self.url}/plugin/firstday")
        self.page.wait_for_selector("iframe")
        inside = re.compile(r"^http://[^/]+/firstday/")  # Airflow's own address ends like that too
        while (frame := self.page.frame(url=inside)) is None:
            self.page.wait_for_timeout(100)
        frame.wait_for_selector("main[aria-busy=false] > *")
        frame.evaluate("tab => { location.hash = tab }", tab)
        frame.wait_for_selector(f"nav a[aria-current][href$='/{tab.split('/')[0]}']")
        frame.wait_for_selector("main[aria-busy=false] > *")
        return frame


@pytest.fixture
def visitor(browser: Browser, installation: Installation) -> Iterator[Visitor]:
    made = Visitor(browser, installation)
    yield made
    made.context.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: the folder that SCREENSHOTS names, as docs/images, or this test's own."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
