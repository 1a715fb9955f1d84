"""The documentation as a reader sees it, opened from disk: searched, drawn, and nothing is loaded from a network."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from include.firstday.web.documents import SITE

pytestmark = pytest.mark.slow

LOCAL = ("file:", "data:", "blob:")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails for an error in its console and for each request that is not of a file."""
    if not (SITE / "index.html").exists():
        pytest.skip("needs the built site: make docs")
    opened, wrong = browser.new_page(), []
    opened.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda asked: None if asked.url.startswith(LOCAL) else wrong.append(asked.url))
    yield opened
    opened.close()
    assert wrong == []


def test_a_word_is_found(page: Page) -> None:
    page.goto((SITE / "index.html").as_uri())
    page.locator("input[name=query]").click()
    page.keyboard.type("tombstone")
    page.get_by_text(re.compile(r"\d+ matching documents")).wait_for()
    found = page.locator(".md-search-result__link").evaluate_all("links => links.map((link) => link.pathname)")
    assert any(path.endswith("concepts/vocabulary.html") for path in found)


def test_a_diagram_is_drawn(page: Page) -> None:
    page.goto((SITE / "index.html").as_uri())
    page.locator("div.mermaid").first.wait_for()  # in place of the text, which is a pre
    assert page.locator("pre.mermaid").count() == 0


def test_dark_mode_is_a_click_away(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto((SITE / "concepts" / "guarantees.html").as_uri())
    assert page.locator("body").get_attribute("data-md-color-scheme") == "default"
    page.get_by_title("Dark mode").click()
    page.wait_for_selector("body[data-md-color-scheme=slate]")
