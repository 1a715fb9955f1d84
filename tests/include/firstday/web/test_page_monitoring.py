"""The rooms Drift and performance and Experiments in Chromium."""

import re

import pytest
import yaml
from playwright.sync_api import expect

from tests.include.firstday.web.conftest import Site, Visitor, tile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


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
