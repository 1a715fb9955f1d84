"""The page in Chromium, over a prepared lake: what is on screen, where the address leads, and what the numbers are."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from urllib.error import HTTPError

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from include.firstday.settings import REPOSITORY
from include.firstday.use_case.segments import Segment
from tests.include.firstday.web.conftest import Site, Visitor
from tests.installation import get

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AXE = (REPOSITORY / "tests" / "end_to_end" / "axe.min.js").read_text(encoding="utf-8")
USER = "user-010"
PLACES = (
    "overview",
    "users",
    f"users/{USER}",
    "model",
    "drift",
    "experiments",
    "experiments/offers-autumn-0.5",
    "lake",
    "lake/tables/predictions",
    "lake/query",
    "lake/lineage",
    "api",
)
STATIC = REPOSITORY / "include" / "firstday" / "web" / "static"


def violations(page: Page) -> list[str]:
    """What axe (https://github.com/dequelabs/axe-core) has against what is shown."""
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def tile(page: Page, title: str) -> str:
    """The text of the tile whose title begins so."""
    head = page.locator("dt", has_text=re.compile(f"^{re.escape(title)}"))
    return " ".join(page.locator(".tile", has=head).inner_text().split())


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)])
def test_every_room_passes_axe_and_fits(site: Site, browser: Browser, tmp_path: Path, theme: str, width: int) -> None:
    scheme = "dark" if theme == "dark" else "light"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    visitor = Visitor(context.new_page(), site.url)
    for place in PLACES:
        page = visitor.go(place)
        assert page.evaluate("document.documentElement.classList.contains('dark')") == (theme == "dark")
        assert violations(page) == [], place
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (place, width)
        assert cut(page) == [], (place, width)
        page.screenshot(path=tmp_path / f"{place.replace('/', '_')}_{theme}_{width}.png", full_page=True)
    assert visitor.errors == []
    assert visitor.outside == []
    context.close()


def cut(page: Page) -> list[str]:
    """Labels that are on two lines or narrower than their text, and values apart from their unit."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.pill, .tile dd.big, td.number')]
        .filter((one) => one.offsetParent && (one.getClientRects().length > 1 || one.scrollWidth > one.clientWidth + 1))
        .map((one) => one.textContent)"""
    )


def test_a_use_case_never_shows_the_user_of_another(visitor: Visitor) -> None:
    page = visitor.go(f"users/{USER}")
    expect(page.get_by_role("heading", name=USER)).to_be_visible()
    page.select_option("#use-case", "cart_abandonment")
    expect(page.get_by_text("No users in their window.")).to_be_visible()
    expect(page.get_by_text(USER)).to_have_count(0)
    assert page.url.endswith("#cart_abandonment/users")


def test_an_unknown_user_is_said_at_once_and_stays_said(visitor: Visitor) -> None:
    page = visitor.go("users/nobody")
    error = page.get_by_text("no registered user with the id nobody")
    expect(error).to_be_visible()
    page.wait_for_timeout(6000)  # longer than the page waits between two updates
    expect(error).to_be_visible()
    expect(page.get_by_text("Loading")).to_have_count(0)
    visitor.go("users/" + USER)
    expect(page.get_by_role("heading", name=USER)).to_be_visible()


def test_the_content_of_a_room_goes_as_soon_as_another_is_chosen(visitor: Visitor) -> None:
    page = visitor.go("overview")
    held = []
    page.route("**/api/*/model", lambda route: held.append(route))
    page.get_by_role("link", name="Model").click()
    expect(page.locator("nav a[aria-current]")).to_have_text("Model")
    expect(page.get_by_text("Loading …")).to_be_visible()
    expect(page.get_by_text("Events per minute")).to_have_count(0)
    expect(page.locator("main")).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    expect(page.get_by_role("heading", name="Versions")).to_be_visible()


def test_the_page_says_how_old_it_is_and_can_be_paused(visitor: Visitor) -> None:
    page = visitor.go("overview")
    expect(page.locator("#updated")).to_have_text(re.compile(r"updated (now|\d+ s ago)"))
    page.get_by_role("button", name="Pause").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(6500)
    assert asked == []
    expect(page.locator("#updated")).to_have_text(re.compile(r"paused, updated [5-9] s ago"))
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#updated")).to_have_text(re.compile(r"^updated (now|[01] s ago)"))
    assert asked


def test_a_failed_update_is_said_and_leaves_the_data(visitor: Visitor) -> None:
    page = visitor.go("overview")
    page.route("**/api/*/status", lambda route: route.fulfill(status=503, json={"detail": "the lake cannot be opened"}))
    expect(page.get_by_role("alert")).to_contain_text("the lake cannot be opened", timeout=10_000)
    expect(page.get_by_text("Users in their window")).to_be_visible()
    page.unroute("**/api/*/status")
    expect(page.get_by_role("alert")).to_be_hidden(timeout=10_000)


@pytest.mark.parametrize(
    "place",
    [
        f"users/{USER}",
        "users?only=predicted&sort=1",
        "users?users.page=2&users.sort=window_end",
        "users?search=past-00",
        "overview?hours=12",
        "lake?batches.sort=rows_stored",
    ],
)
def test_an_address_leads_to_the_same_place_after_a_reload(visitor: Visitor, place: str) -> None:
    page = visitor.go(place)
    expect(page.get_by_text("Computing drivers")).to_have_count(0, timeout=60_000)
    text = page.locator("main").inner_text().split("\n")[:40]
    page.reload()
    visitor.filled()
    expect(page.get_by_text("Computing drivers")).to_have_count(0)
    assert page.url.endswith(f"#first_day_churn/{place}")
    again = page.locator("main").inner_text().split("\n")[:40]
    ages = re.compile(r"\d+(\.\d+)?\s(s|min|h)\b")
    assert [ages.sub("", line) for line in again] == [ages.sub("", line) for line in text]


def test_what_is_chosen_is_in_the_address(visitor: Visitor) -> None:
    page = visitor.go("users")
    page.select_option("#only", "predicted")
    page.get_by_role("button", name="Time left").click()
    page.get_by_role("button", name="Next").click()
    expect(page).to_have_url(re.compile("only=predicted.*users.sort=-window_end.*users.page=2"))
    page.get_by_role("link", name="Overview").click()
    page.select_option("#hours", "24")
    expect(page).to_have_url(re.compile(r"#first_day_churn/overview\?hours=24$"))
    page.go_back()
    expect(page).to_have_url(re.compile("users.page=2"))


def test_the_state_is_degraded_by_the_last_hour(visitor: Visitor, site: Site) -> None:
    state = visitor.go("overview").locator(".state")
    batch = site.query("select * from micro_batches order by batch_id desc limit 1")[0]
    rejected, rows = batch["rows_rejected"], batch["rows_rejected"] + batch["rows_stored"]
    assert rejected > rows / 2
    expect(state).to_contain_text("degraded", ignore_case=True)
    expect(state).to_contain_text(f"The latest micro-batch rejected {rejected} of {rows} rows.")
    expect(state).to_contain_text("1 file is in quarantine.")


LATEST = "(select user_id, max_by(probability, batch_id) as probability from predictions group by user_id)"


def confused(site: Site, threshold: float) -> list[int]:
    """True positives, missed, unneeded and true negatives among the users whose label is known."""
    row = site.query(
        f"select count(*) filter (probability >= {threshold} and label = 1) as tp, "
        f"count(*) filter (probability < {threshold} and label = 1) as fn, "
        f"count(*) filter (probability >= {threshold} and label = 0) as fp, "
        f"count(*) filter (probability < {threshold} and label = 0) as tn "
        f"from {LATEST} join users using (user_id) where window_start + interval 24 hour <= now()"
    )[0]
    return [row[name] for name in ("tp", "fn", "fp", "tn")]


@pytest.mark.parametrize("threshold", [0.6, 0.95])
def test_the_cockpit_counts_and_costs_what_a_threshold_would_have_meant(
    visitor: Visitor, site: Site, threshold: float
) -> None:
    page = visitor.go(f"model?threshold={threshold}&missed=10&unneeded=4")
    cells = [int(text.split()[0].replace(",", "")) for text in page.locator(".matrix td").all_inner_texts()]
    expected = confused(site, threshold)
    assert cells == expected
    assert sum(expected) > 300
    true, missed, unneeded, _ = expected
    cost = (missed * 10 + unneeded * 4) / sum(expected)
    assert f"Cost per user {cost:,.2f}".rstrip("0").rstrip(".") in tile(page, "Cost per user")
    every, nobody = (unneeded + expected[3]) * 4 / sum(expected), (true + missed) * 10 / sum(expected)
    assert f"{every:.2f}".rstrip("0").rstrip(".") in tile(page, "Cost per user")
    assert f"{nobody:.2f}".rstrip("0").rstrip(".") in tile(page, "Cost per user")
    assert f"{(true + unneeded) / sum(expected):.1%}".replace("%", "") in tile(page, "Users contacted a day")
    expect(page.locator("pre").first).to_contain_text("missed_user: 10, unneeded_offer: 4")


def test_a_slider_moves_the_numbers_and_the_address(visitor: Visitor) -> None:
    page = visitor.go("model")
    before = page.locator(".matrix").inner_text()
    page.evaluate(
        "() => { const one = document.getElementById('cockpit-threshold'); one.value = 0.97;"
        " one.dispatchEvent(new Event('input')); }"
    )
    assert page.locator(".matrix").inner_text() != before
    expect(page).to_have_url(re.compile(r"model\?threshold=0\.97$"))


def test_champion_and_challenger_are_compared_on_the_same_users(visitor: Visitor, site: Site) -> None:
    compared = site.api("model/comparison")
    clipped = "greatest(least({}, 1 - 1e-6), 1e-6)"
    loss = "-(label * ln({0}) + (1 - label) * ln(1 - {0}))"
    sides = {name: loss.format(clipped.format(name)) for name in ("champion", "challenger")}
    row = site.query(
        "with paired as (select user_id, max_by(one.probability, batch_id) as champion, "
        "max_by(other.probability, batch_id) as challenger from predictions as one "
        "join shadow_predictions as other using (user_id, batch_id) group by user_id) "
        "select count(*) as users, count(*) filter (known) as labelled, "
        f"avg({sides['champion']}) filter (known) as champion, avg({sides['challenger']}) filter (known) as challenger "
        "from (select *, window_start + interval 24 hour <= now() as known from paired join users using (user_id))"
    )[0]
    assert (compared["users"], compared["labelled"]) == (row["users"], row["labelled"])
    assert row["labelled"] > 100
    found = {side["side"]: side["log_loss"] for side in compared["sides"]}
    assert found == pytest.approx({name: row[name] for name in ("champion", "challenger")})
    assert compared["advantage"] == pytest.approx(row["champion"] - row["challenger"])
    page = visitor.go("model")
    expect(page.get_by_role("heading", name="ROC", exact=True)).to_be_visible()
    cells = page.locator("[data-table=sides] tbody tr").all_inner_texts()
    assert [text.split()[2] for text in cells] == [f"{row[name]:.3f}" for name in ("champion", "challenger")]


def test_a_versions_test_is_that_of_its_run(visitor: Visitor, site: Site) -> None:
    card = json.loads((REPOSITORY / "include" / "use_cases" / "first_day_churn" / "model.json").read_text())
    page = visitor.go("model")
    for metric, title in (("roc_auc", "ROC AUC, test"), ("log_loss", "log loss, test")):
        assert f"{card['metrics'][f'test_{metric}']:.3f}" in tile(page, title)
    expect(page.get_by_text("Mean absolute Shapley values")).to_be_visible(timeout=60_000)
    page.select_option("#version", "2")
    expect(page).to_have_url(re.compile("version=2"))
    expect(page.get_by_text("No labels for users scored by this version yet.")).to_be_visible()


def test_drift_is_ranked_by_what_was_measured(visitor: Visitor, site: Site) -> None:
    page = visitor.go("drift")
    rows = site.query("select subject, value from monitoring where metric = 'psi' order by value desc")
    shown = [text.split() for text in page.locator("[data-table=drift] tbody tr").all_inner_texts()]
    assert [(row[0], row[1]) for row in shown] == [(row["subject"], f"{row['value']:.3f}") for row in rows]
    page.get_by_role("link", name="win_rate").click()
    expect(page.get_by_role("heading", name="Distribution of win_rate")).to_be_visible(timeout=60_000)
    expect(page).to_have_url(re.compile("drift\\?feature=win_rate"))
    found = site.api("drift/win_rate")
    edges, bins = found["edges"], len(found["current"])
    below = site.value(f"select count(*) from predictions where win_rate < {edges[0]}")
    total = site.value("select count(*) from predictions")
    assert found["predictions"] == total
    assert found["current"][0] == pytest.approx((below + 0.5) / (total + 0.5 * bins))
    assert sum(found["reference"]) == pytest.approx(1)


def test_alerts_are_those_of_the_monitoring_run(visitor: Visitor, site: Site) -> None:
    page = visitor.go("drift")
    (share,) = (row["value"] for row in site.query("select value from monitoring where metric = 'quarantined_share'"))
    alert = page.locator("[data-table=alerts] tbody tr", has_text="files are in quarantine")
    expect(alert).to_contain_text(f"{share:.1%} of the last hour's files")
    expect(alert).to_contain_text("current")


def test_an_experiments_numbers_are_those_of_the_lake(visitor: Visitor, site: Site) -> None:
    page = visitor.go("experiments")
    page.get_by_role("link", name="offers-autumn-0.5").click()
    expect(page.locator(".state")).to_contain_text("This offer saved")
    assert page.url.endswith("#first_day_churn/experiments/offers-autumn-0.5")
    measured = site.query("select * from effects where experiment = 'offers-autumn-0.5' order by measured_at")
    newest = measured[-1]
    assert f"Effect +{100 * newest['effect']:.1f} percentage points; 95 % interval" in tile(page, "Effect")
    assert f"{100 * newest['valid_low']:.1f} to {100 * newest['valid_high']:.1f}" in tile(page, "Effect")
    assert f"{100 * newest['minimum_detectable']:.1f}" in tile(page, "Minimum detectable effect")
    arms = site.query(
        "select arm, count(*) as users from (select user_id, min_by(arm, batch_id) as arm from deliveries "
        "where experiment = 'offers-autumn-0.5' and arm is not null group by user_id) group by arm"
    )
    users = {row["arm"]: row["users"] for row in arms}
    assert f"Users {sum(users.values())} " in tile(page, "Users")
    shown = [text.split("\t") for text in page.locator("[data-table=arms] tbody tr").all_inner_texts()]
    assert [(row[0], int(row[1])) for row in shown] == [("treated", users["treated"]), ("held out", users["holdout"])]
    page.wait_for_selector(".plot canvas")
    drawn = page.evaluate(
        "[...document.querySelectorAll('.plot')].map((one) => echarts.getInstanceByDom(one)?.getOption())"
        ".filter(Boolean)[0].series.map((one) => one.data.map(([, value]) => value))"
    )
    assert drawn == [[row[name] for row in measured] for name in ("effect", "valid_low", "valid_high")]


def test_suppressed_predictions_have_reasons_in_words(visitor: Visitor, site: Site) -> None:
    page = visitor.go("experiments/offers-spring-0.5")
    rows = site.query(
        "select suppressed_because as reason, count(*) as predictions from deliveries "
        "where experiment = 'offers-spring-0.5' and suppressed_because is not null group by all"
    )
    assert [row["reason"] for row in rows] == ["budget"]
    row = page.locator("[data-table=suppressed] tbody tr")
    expect(row).to_contain_text("the budget of the day was used up")
    expect(row).to_contain_text(f"{rows[0]['predictions']:,}")


def test_without_an_experiment_the_page_says_how_to_begin_one(visitor: Visitor) -> None:
    page = visitor.go("experiments", "cart_abandonment")
    expect(page.get_by_text("No experiment yet.")).to_be_visible()
    page.get_by_role("button", name="Copy the YAML").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert yaml.safe_load(copied)["targets"]["offers"]["when"]["holdout"] == {"share": 0.1, "salt": "spring"}
    page = visitor.go("experiments/nothing")
    expect(page.get_by_text("no experiment nothing")).to_be_visible()


def test_an_alert_is_acknowledged_muted_and_notified_again(visitor: Visitor, site: Site) -> None:
    page = visitor.go("drift")
    row = page.locator("[data-table=alerts] tbody tr", has_text="more churn than came true").first
    sentence = row.locator("td").first.inner_text()
    assert any(reason.startswith(sentence) for reason in site.api("status")["state"]["reasons"])
    row.get_by_role("button", name="Acknowledge").click()
    expect(row).to_contain_text("until it is over by ada")
    assert not any(reason.startswith(sentence) for reason in site.api("status")["state"]["reasons"])
    row.get_by_role("button", name="Notify again").click()
    row.get_by_role("button", name="Mute 7 days").click()
    expect(row.locator(".pill")).to_have_text("muted")
    stored = site.query("select *, muted_until > now() + interval 6 day as is_long from alert_states")
    assert [(one["state"], one["changed_by"], one["is_long"]) for one in stored] == [("muted", "ada", True)]
    row.get_by_role("button", name="Notify again").click()
    expect(row.locator(".pill")).to_have_text("current")
    assert site.query("from alert_states") == []
    page.route("**/alerts", lambda route: route.fulfill(status=403, json={"detail": "no permission"}))
    row.get_by_role("button", name="Acknowledge").click()
    expect(row).to_contain_text("no permission")


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


def test_a_mapping_and_an_edited_row_are_tried_and_nothing_is_stored(visitor: Visitor, site: Site) -> None:
    before = site.query("select * from rejected_events order by all")
    page = visitor.go("lake")
    row = page.locator("[data-table=rejected] tbody tr", has_text="bet_amount: required by new_bet, missing")
    row.get_by_role("button", name="Try this mapping").click()
    rows = sum(one["reason"].startswith("bet_amount: required by new_bet, missing") for one in before)
    lines = sum(one["raw"] is not None for one in before)  # a whole file has none, and cannot be replayed
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


def test_a_prediction_is_that_of_the_inference_log(visitor: Visitor, site: Site) -> None:
    logged = site.query(f"select * from predictions where user_id = '{USER}' order by batch_id desc limit 1")[0]
    names = next(case["features"] for case in get(f"{site.url}/api/use_cases") if case["name"] == "first_day_churn")
    features = {name: logged[name] for name in names}
    answer = site.post("predict", json.dumps({"features": features}).encode())
    assert answer["probability"] == pytest.approx(logged["probability"], abs=1e-12)
    assert (answer["model_version"], answer["predicted"]) == (logged["model_version"], logged["predicted"])
    begun = time.perf_counter()
    times = []
    for _ in range(20):
        site.post("predict", json.dumps({"user_id": USER}).encode())
        times.append(time.perf_counter() - begun)
        begun = time.perf_counter()
    assert sorted(times)[10] < 1.0
    page = visitor.go("api")
    page.fill("#predict-body", json.dumps({"user_id": USER}))
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_text("by version 1")).to_be_visible()


def test_the_api_room_shows_every_request_and_its_examples_run(visitor: Visitor, site: Site) -> None:
    document = get(f"{site.url}/api/openapi.json")
    operations = [
        (method, path, about) for path, methods in document["paths"].items() for method, about in methods.items()
    ]
    page = visitor.go("api")
    expect(page.locator("details.request")).to_have_count(len(operations))
    for method, path, about in operations:
        one = page.locator(f"[id='request-{method}-{path}']")
        one.locator("summary").click()
        names = {parameter["name"] for parameter in about.get("parameters", [])} - {"use_case"}
        fields = one.locator(".fields-of:has(caption:text-is('Parameters')) tbody td:first-child .mono")
        expect(fields).to_have_count(len(names))
        assert {*fields.all_inner_texts()} == names, path
        assert site.url.split("/firstday")[0] in one.locator("pre").inner_text()
    assert violations(page) == []
    command = page.locator("[id='request-get-/api/{use_case}/status'] pre").inner_text()
    answered = subprocess.run(
        ["bash", "-c", command], capture_output=True, check=True, env={"TOKEN": "x", **os.environ}
    )
    assert json.loads(answered.stdout)["state"]["level"] == "degraded"
    body = (
        page.locator("[id='request-post-/api/{use_case}/query'] pre").inner_text().replace("…", "select 42 as answer")
    )
    answered = subprocess.run(["bash", "-c", body], capture_output=True, check=True, env={"TOKEN": "x", **os.environ})
    assert json.loads(answered.stdout)["rows"] == [[42]]
    page.fill("#requests-find", "rejected/")
    expect(page.locator("details.request:visible")).to_have_count(2)
    assert visitor.errors == []


def test_the_lineage_is_drawn_and_leads_to_the_tables(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake")
    page.get_by_role("link", name="Lineage").click()
    edges = site.api("lake/lineage")["edges"]
    pairs = {(one["source"], one["target"]) for one in edges if one["source"] != one["target"]}
    expect(page.locator(".lineage path")).to_have_count(len(pairs))
    expect(page.locator("[data-table=lineage] tbody tr")).to_have_count(len(edges))
    left = {
        name: page.locator(".node", has_text=re.compile(f"^{name}$")).bounding_box()
        for name in ("landing", "events", "predictions")
    }
    assert left["landing"]["x"] < left["events"]["x"] < left["predictions"]["x"]
    page.locator(".node", has_text="user_features").click()
    expect(page.get_by_role("heading", name="user_features")).to_be_visible()
    assert page.url.endswith("/lake/tables/user_features")


def test_the_overviews_numbers_are_those_of_the_lake(visitor: Visitor, site: Site) -> None:
    page = visitor.go("overview")
    numbers = site.query(
        "select (select count(*) from events) as events, (select count(*) from predictions) as predictions, "
        "(select count(*) from users where registered_at is not null) as users, "
        "(select count(*) from rejected_events) as rejected, "
        "(select count(*) from users where window_start <= now() and window_end >= now()) as current, "
        "(select sum(rows_rejected) from micro_batches where committed_at > now() - interval 1 hour) as hour_rejected, "
        "(select sum(rows_rejected + rows_stored) from micro_batches where committed_at > now() - interval 1 hour) "
        "as rows"
    )[0]
    assert f"{numbers['events']:,} in the lake" in tile(page, "Events per minute")
    assert f"{numbers['predictions']:,} in the inference log" in tile(page, "Predictions per minute")
    assert f"{numbers['current']:,} {numbers['users']:,} registered" in tile(page, "Users in their window")
    assert tile(page, "Rejected rows, last hour") == (
        f"Rejected rows, last hour {numbers['hour_rejected'] / numbers['rows']:.2%} "
        f"{numbers['hour_rejected']} rows of {numbers['rows']:,}, 1 file in quarantine; {numbers['rejected']} in all"
    ).replace("%", " %")


def test_the_charts_are_those_of_the_lake(site: Site) -> None:
    activity = site.api("activity?hours=24")
    begin, end = activity["events"]["step_at"][0], activity["events"]["step_at"][-1]
    step = activity["events"]["step_seconds"]
    bounds = f"between to_timestamp({begin})::timestamp and to_timestamp({end + step - 1})::timestamp"
    for name, values in activity["events"]["values"].items():
        counted = site.value(f"select count(*) from events where event_type = '{name}' and event_time {bounds}")
        assert sum(value or 0 for value in values) * step / 60 == pytest.approx(counted), name
    scored = site.value(f"select count(*) from predictions where scored_at {bounds}")
    assert sum(value or 0 for value in activity["predictions"]["values"]["predictions"]) * step / 60 == (
        pytest.approx(scored)
    )
    promoted = site.value("select count(*) from promotions")
    assert sum(mark["kind"] == "promotion" for mark in activity["marks"]) == promoted > 0


def test_a_range_that_ended_earlier_is_shown(site: Site) -> None:
    end = site.value("select cast(max(event_time) - interval 30 hour as varchar) from events").replace(" ", "T")
    events = site.api(f"activity?hours=6&until={end}Z")["events"]
    total = sum(value or 0 for values in events["values"].values() for value in values) * events["step_seconds"] / 60
    last = f"to_timestamp({events['step_at'][-1] + events['step_seconds']})::timestamp"
    counted = site.value(
        f"select count(*) from events where event_time >= to_timestamp({events['step_at'][0]})::timestamp "
        f"and event_time < {last}"
    )
    assert total == pytest.approx(counted)
    assert counted > 0


def test_charts_have_titles_of_axes_a_zoom_and_names_of_people(visitor: Visitor) -> None:
    page = visitor.go("overview")
    page.wait_for_selector(".plot canvas")
    options = page.evaluate(
        "[...document.querySelectorAll('.plot')].map((one) => echarts.getInstanceByDom(one)?.getOption())"
        ".filter(Boolean).map((one) => ({x: one.xAxis[0].name, y: one.yAxis[0].name, zoom: one.dataZoom.length,"
        " series: one.series.map((each) => each.name), marks: one.series[0].markLine?.data.map((each) => each.name)}))"
    )
    assert len(options) == 4
    for option in options:
        assert option["x"].startswith("time")
        assert option["y"]
        assert option["zoom"]
        assert not [name for name in option["series"] if "p95" in name or "_share" in name]
    assert {"median", "95th percentile"} in [set(option["series"]) for option in options]
    assert any("predicted churn" in option["series"] for option in options)


def test_a_range_is_selected_in_a_chart_and_stays_while_the_page_updates(visitor: Visitor) -> None:
    page = visitor.go("overview")
    page.wait_for_selector(".plot canvas")
    zoomed = (
        "(() => { const one = echarts.getInstanceByDom(document.querySelector('.plot')); const zoom ="
        " one.getOption().dataZoom[0]; return [zoom.start, zoom.end] })()"
    )
    page.evaluate(
        "echarts.getInstanceByDom(document.querySelector('.plot')).dispatchAction("
        "{type: 'dataZoom', start: 50, end: 75})"
    )
    page.wait_for_timeout(6500)
    assert page.evaluate(zoomed) == [50, 75]


def test_the_outcome_has_the_name_in_the_use_cases_yaml(visitor: Visitor) -> None:
    page = visitor.go("users", "cart_abandonment")
    expect(page.locator("#only option").nth(1)).to_have_text("predicted abandonment")
    visitor.go("model", "cart_abandonment")
    expect(page.get_by_role("heading", name="Users by probability of abandonment")).to_be_visible()
    assert "churn" not in page.locator("main").inner_text().lower()


def test_a_table_is_sorted_filtered_and_copied(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake")
    region = page.locator("[data-table=tables]")
    largest = "select table_name from ducklake_table_info('lake') order by file_size_bytes desc limit 1"
    region.get_by_role("button", name="Size").click()
    expect(region.locator("tbody tr").first).to_contain_text(site.value(largest))
    expect(region.locator("th[aria-sort=descending]")).to_contain_text("Size")
    region.get_by_role("button", name="Size").click()
    expect(region.locator("th[aria-sort=ascending]")).to_contain_text("Size")
    region.get_by_role("searchbox").fill("feature_")
    expect(region.locator("tbody tr")).to_have_count(2)
    region.get_by_role("button", name="Copy").click()
    copied = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert copied[0].split("\t")[0] == "Table"
    assert sorted(line.split("\t")[0] for line in copied[1:]) == ["feature_fingerprint", "feature_state"]


def test_the_risk_list_goes_through_all_users_in_pages(visitor: Visitor, site: Site) -> None:
    page = visitor.go("users")
    expected = site.query(
        "select users.user_id, max_by(probability, predictions.batch_id) as probability from users "
        "left join predictions using (user_id) where users.window_start <= now() and users.window_end >= now() "
        "group by users.user_id order by probability desc nulls last, user_id"
    )
    shown: list[list[str]] = []
    while True:
        shown += page.evaluate(
            "[...document.querySelectorAll('[data-table=users] tbody tr')]"
            ".map((row) => [row.cells[0].innerText, row.cells[1].innerText])"
        )
        following = page.get_by_role("button", name="Next")
        if following.is_disabled():
            break
        following.click()
        page.wait_for_function(
            "first => document.querySelector('[data-table=users] tbody td').innerText !== first", arg=shown[-50][0]
        )
    assert [row[0] for row in shown] == [row["user_id"] for row in expected]
    assert [row[1].replace("\xa0", " ") for row in shown] == [
        f"{row['probability']:.1%}".replace("%", " %") for row in expected
    ]


def test_a_cohort_is_that_of_the_registrations(visitor: Visitor, site: Site) -> None:
    page = visitor.go("users")
    page.select_option("#cohort", "campaign")
    page.select_option("#cohort-value", "spring")
    counted = site.value(
        "select count(distinct user_id) from users join events using (user_id) where campaign = 'spring' "
        "and window_start <= now() and window_end >= now()"
    )
    expect(page.locator("#listed > p").first).to_contain_text(f"{counted} users")
    first = page.locator("[data-table=users] tbody a").first.inner_text()
    assert site.value(f"select max(campaign) from events where user_id = '{first}'") == "spring"


def test_a_segment_is_that_of_the_yaml_and_a_filter_becomes_one(visitor: Visitor, site: Site) -> None:
    page = visitor.go("users")
    page.select_option("#segment", "high_deposits")
    counted = site.value(
        "select count(*) from users join (select user_id, max_by(purchase_sum, batch_id) as deposits from predictions "
        "group by user_id) using (user_id) where deposits >= 50 and window_start <= now() and window_end >= now()"
    )
    assert counted > 0
    expect(page.locator("#listed > p").first).to_contain_text(f"{counted} user")
    expect(page).to_have_url(re.compile("segment=high_deposits"))
    page.select_option("#cohort", "campaign")
    page.select_option("#cohort-value", "spring")
    page.select_option("#hour", "7")
    page.get_by_role("button", name="Copy as a segment for the YAML").click()
    copied = yaml.safe_load(page.evaluate("navigator.clipboard.readText()"))["segments"]["my_segment"]
    assert copied == {"registration": {"campaign": ["spring"]}, "registered_hours": [7]}
    Segment.model_validate(copied)
    with pytest.raises(HTTPError, match="422"):
        site.api("users?segment=nobody")


def test_reasons_are_words_with_medians(visitor: Visitor, site: Site) -> None:
    page = visitor.go("users")
    reason = page.locator(".reason", has_text="median").first
    expect(reason).to_be_visible()
    row = reason.locator("xpath=ancestor::tr")
    user, text = row.locator("a").inner_text(), row.locator(".reason").first.inner_text()
    logged = site.query(f"select * from predictions where user_id = '{user}' order by batch_id desc limit 1")[0]
    found = re.findall(
        r"([\d.,]+) h since the last event|([\d.,]+) wins|win rate ([\d.]+)|bets per hour ([\d.]+)", text
    )
    values = [float(value.replace(",", "")) for groups in found for value in groups if value]
    named = [logged[name] for name in ("hours_since_event", "win_count", "win_rate", "bets_per_hour")]
    assert values
    assert all(any(value == pytest.approx(other, abs=0.006) for other in named) for value in values), (text, named)


def test_a_user_is_shown_with_their_own_numbers(visitor: Visitor, site: Site) -> None:
    page = visitor.go(f"users/{USER}")
    expect(page.get_by_text("Shapley values")).to_be_visible(timeout=60_000)
    newest = site.value(f"select max_by(probability, batch_id) from predictions where user_id = '{USER}'")
    assert f"{newest:.1%}".replace("%", "") in tile(page, "Probability of churn").replace("\xa0", " ")
    events = site.value(f"select count(*) from events where user_id = '{USER}'")
    expect(page.locator("[data-table=events] .tablebar [role=status]")).to_contain_text(f"{events} rows")
    bets = site.value(f"select bet_count from user_features where user_id = '{USER}'")
    row = page.locator("[data-table=features] tr", has_text="bet_count")
    expect(row.locator("td").last).to_have_text(f"{bets:,}")
    assert visitor.errors == []


def test_the_page_is_small_and_quick(visitor: Visitor) -> None:
    size = sum(path.stat().st_size for path in STATIC.iterdir() if path.suffix in (".js", ".css", ".html", ".svg"))
    assert size < 1_500_000
    page = visitor.go("overview")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < 1000


def test_a_table_of_ten_thousand_rows_blocks_nothing(visitor: Visitor) -> None:
    page = visitor.go("api")
    longest = page.evaluate(
        """async () => {
          const { table } = await import("./static/table.js");
          const rows = Array.from({ length: 10000 }, (_, id) => ({ id, name: `user ${id}`, value: Math.sin(id) }));
          const columns = ["id", "name", "value"].map((id) => ({ id, title: id, number: id !== "name" }));
          let longest = 0, element;
          const take = (work) => {
            const begun = performance.now();
            work();
            longest = Math.max(longest, performance.now() - begun);
          };
          take(() => document.querySelector("main").append(element = table("many", "Many", columns, rows)));
          take(() => element.querySelector("#many-sort-value").click());
          take(() => {
            const find = element.querySelector("input");
            find.value = "99";
            find.dispatchEvent(new Event("input"));
          });
          take(() => element.querySelector("#many-next").click());
          return longest;
        }"""
    )
    assert longest < 200
