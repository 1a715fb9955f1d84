"""Numbers of every room against SQL that is not the page's: tables and tiles as they are read, and drawn points."""

import json
import re
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.include.firstday.web.conftest import USER, Site, Visitor, tile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


FILES = (
    "select * from ducklake_table_info('lake') where schema_id = "
    "(select schema_id from __ducklake_metadata_lake.ducklake_schema where schema_name = 'first_day_churn')"
)


def shown(page: Page, name: str) -> list[list[str]]:
    """The cells of a table, as text on one line with plain blanks."""
    cells = "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText))"
    rows: list[list[str]] = page.locator(f"[data-table={name}] tbody tr").evaluate_all(cells)
    return [[" ".join(cell.split()) for cell in row] for row in rows]


def drawn(page: Page, title: str) -> dict[str, list[Any]]:
    """Points of each series of the chart with a title."""
    figure = page.locator("figure", has=page.get_by_role("heading", name=title))
    figure.locator("canvas").first.wait_for()
    found: dict[str, list[Any]] = figure.locator(".plot").evaluate(
        "(one) => Object.fromEntries("
        "echarts.getInstanceByDom(one).getOption().series.map((each) => [each.name, each.data]))"
    )
    return found


def percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def size(value: int) -> str:
    for unit in ("B", "kB", "MB"):
        if value < 1000 or unit == "MB":
            return f"{value:.1f} {unit}" if unit != "B" and value < 100 else f"{value:.0f} {unit}"
        value /= 1000  # type: ignore[assignment]
    raise AssertionError(value)


def newest_rate(site: Site, table: str, moment: str) -> int:
    """Rows of the last whole minute with any."""
    minute = f"date_trunc('minute', {moment})"
    last = f"least(max({minute}), date_trunc('minute', now()::timestamp) - interval 1 minute)"
    return int(site.value(f"select count(*) from {table} where {minute} = (select {last} from {table})"))


@pytest.mark.parametrize(
    ("title", "table", "moment"),
    [("Events per minute", "events", "event_time"), ("Predictions per minute", "predictions", "scored_at")],
)
def test_the_newest_rates_are_those_of_the_last_whole_minute_with_any(
    visitor: Visitor, site: Site, title: str, table: str, moment: str
) -> None:
    before = newest_rate(site, table, moment)
    text = tile(visitor.go("overview?hours=3"), title)
    after = newest_rate(site, table, moment)  # another one where a minute has passed meanwhile
    assert text.startswith((f"{title} {before:,} ", f"{title} {after:,} "))


def test_lag_and_rejected_shares_are_those_of_each_step(site: Site) -> None:
    activity = site.api("activity?hours=24")
    for part, sql in (
        (
            "lag",
            "select time_bucket(to_seconds({step}), scored_at, {begin}) as step_at, median(lag) as median_seconds, "
            "quantile_cont(lag, 0.95) as p95_seconds from (select scored_at, "
            "epoch(scored_at) - epoch(event_time) as lag from predictions join events using (user_id, batch_id) "
            "where event_time >= {begin}) where scored_at >= {begin} group by 1",
        ),
        (
            "rejected",
            "select time_bucket(to_seconds({step}), committed_at, {begin}) as step_at, sum(rows_rejected) / "
            "greatest(sum(rows_stored + rows_rejected), 1) as rejected_share from micro_batches "
            "where committed_at >= {begin} group by 1",
        ),
    ):
        series = activity[part]
        begin = f"to_timestamp({series['step_at'][0]})::timestamp"
        steps = sql.format(step=series["step_seconds"], begin=begin)
        rows = site.query(f"select epoch(step_at)::bigint as step, * exclude (step_at) from ({steps})")
        expected = {row["step"]: row for row in rows}
        known = 0
        for name, values in series["values"].items():
            for at, value in zip(series["step_at"], values, strict=True):
                assert value == pytest.approx(expected[at][name]) if value is not None else at not in expected
                known += value is not None
        assert known >= len(series["values"])


def test_the_stages_are_where_their_checkpoints_are(visitor: Visitor, site: Site) -> None:
    page = visitor.go("overview")
    newest = site.value("select max(batch_id) from micro_batches")
    expected = {
        row["stage"]: [f"{row['batch_id']:,}", f"{newest - row['batch_id']:,}"]
        for row in site.query("select stage, max(batch_id) as batch_id from checkpoints group by stage")
    }
    assert {row[0]: row[1:3] for row in shown(page, "stages")} == expected
    batch = site.query("select * from micro_batches order by batch_id desc limit 1")[0]
    latest = page.locator(".card", has=page.get_by_role("heading", name=f"Latest micro-batch: {newest}")).inner_text()
    assert f"{batch['rows_stored']:,} events stored, {batch['rows_rejected']:,} rows rejected" in latest


def test_every_listed_user_has_the_values_of_the_lake(site: Site) -> None:
    listed = site.api("users?limit=1000")
    rows = site.query(
        "select user_id, window_end, last_seen_at, list(probability order by made.batch_id) as history, "
        "max(scored_at) as scored_at, max_by(model_version, made.batch_id) as model_version, "
        "max_by(predicted, made.batch_id) as predicted from users left join predictions as made using (user_id) "
        "where users.window_start <= now() and users.window_end >= now() group by all"
    )
    expected = {row["user_id"]: row for row in rows}
    assert listed["total"] == len(expected) == len(listed["users"])
    for one in listed["users"]:
        row = expected[one["user_id"]]
        for name in ("window_end", "last_seen_at", "scored_at"):
            assert datetime.fromisoformat(one[name]).replace(tzinfo=None) == row[name]
        assert (one["model_version"], one["predicted"]) == (row["model_version"], row["predicted"])
        assert one["history"] == row["history"][-20:]


def test_a_users_predictions_and_events_are_those_of_the_lake(visitor: Visitor, site: Site) -> None:
    page = visitor.go(f"users/{USER}")
    predictions = site.query(f"select * from predictions where user_id = '{USER}' order by batch_id desc")
    assert [[row[1], row[4]] for row in shown(page, "predictions")] == [
        [percent(row["probability"]), f"{row['model_version']}"] for row in predictions
    ]
    found = drawn(page, "Probability of churn over time")["probability"]
    assert [point[1] for point in found] == [row["probability"] for row in reversed(predictions)]
    assert [len(point[2]) for point in found] == [
        len(json.loads(row["reasons"] or "[]")) for row in reversed(predictions)
    ]
    events = site.query(f"select event_type, count(*) as n from events where user_id = '{USER}' group by all")
    lines = drawn(page, "Cumulative events by type")
    assert {name: line[-1][1] for name, line in lines.items()} == {
        row["event_type"].replace("_", " "): row["n"] for row in events
    }


def test_versions_and_promotions_are_those_of_the_lake(visitor: Visitor, site: Site) -> None:
    page = visitor.go("model")
    used = site.query(
        "select model_version as version, count(*) filter (not is_shadow) as n, count(*) filter (is_shadow) as shadow, "
        "avg(predicted::int) filter (not is_shadow) as share from (select *, false as is_shadow from predictions "
        "union all select *, true from shadow_predictions) group by all"
    )
    assert any(row["shadow"] for row in used)
    rows = {row[0]: row for row in shown(page, "versions")}
    for row in used:
        predictions = f"{row['n']:,}" + (f", {row['shadow']:,} in shadow" if row["shadow"] else "")
        share = "–" if row["share"] is None else percent(row["share"])
        assert rows[f"version {row['version']}"][5:7] == [predictions, share]
    promoted = site.query("select * from promotions order by promoted_at desc")
    assert [(row[1], row[3]) for row in shown(page, "promotions")] == [
        (f"version {row['model_version']}", row["reason"]) for row in promoted
    ]


def test_distribution_and_calibration_are_those_of_the_predictions(visitor: Visitor, site: Site) -> None:
    page = visitor.go("model")
    latest = site.query(
        "select user_id, max_by(probability, batch_id) as p, max_by(predicted, batch_id) as predicted "
        "from predictions where scored_at >= now() - interval 1 day group by all"
    )
    bins = Counter((min(int(row["p"] * 20), 19), row["predicted"]) for row in latest)
    bars = drawn(page, "Users by probability of churn, last 24 hours")
    for is_predicted, name in ((False, "no predicted churn"), (True, "predicted churn")):
        assert {index: users for index, users in bars[name] if users} == {
            index: users for (index, predicted), users in bins.items() if predicted is is_predicted
        }
    known = site.query(
        "select p, label from (select user_id, max_by(probability, batch_id) as p from predictions "
        "where model_version = 1 group by all) join users using (user_id) "
        "where label is not null and window_start + interval 24 hour <= now()"
    )
    tenths: dict[int, list[dict[str, Any]]] = {}
    for row in known:
        tenths.setdefault(min(int(row["p"] * 10), 9), []).append(row)
    points = drawn(page, "Calibration: predicted against observed churn")["version 1"]
    for place, name in enumerate(("p", "label")):
        means = [sum(row[name] for row in tenths[tenth]) / len(tenths[tenth]) for tenth in sorted(tenths)]
        assert [point[place] for point in points] == pytest.approx(means)


def test_calibration_by_cutoff_is_that_of_the_latest_monitoring_run(visitor: Visitor, site: Site) -> None:
    page = visitor.go("model")
    rows = site.query(
        "select * from monitoring where metric like 'realised_calibration_gap%' and subject != '' "
        "and model_version = 1 order by subject::int"
    )
    assert rows
    found = drawn(page, "Calibration by hours since the window opened")
    for name, metric in (("predicted minus observed", ""), ("upper end", "_high")):
        assert found[name] == [
            [int(row["subject"]) / 60, row["value"]]
            for row in rows
            if row["metric"] == f"realised_calibration_gap{metric}"
        ]


def test_measurements_are_those_of_the_monitoring_table(site: Site) -> None:
    measured = [
        (row["metric"], row["subject"], row["model_version"], row["value"])
        for row in site.query("select * from monitoring order by measured_at, metric, subject")
    ]
    found = [
        (row["metric"], row["subject"], row["model_version"], row["value"]) for row in site.api("model")["monitoring"]
    ]
    assert found == measured
    assert len(measured) > 50


def test_tables_micro_batches_and_snapshots_are_those_of_the_lake(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake")
    names = [
        row["table_name"]
        for row in site.query(
            "select table_name from duckdb_tables() where schema_name = 'first_day_churn' and database_name = 'lake'"
        )
    ]
    files = {row["table_name"]: row for row in site.query(FILES)}
    found = {row[0]: row[1:] for row in shown(page, "tables")}
    assert found.keys() == set(names)
    for name in names:
        rows = site.value(f"select count(*) from {name}")
        assert found[name][:3] == [
            f"{rows:,}", f"{files[name]['file_count']:,}", size(files[name]["file_size_bytes"])
        ]  # fmt: skip
    batches = site.query(
        "select batch_id, rows_stored, rows_rejected, epoch(committed_at) - epoch(started_at) as seconds "
        "from micro_batches order by batch_id desc"
    )
    assert [[row[0], *row[3:5]] for row in shown(page, "batches")] == [
        [f"{row['batch_id']}", f"{row['rows_stored']:,}", f"{row['rows_rejected']:,}"] for row in batches
    ]
    commits = site.query(
        "select snapshot_id, commit_message from ducklake_snapshots('lake') where commit_message is not null "
        "order by snapshot_id desc limit 50"
    )
    assert [[row[0], row[2]] for row in shown(page, "snapshots")] == [
        [f"{row['snapshot_id']}", " ".join(row["commit_message"].split())] for row in commits
    ]
    rules = site.query(
        "select regexp_replace(reason, ', found .*', '') as rule, count(*) as n, count(distinct source_file) as files "
        "from rejected_events where replayed_in is null group by all"
    )
    rejected = {re.sub(r" Hint:.*", "", row[0]): row[1:3] for row in shown(page, "rejected")}
    for row in rules:
        assert rejected[row["rule"]] == [f"{row['n']:,}", f"{row['files']:,}"]


def test_a_tables_size_and_rows_over_time_are_those_of_the_lake(visitor: Visitor, site: Site) -> None:
    page = visitor.go("lake/tables/predictions")
    files = site.query(f"{FILES} and table_name = 'predictions'")[0]
    rows = site.value("select count(*) from predictions")
    assert (
        tile(page, "Rows") == f"Rows {rows:,} {size(files['file_size_bytes'])} in {files['file_count']} Parquet files"
    )
    counts = {
        row["batch_id"]: row["n"] for row in site.query("select batch_id, count(*) as n from predictions group by 1")
    }
    batches = site.query("select batch_id from micro_batches order by batch_id desc limit 200")
    points = drawn(page, "Rows by micro-batch")["rows"]
    assert [value for _, value in points] == [counts.get(row["batch_id"], 0) for row in reversed(batches)]
    page = visitor.go("lake/tables/user_features")
    assert tile(page, "Kind") == "Kind view computed when it is read"


def test_a_rate_of_an_earlier_time_is_shown_with_it(visitor: Visitor, site: Site) -> None:
    end = site.value("select strftime(max(event_time) - interval 2 hour, '%Y-%m-%dT%H:%M:00Z') from events")
    text = tile(visitor.go(f"overview?hours=3&until={end}"), "Events per minute")
    assert re.match(r"Events per minute [\d,]+ at [\d: -]+; [\d,]+ in the lake$", text)
