"""The Risk list and one user in Chromium: who is listed, by which filter, and with which reasons."""

import re
from urllib.error import HTTPError

import pytest
import yaml
from playwright.sync_api import expect

from include.firstday.use_case.segments import Segment
from tests.include.firstday.web.conftest import USER, Site, Visitor, tile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


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
