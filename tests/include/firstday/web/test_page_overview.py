"""The Overview in Chromium: the state and its reasons, numbers and charts of the lake."""

import pytest
from playwright.sync_api import expect

from tests.include.firstday.web.conftest import Site, Visitor, tile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_state_is_degraded_by_the_last_hour(visitor: Visitor, site: Site) -> None:
    state = visitor.go("overview").locator(".state")
    batch = site.query("select * from micro_batches order by batch_id desc limit 1")[0]
    rejected, rows = batch["rows_rejected"], batch["rows_rejected"] + batch["rows_stored"]
    assert rejected > rows / 2
    expect(state).to_contain_text("degraded", ignore_case=True)
    expect(state).to_contain_text(f"The latest micro-batch rejected {rejected} of {rows} rows.")
    expect(state).to_contain_text("1 file is in quarantine.")


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
