"""The Model room in Chromium: the cockpit, champion and challenger, and a version's test."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from include.firstday.settings import REPOSITORY
from tests.include.firstday.web.conftest import Site, Visitor, tile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


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
    for metric, title in (("roc_auc", "ROC AUC, test"), ("log_loss", "Log loss, test")):
        assert f"{card['metrics'][f'test_{metric}']:.3f}" in tile(page, title)
    expect(page.get_by_text("Mean absolute Shapley values")).to_be_visible(timeout=60_000)
    page.select_option("#version", "2")
    expect(page).to_have_url(re.compile("version=2"))
    expect(page.get_by_text("No labels for users scored by this version yet.")).to_be_visible()


def test_a_training_is_started_and_a_version_promoted_after_a_question(visitor: Visitor) -> None:
    page = visitor.go("model")
    asked: list[tuple[str, Any]] = []

    def answer(route: Route) -> None:
        asked.append((route.request.url.split("/dags/")[1], route.request.post_data_json["conf"]))
        route.fulfill(json={"dag_run_id": "manual__1"})

    page.route("**/api/v2/dags/*/dagRuns", answer)
    page.get_by_role("button", name="Train, and promote if it passes every gate").click()
    started = page.get_by_role("link", name="Airflow run")
    expect(started).to_have_attribute("href", "/dags/first_day_churn.train_model/runs/manual__1")
    row = page.locator("[data-table=versions] tbody tr", has_text="version 2")
    row.get_by_role("button", name="Promote without its gates").click()
    assert asked == [("first_day_churn.train_model/dagRuns", {})]
    row.get_by_role("button", name="Make version 2 the champion?").click()
    expect(row.get_by_role("link", name="Airflow run")).to_be_visible()
    assert asked[1:] == [("first_day_churn.rollback_model/dagRuns", {"version": 2})]
    page.unroute("**/api/v2/dags/*/dagRuns")
    page.route("**/api/v2/dags/*/dagRuns", lambda route: route.fulfill(status=403, json={"detail": "Forbidden"}))
    page.get_by_role("button", name="Train, and promote if it passes every gate").click()
    expect(page.get_by_text("Forbidden")).to_be_visible()
