"""Firstday as people see it: a real browser, a really running installation, from the login to a replayed row."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, expect

from tests.browser.conftest import Visitor
from tests.test_end_to_end import Installation, get, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TABS = ("now", "users", "model", "lake", "api")
AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
USER = "seen-in-the-browser"


def post(installation: Installation, rows: list[dict[str, Any]]) -> int:
    body = "\n".join(map(json.dumps, rows)).encode()
    headers = {"Authorization": f"Bearer {installation.token()}", "Content-Type": "application/x-ndjson"}
    answer = get(f"{installation.airflow}/firstday/api/first_day_churn/events", body, **headers)
    return int(answer["accepted"])


def event(kind: str, moment: datetime, **more: str) -> dict[str, str]:
    return {"event_type": kind, "user_id": USER, "event_time": moment.isoformat(), **more}


def violations(frame: Frame) -> list[str]:
    """What axe (https://github.com/dequelabs/axe-core) has against what is shown."""
    frame.evaluate(AXE)
    found = frame.evaluate("async () => (await axe.run(document)).violations")
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def test_the_page_is_in_airflow_and_fills(visitor: Visitor, pictures: Path) -> None:
    visitor.page.goto(visitor.url)
    visitor.page.get_by_role("link", name="Firstday").click()
    frame = visitor.firstday()
    expect(frame.locator(".state")).to_contain_text("healthy", ignore_case=True)
    expect(frame.locator(".uplot").first).to_be_visible()
    tiles = frame.locator(".tile").all_inner_texts()
    assert len(tiles) == 8
    assert any("version 1" in text for text in tiles)
    frame.wait_for_timeout(1000)
    visitor.page.screenshot(path=pictures / "page_now.png")
    assert visitor.errors == []
    assert visitor.outside == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1360), ("dark", 1360), ("light", 390)])
def test_every_tab_passes_axe_and_fits(browser: Browser, installation: Installation, theme: str, width: int) -> None:
    visitor = Visitor(browser, installation, width, theme)
    try:
        for tab in TABS:
            frame = visitor.firstday(tab)
            assert frame.evaluate("document.documentElement.classList.contains('dark')") == (theme == "dark")
            assert violations(frame) == [], tab
            assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), (tab, width)
        assert visitor.errors == []
    finally:
        visitor.context.close()


def test_the_keyboard_is_enough(visitor: Visitor) -> None:
    frame = visitor.firstday()
    frame.locator("nav a").first.focus()
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    frame.wait_for_selector("nav a[aria-current][href='#users']")
    frame.wait_for_selector("#search")
    frame.locator("#search").focus()
    visitor.page.keyboard.type("0")
    for _ in range(7):  # longer than the page waits between two looks: what is typed stays, and so does the cursor
        frame.wait_for_timeout(1000)
    assert frame.evaluate("document.activeElement.id") == "search"
    first = frame.locator("#listed tbody a").first
    expect(first).to_have_text(re.compile("^0"))
    first.focus()
    visitor.page.keyboard.press("Enter")
    expect(frame.get_by_role("heading", name="Churn probability through the day")).to_be_visible()


def test_posted_events_arrive_in_the_chart_and_are_scored(
    visitor: Visitor, installation: Installation, pictures: Path
) -> None:
    now = datetime.now(UTC)
    bets = [event("new_bet", now - timedelta(milliseconds=row), bet_amount="2.50") for row in range(5000)]
    opening = [
        event("new_registration", now - timedelta(minutes=9), postcode="10115"),
        event("new_purchases", now - timedelta(minutes=8), amount="25.00"),
    ]
    assert post(installation, [*opening, *bets]) == 5002
    frame = visitor.firstday("users")
    frame.fill("#search", USER)
    row = frame.locator("#listed tbody tr", has_text=USER)
    expect(row).to_contain_text("%", timeout=120_000)
    row.get_by_role("link").click()
    expect(frame.get_by_text("bet_count").first).to_be_visible()
    expect(frame.get_by_text("local ablation")).to_be_visible(timeout=60_000)
    frame.wait_for_timeout(500)
    visitor.page.screenshot(path=pictures / "page_user.png")
    user = installation.firstday(f"users/{USER}")
    assert user["features"]["bet_count"] == 5000
    assert 0 <= user["prediction"]["churn_probability"] <= 1
    frame = visitor.firstday("now")
    said = frame.get_by_role("img", name="Events a minute, by type").get_attribute("aria-label")
    highest = re.search(r"new_bet: newest [\d.]+, highest ([\d.]+)", str(said))
    assert highest is not None, said
    assert float(highest[1]) >= 5000
    assert visitor.errors == []


def test_training_is_triggered_by_airflows_form_and_seen_in_mlflow(
    visitor: Visitor, installation: Installation, pictures: Path
) -> None:
    page, dag = visitor.page, "first_day_churn.train_model"
    page.goto(f"{visitor.url}/dags/{dag}")
    page.get_by_role("button", name="Trigger Dag").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("batch_id")
    dialog.get_by_role("button", name="Trigger", exact=True).click()

    def manual_runs() -> list[dict[str, Any]]:
        runs = installation.api(f"dags/{dag}/dagRuns")["dag_runs"]
        return [run for run in runs if run["run_type"] == "manual"]

    wait_until(lambda: bool(manual_runs()), 30)
    wait_until(lambda: manual_runs()[0]["state"] in ("success", "failed"), 500, every=3)
    assert manual_runs()[0]["state"] == "success"
    time.sleep(30)  # what the registry says is remembered for half a minute
    frame = visitor.firstday("model")
    row = frame.locator("tbody tr", has_text="version 2")
    expect(row).to_be_visible()
    frame.wait_for_timeout(500)
    page.screenshot(path=pictures / "page_model.png")
    with visitor.context.expect_page() as opened:
        row.get_by_role("link", name="run").click()
    mlflow = opened.value
    mlflow.wait_for_load_state()
    assert mlflow.url.startswith(installation.mlflow)
    expect(mlflow.get_by_text("log_loss").first).to_be_visible(timeout=60_000)


def test_a_refused_row_is_replayed_from_the_page(visitor: Visitor, installation: Installation, pictures: Path) -> None:
    """A row from a clock that is ahead is refused; once its moment is less than an hour ahead, a replay stores it."""
    ahead = datetime.now(UTC) + timedelta(hours=1, seconds=100)
    assert post(installation, [event("new_bet", ahead, bet_amount="7.77"), {"event_type": "new_bet"}]) == 2
    frame = visitor.firstday("lake")
    rule = frame.locator("tbody tr", has_text="event_time: expected at most an hour ahead")
    expect(rule).to_be_visible(timeout=120_000)
    visitor.page.screenshot(path=pictures / "page_lake.png")
    time.sleep(max(0.0, (ahead - timedelta(hours=1) - datetime.now(UTC)).total_seconds() + 2))
    rule.get_by_role("button", name="Replay").click()
    expect(rule.get_by_text("Started")).to_be_visible()
    stored = f"select count(*) as n from events where bet_amount = 7.77 and user_id = '{USER}'"
    wait_until(lambda: installation.query(stored)[0]["n"] == "1", 240, every=2)
    rule.get_by_role("link", name="the run").click()
    visitor.page.wait_for_url("**/dags/first_day_churn.replay_rejected/runs/**")
    wait_until(lambda: "1 stored as events" in str(replay_note(installation)), 120, every=2)


def replay_note(installation: Installation) -> str | None:
    note: str | None = installation.api("dags/first_day_churn.replay_rejected/dagRuns")["dag_runs"][0]["note"]
    return note


def test_a_link_leads_out_of_the_frame_to_airflows_run(visitor: Visitor) -> None:
    frame = visitor.firstday("lake")
    link = frame.get_by_role("region", name="Micro-batches, the newest first").get_by_role("link").first
    link.click()
    visitor.page.wait_for_url("**/dags/first_day_churn.*/runs/**")
    expect(visitor.page.get_by_text("stored").first).to_be_visible()  # in the run's note
