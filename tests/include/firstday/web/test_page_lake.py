"""The Lake room in Chromium: tables, lineage, the workbench, rejected rows, earlier snapshots."""

import re

import pytest
from playwright.sync_api import expect

from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import load
from include.firstday.web import lineage
from tests.include.firstday.web.conftest import Site, Visitor, tile
from tests.light_server import USE_CASE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_table_says_what_it_is_and_shows_nobody(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake")
    page.get_by_role("link", name="events", exact=True).click()
    expect(page.get_by_text("One row per raw event of any type")).to_be_visible()
    expect(page.locator("[data-table=columns] tr", has_text="street_address")).to_contain_text("never, may be personal")
    expect(page.locator("[data-table=columns] tbody tr", has_text="bet_amount").first).to_contain_text("DECIMAL(18,2)")
    newest = site.value("select max(batch_id) from events")
    assert f"Latest micro-batch {newest} " in tile(page, "Latest micro-batch")
    rows = site.value(f"select count(*) from events where batch_id = {newest}")
    expect(page.locator("[data-table=sample] tbody tr")).to_have_count(min(rows, 20))
    assert not {"name", "street_address"} & set(site.api("lake/tables/events")["sample"][0])
    assert "Ada Lovelace" not in page.content()
    page.get_by_role("link", name="in the workbench").click()
    expect(page.locator("#sql")).to_have_value("select *\nfrom events\nlimit 100")


def test_a_query_is_run_drawn_and_shared(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake/query")
    page.get_by_role("button", name="Run").click()
    expected = site.query("select event_type, count(*) as n from events group by event_type order by n desc")
    expect(page.locator("[data-table=result] tbody tr")).to_have_count(len(expected))
    shown = [text.split() for text in page.locator("[data-table=result] tbody tr").all_inner_texts()]
    assert [(row[0], int(row[1])) for row in shown] == [(row["event_type"], row["n"]) for row in expected]
    expect(page.get_by_role("heading", name="events by event_type")).to_be_visible()
    page.fill("#sql", "select 1 as one")
    page.wait_for_timeout(6000)  # longer than the page waits between two updates: what is typed stays
    expect(page.locator("#sql")).to_have_value("select 1 as one")
    assert page.evaluate("document.activeElement.id") == "sql"
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-table=result] th").last).to_have_text("one", timeout=20_000)
    expect(page).to_have_url(re.compile("sql=select\\+1"))
    page.get_by_role("button", name="Copy as command").click()
    assert (
        page.evaluate("navigator.clipboard.readText()") == "firstday --use-case first_day_churn query 'select 1 as one'"
    )


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("delete from events", "read-only"),
        ("select * from read_csv('/etc/passwd')", "disabled by configuration"),
        ("attach '/tmp/other.db'", "disabled by configuration"),
        ("copy events to '/tmp/events.csv'", "disabled by configuration"),
        ("select 1; select 2", "expected one statement, found 2"),
    ],
)
def test_a_query_reads_the_lake_and_nothing_else(visitor: Visitor, sql: str, reason: str) -> None:
    page = visitor.go("lake/query")
    page.fill("#sql", sql)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert").last).to_contain_text(reason)


def test_a_query_has_limits_of_rows_and_is_cancelled(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake/query")
    page.fill("#sql", "select * from range(100000)")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("The first 2,000 rows.")).to_be_visible()
    endless = (
        "select count(*) from events a, events b, events c where a.bet_amount + b.bet_amount > c.win_amount * 1.01"
    )
    page.fill("#sql", endless)
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert").last).to_have_text("Cancelled.")
    page.fill("#sql", "select 41 + 1 as answer")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("[data-table=result] tbody td")).to_have_text("42")


def test_a_misspelt_field_is_hinted_at(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake")
    row = page.locator("[data-table=rejected] tbody tr", has_text="bet_amount: required by new_bet, missing")
    expect(row).to_contain_text("bet_amonut is close to bet_amount")
    counted = site.value("select count(*) from rejected_events where reason like 'bet_amount: required%'")
    assert f"\t{counted}\t" in row.inner_text()
    expect(page.get_by_role("button", name="Replay all")).to_be_visible()
    expect(row.get_by_role("button", name="Dismiss")).to_be_visible()


def test_a_held_row_shows_until_when(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake")
    row = page.locator("[data-table=rejected] tbody tr", has_text="held until its time")
    (rule,) = (one for one in site.api("lake")["rejected"] if one["held_until"])
    until = site.value("select strftime(max(held_until), '%Y-%m-%dT%H:%M:%SZ') from rejected_events")
    assert (rule["held_until"], rule["rows"]) == (until, 1)
    expect(page.locator("[data-table=rejected] th", has_text="Held until")).to_be_visible()
    expect(row.locator(f"time[datetime='{until}']")).to_be_visible()


def test_a_mapping_and_an_edited_row_are_tried_and_nothing_is_stored(visitor: Visitor, site: Site) -> None:
    before = site.query("select * from rejected_events order by all")
    page = visitor.go("lake")
    row = page.locator("[data-table=rejected] tbody tr", has_text="bet_amount: required by new_bet, missing")
    row.get_by_role("button", name="Try this mapping").click()
    rows = sum(one["reason"].startswith("bet_amount: required by new_bet, missing") for one in before)
    lines = sum(
        one["raw"] is not None and one["replayed_in"] is None for one in before
    )  # a whole file has none, and cannot be replayed
    expect(row).to_contain_text(f"{rows} of {rows} rows would pass")
    expect(row.locator("pre")).to_contain_text("bet_amonut: bet_amount")
    page.get_by_text("Dry run of a mapping").click()
    page.fill("#trial-mapping", "no json")
    page.get_by_role("button", name="Try the mapping").click()
    expect(page.locator("#trial")).to_contain_text("expected JSON such as")
    page.fill("#trial-mapping", '{"columns": {"bet_amonut": "bet_amount"}}')
    page.wait_for_timeout(6000)  # longer than the page waits between two updates: what is typed stays
    page.get_by_role("button", name="Try the mapping").click()
    expect(page.locator("#trial")).to_contain_text(f"{rows} of {lines} rows would pass.")
    bad = page.locator("[data-table=rejected] tbody tr", has_text="bet_amount: expected DECIMAL(18,2)")
    bad.locator("summary").click()
    bad.get_by_label("bet_amount").first.fill("10")
    bad.get_by_role("button", name="Try this row").first.click()
    expect(bad).to_contain_text("1 of 1 row would pass")
    assert site.query("select * from rejected_events order by all") == before
    bad.get_by_label("bet_amount").first.fill("11")  # what is stored is what was tried
    expect(bad.get_by_role("button", name="Store this row")).to_have_count(0)


def test_rooms_are_seen_as_of_a_snapshot(visitor: Visitor, site: Site) -> None:
    at = site.value(
        "select max(snapshot_id) from ducklake_snapshots('lake') where commit_message like '%400 users scored%'"
    )
    now, then = (
        site.query(
            f"select (select count(*) from events {version}) as events, "
            f"(select count(*) from predictions {version}) as predictions, "
            f"(select count(*) from users {version} where registered_at is not null) as users"
        )[0]
        for version in ("", f"at (version => {at})")
    )
    assert then["events"] < now["events"]
    totals = site.api(f"status?at={at}")["totals"]
    assert {name: totals[name] for name in then} == then
    page = visitor.go(f"overview?at={at}")
    expect(page.get_by_text(f"As of snapshot {at}")).to_be_visible()
    assert f"{then['events']:,} in the lake" in tile(page, "Events per minute")
    page.get_by_role("link", name="Lake", exact=True).click()
    expect(page).to_have_url(re.compile(f"/lake\\?at={at}$"))
    row = page.locator("[data-table=tables] tbody tr", has=page.get_by_role("link", name="predictions", exact=True))
    expect(row).to_contain_text(f"{then['predictions']:,}")
    expect(page.get_by_text("No rejected rows.")).to_be_visible()
    page.get_by_role("link", name="Model", exact=True).click()
    expect(page.locator("[data-table=versions] tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Risk list").click()
    expect(page.get_by_text("No users in their window.")).to_be_visible()
    assert site.api(f"users?at={at}&search=past-00")["total"] > 0
    page.get_by_role("button", name="Back to now").click()
    expect(page.locator("[data-table=users] tbody tr")).to_have_count(50)
    page.locator("#as-of").focus()
    expect(page.locator(f"#as-of option[value='{at}']")).to_have_count(1)
    page.select_option("#as-of", str(at))
    expect(page).to_have_url(re.compile(f"at={at}"))


def test_an_unknown_snapshot_is_named(visitor: Visitor) -> None:
    page = visitor.go("overview?at=999999")
    expect(page.get_by_text("no snapshot 999999: it has expired, or was never committed")).to_be_visible()


def test_the_lineage_is_drawn_and_leads_to_the_tables(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake")
    page.get_by_role("link", name="Lineage").click()
    edges = site.api("lake/lineage")["edges"]
    pairs = {(one["source"], one["target"]) for one in edges if one["source"] != one["target"]}
    expect(page.locator(".lineage path")).to_have_count(len(pairs))
    expect(page.locator("[data-table=lineage] tbody tr")).to_have_count(min(len(edges), 50))
    left = {
        name: page.locator(".node", has_text=re.compile(f"^{name}$")).bounding_box()
        for name in ("landing", "events", "predictions")
    }
    assert left["landing"]["x"] < left["events"]["x"] < left["predictions"]["x"]
    page.locator(".node", has_text="monitoring").hover()
    ends = sum("monitoring" in pair for pair in pairs)
    expect(page.locator(".lineage path.marked")).to_have_count(ends)
    page.locator(".node", has_text="user_features").click()
    expect(page.get_by_role("heading", name="user_features")).to_be_visible()
    assert page.url.endswith("/lake/tables/user_features")
    mine = sum("user_features" in (one["source"], one["target"]) for one in edges)
    expect(page.locator("[data-table=lineage] tbody tr")).to_have_count(mine)


def test_the_lineage_says_what_the_commits_have_written(site: Site) -> None:
    """What the lake itself recorded of each stage's and DAG's commits."""
    with site.at_home(), open_lake(load(USE_CASE), read_only=True) as lake:
        steps = {step.name: step for step in lineage.steps(lake, load(USE_CASE))}
        kept = lake.tables() - {name for step in steps.values() for name in step.writes}
    changes = site.query(
        "with changes as (select json_extract_string(commit_extra_info, '$.task') as task, "
        "unnest(map_entries(changes)) as change from ducklake_snapshots('lake') where commit_message is not null), "
        "ids as (select distinct task, cast(unnest(change.value) as bigint) as table_id from changes "
        "where change.key in ('tables_inserted_into', 'tables_deleted_from')) "
        "select distinct task, table_name from ids join ducklake_table_info('lake') using (table_id) "
        "where task is not null"
    )
    written: dict[str, set[str]] = {}
    for row in changes:
        task = "deliver_predictions" if row["task"].startswith("deliver_to_") else row["task"]
        written.setdefault(task, set()).add(row["table_name"])
    assert {"store_events", "update_features", "score_users", "deliver_predictions", "measure_effect"} <= written.keys()
    for task in written.keys() & steps.keys():
        marked = {"rejected_events", "micro_batches"} if task == "replay_rejected" else set()  # its own notes
        assert written[task] - kept - marked <= {*steps[task].writes}, task
