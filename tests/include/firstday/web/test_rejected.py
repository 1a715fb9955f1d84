"""Rejected rows in the Lake room: an edited row becomes an event."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from include.firstday.lake import clock
from include.firstday.use_case.use_case import load
from tests.include.firstday.web.conftest import Site, Visitor
from tests.light_server import USE_CASE, bad_bets, micro_batch

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
