"""Comments of tables and columns are in the lake, for every tool, as the statements have them."""

from typing import Any

from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.schema import comments
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase


def kept(lake: Lake) -> dict[tuple[str, str], Any]:
    rows = lake.rows("schema/comments/comments")
    return {(row["table_name"], row["column_name"]): row["comment"] for row in rows}


def test_a_lake_has_the_comments_of_its_statements(churn: UseCase) -> None:
    with open_lake(churn) as lake:
        found = kept(lake)
        assert {table for table, column in found if not column} == lake.tables()
        assert all(found[table, ""].startswith("One row") for table in lake.tables())
    assert found["events", "event_time"] == "when it happened"
    assert found["postcodes", "socioeconomic_idx"] == "index of the area"
    assert found["users", "closed_at"].startswith("first closing event")
    assert found["predictions", "probability"] == "calibrated probability of the outcome"
    assert found["predictions", "bet_var"] == "sample variance of the measure bet in the window"
    assert found["predictions", "hours_since_open"] == "hours since the window opened"
    assert found["predictions", "window_start"].startswith("first opening event")
    assert found["user_features", "bet_count"] is None  # DuckDB keeps none of a view's columns


def test_only_what_differs_is_written(churn: UseCase) -> None:
    with open_lake(churn, Run(task="comments")) as lake:
        before = kept(lake)
        with lake.transaction():
            lake.comment("events", "user_id", 'somebody\'s; "user"')
            lake.comment("events", "", "")
        assert (kept(lake)["events", "user_id"], kept(lake)["events", ""]) == ('somebody\'s; "user"', None)
        with lake.transaction():
            comments.write(lake, churn)
        assert kept(lake) == before
        last = lake.query("select max(snapshot_id) from ducklake_snapshots('lake')").to_pylist()
        with lake.transaction():
            comments.write(lake, churn)
        changes = lake.query("select changes from ducklake_snapshots('lake') order by snapshot_id desc limit 1")
        assert changes.to_pylist() == [{"changes": []}] or last == (
            lake.query("select max(snapshot_id) from ducklake_snapshots('lake')").to_pylist()
        )
