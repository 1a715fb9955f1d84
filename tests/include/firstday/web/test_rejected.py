"""Rejected rows in the Lake room: an edited row becomes an event."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from include.firstday.ingest import replay_rejected
from include.firstday.lake import clock
from include.firstday.use_case.use_case import load
from tests.include.firstday.web.conftest import Site, Visitor
from tests.light_server import USE_CASE, bad_bets, event, micro_batch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def rejected_afterwards(site: Site) -> Iterator[None]:
    """As before: the latest micro-batch is one of rejected rows, which other tests read."""
    yield
    now = clock.now()
    with site.at_home():
        micro_batch(load(USE_CASE), f"e-{now:%H%M%S}.ndjson", bad_bets(now))


@pytest.mark.usefixtures("rejected_afterwards")
def test_an_edited_row_is_stored_once(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake")
    bad = page.locator("[data-table=rejected] tbody tr", has_text="bet_amount: expected DECIMAL(18,2)")
    bad.locator("summary").click()
    place = bad.locator("li .mono").first.inner_text()
    bad.get_by_label("bet_amount").first.fill("10.25")
    bad.get_by_role("button", name="Try this row").first.click()
    stale = page.context.new_page()
    stale.goto(page.url)
    other = stale.locator("[data-table=rejected] tbody tr", has_text="bet_amount: expected DECIMAL(18,2)")
    other.locator("summary").click()
    other.get_by_label("bet_amount").first.fill("12")
    other.get_by_role("button", name="Try this row").first.click()
    button = other.get_by_role("button", name="Store this row")
    expect(button).to_be_visible()
    stale.get_by_role("button", name="Pause").click()
    bad.get_by_role("button", name="Store this row").click()
    expect(page.get_by_text(f"{place}, stored in micro-batch")).to_be_visible()
    batch = site.query("select * from micro_batches order by batch_id desc limit 1")[0]
    assert (batch["rows_stored"], batch["airflow_run"]) == (1, "page/ada")
    expect(page.get_by_text(f"{place}, stored in micro-batch {batch['batch_id']} by ada.")).to_be_visible()
    button.click()
    expect(other.get_by_role("alert")).to_contain_text("not pending replay")
    stored = site.query(f"select bet_amount::varchar as bet from events where batch_id >= {batch['batch_id']}")
    assert stored == [{"bet": "10.25"}]


@pytest.mark.usefixtures("rejected_afterwards")
def test_a_replay_and_a_dismissal_show_what_they_would_do_before_they_are_started(visitor: Visitor, site: Site) -> None:
    now, case = clock.now().replace(microsecond=0), load(USE_CASE)
    tomorrow = (now + timedelta(days=1)).date()
    early = case.model_copy(update={"earliest": tomorrow})  # rejects what the YAML accepts
    with site.at_home():
        bets = [event("new_bet", "user-001", now - timedelta(seconds=number), bet_amount="3.25") for number in range(2)]
        micro_batch(early, f"early-{now:%H%M%S}.ndjson", bets)
    page = visitor.go("lake")
    asked: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json["conf"])
        route.fulfill(json={"dag_run_id": "manual__1"})

    page.route("**/api/v2/dags/first_day_churn.replay_rejected/dagRuns", answer)
    bad = page.locator("[data-table=rejected] tbody tr", has_text="bet_amount: expected DECIMAL(18,2)")
    rows = site.value(
        "select count(*) from rejected_events where reason like 'bet_amount: exp%' and replayed_in is null"
    )
    bad.get_by_role("button", name="Replay").click()
    expect(bad).to_contain_text(f"0 of {rows} rows would pass. Still rejected:")
    expect(bad.get_by_role("button", name="Replay")).to_have_count(1)  # there is nothing to store
    rule = f"event_time: expected at least {tomorrow} 00:00:00"
    right = page.locator("[data-table=rejected] tbody tr", has_text=rule)
    right.get_by_role("button", name="Replay").click()
    expect(right).to_contain_text("2 of 2 rows would pass.")
    page.wait_for_timeout(6000)  # longer than the page waits between two updates
    right.get_by_role("button", name="Dismiss").click()
    expect(right).to_contain_text("2 rows would no longer be pending: kept in rejected_events, and never replayed.")
    assert asked == []
    right.get_by_role("button", name="Replay, and store 2 rows").click()
    expect(right.get_by_role("link", name="Airflow run")).to_be_visible()
    right.get_by_role("button", name="Dismiss 2 rows").click()
    expect(right.get_by_role("link", name="Airflow run")).to_have_count(2)
    assert asked == [{"reason": rule, "action": "replay"}, {"reason": rule, "action": "dismiss"}]
    with site.at_home():
        assert replay_rejected.replay_rejected(case, rule).stored == 2
