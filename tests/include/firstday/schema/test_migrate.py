"""A lake that older code has made is brought to what this code expects, atomically."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from include.firstday.authoring import check_use_case
from include.firstday.errors import LakeError
from include.firstday.features import rebuild_features, update_features
from include.firstday.lake import connections, statements
from include.firstday.lake.run import Run
from include.firstday.models import promotion
from include.firstday.operations import backup, maintain_lake
from include.firstday.schema import create_tables, migrate
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.use_case.use_case import UseCase
from tests.minutes import minutes

EARLIER = Path(__file__).parent / "lake_0_1"
BET = """
insert into events by name select
    'u1' as user_id, 'new_bet' as event_type, timestamp '2026-11-20 10:00:00' as event_time,
    1 as batch_id, timestamp '2026-11-20 10:00:01' as ingested_at, 'a.ndjson' as source_file
"""


@pytest.fixture(autouse=True)
def own_statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `sql/` that a test may change."""
    import shutil

    copy = tmp_path / "sql"
    shutil.copytree(statements.SQL, copy)
    monkeypatch.setattr(statements, "SQL", copy)
    return copy


def change(folder: Path, path: str, old: str, new: str) -> None:
    file = folder / f"{path}.sql"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def restored(folder: Path) -> dict[str, Any]:
    """Restore the lake of version 0.1.0 into the home; what it held, under the names of that version."""
    with tarfile.open(EARLIER / "lake.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    backup.restore(folder / "lake_0_1")
    return json.loads((EARLIER / "expected.json").read_text())


def present_name(table: str, column: str) -> str:
    return migrate.RENAMED_COLUMNS.get(table, {}).get(column, column)


def test_a_lake_of_version_0_1_keeps_every_row_under_the_present_names(churn: UseCase, tmp_path: Path) -> None:
    held = restored(tmp_path / "backup")
    with open_lake(churn) as lake:
        assert migrate.version(lake) == migrate.SCHEMA_VERSION
        for table, content in held["content"].items():
            if table in (migrate.VIEW, "progress"):
                continue
            columns = ", ".join(f'"{present_name(table, column)}"::varchar' for column in content["columns"])
            name = migrate.RENAMED_TABLES.get(table, table)
            order = " where schema_version < 5" if name == "schema_history" else ""
            rows = [list(row.values()) for row in lake.query(f"select {columns} from {name}{order}").to_pylist()]
            assert sorted(rows, key=str) == sorted(content["rows"], key=str), table
        assert not migrate.RENAMED_TABLES.keys() & lake.tables()
        assert lake.count("alert_states") == 0  # a table that version 0.1.0 had not


def test_a_stage_of_version_0_1_whose_buckets_stand_apart_goes_on_from_the_last(churn: UseCase, tmp_path: Path) -> None:
    held = restored(tmp_path / "backup")["content"]["progress"]["rows"]
    assert {row[2] for row in held if row[0] == "update_features"} == {"4", "5"}
    with open_lake(churn) as lake:
        assert "bucket" not in lake.columns("checkpoints")
        found = {row["stage"]: row["batch_id"] for row in lake.query("from checkpoints").to_pylist()}
        assert lake.count("checkpoints") == len(found)
    assert found == {stage: min(int(row[2]) for row in held if row[0] == stage) for stage in {row[0] for row in held}}


def test_what_was_scored_beyond_the_last_bucket_is_scored_again_and_once(churn: UseCase, tmp_path: Path) -> None:
    held = restored(tmp_path / "backup")
    with connections.connect(churn.name) as lake, lake.transaction():  # `anna` is in one of the buckets at 5
        lake.query("insert into predictions select * replace (5 as batch_id) from predictions where batch_id = 4")
    promotion.register_bundled(churn)
    for stage in (update_features.update_features, score_users.score_users):
        stage(churn)
    with open_lake(churn) as lake:
        scored = "select user_id, batch_id::varchar as b, count(*) as n from predictions group by all order by all"
        found = [list(row.values()) for row in lake.query(scored).to_pylist()]
    assert found == [[user_id, batch_id, 1] for user_id, batch_id, _ in sorted(held["drained"]["predictions"]["rows"])]


def test_a_lake_of_version_0_1_goes_on_where_it_was(churn: UseCase, tmp_path: Path) -> None:
    held = restored(tmp_path / "backup")["drained"]
    promotion.register_bundled(churn)
    update_features.update_features(churn)
    score_users.score_users(churn)
    with open_lake(churn) as lake:
        for table in ("users", "feature_state"):
            columns = ", ".join(f'"{present_name(table, column)}"::varchar' for column in held[table]["columns"])
            rows = [list(row.values()) for row in lake.query(f"select {columns} from {table}").to_pylist()]
            assert sorted(rows, key=str) == sorted(held[table]["rows"], key=str), table
        behind = "select stage from checkpoints where stage in ('update_features', 'score_users') and batch_id < 5"
        assert lake.query(behind).num_rows == 0
    assert rebuild_features.rebuild_features(churn).changed == 0


def test_measurements_of_earlier_metrics_have_the_present_names(churn: UseCase, tmp_path: Path) -> None:
    restored(tmp_path / "backup")
    earlier = {"churn_rate_shift_low": "rate_shift_low", "realised_churn_rate": "realised_rate", "psi": "psi"}
    with connections.connect(churn.name) as lake, lake.transaction():
        lake.query("delete from monitoring")
        for metric in earlier:
            lake.query(
                "insert into monitoring by name select timestamp '2026-01-01' as measured_at, 1 as batch_id, "
                f"'{metric}' as metric, 'churn_probability' as subject, 0.5 as value"
            )
    with open_lake(churn) as lake:
        found = lake.query("select metric, subject from monitoring order by metric").to_pylist()
    assert found == [{"metric": name, "subject": "probability"} for name in sorted(earlier.values())]


def test_a_new_column_is_null_in_what_is_stored(churn: UseCase, own_statements: Path) -> None:
    with open_lake(churn, Run(task="test")) as lake, lake.transaction():
        lake.query(BET)
    change(
        own_statements,
        "use_cases/first_day_churn/events",
        "    label integer,",
        "    label integer,\n    game varchar,",
    )
    with open_lake(churn) as lake:
        assert lake.query("select user_id, game from events").to_pylist() == [{"user_id": "u1", "game": None}]


def event_folders(case: UseCase) -> set[tuple[str, ...]]:
    """The folders, below the table's, of the present files of events."""
    with open_lake(case, read_only=True) as lake:
        files = lake.query("select data_file from ducklake_list_files('lake', 'events', schema => 'first_day_churn')")
    found = [Path(file).parts for file in files["data_file"].to_pylist()]
    return {parts[parts.index("events") + 1 : -1] for parts in found}


def test_events_of_a_lake_by_the_hour_stay_and_new_ones_are_by_the_day(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = ("year=2026", "month=11", "day=20")
    with monkeypatch.context() as older:
        by_hour = {"events": ("event_time", "year", "month", "day", "hour")}
        older.setattr(create_tables, "PARTITIONED", {**create_tables.PARTITIONED, **by_hour})
        older.setattr(migrate, "SCHEMA_VERSION", 13)
        minutes(churn, -2, 3)
        with open_lake(churn, read_only=True) as lake:
            before = lake.query("from events order by all")
    by_hours = {(*day, "hour=11"), (*day, "hour=12")}
    assert event_folders(churn) == by_hours
    minutes(churn, 1, 2)
    assert event_folders(churn) == {*by_hours, day}
    maintain_lake.maintain_lake(churn)
    assert event_folders(churn) == {*by_hours, day}
    with open_lake(churn, read_only=True) as lake:
        assert lake.query("from events where batch_id <= 3 order by all").equals(before)
        assert lake.count_by_batch("events", 3).keys() == {4, 5}


def test_a_column_of_another_type_is_refused_and_nothing_has_changed(churn: UseCase, own_statements: Path) -> None:
    with open_lake(churn):
        pass
    path = "use_cases/first_day_churn/events"
    change(own_statements, path, "    label integer,", "    label varchar,\n    game varchar,")
    with pytest.raises(LakeError, match="column label: stored as INTEGER, now declared as VARCHAR"):
        open_lake(churn).__enter__()
    change(own_statements, path, "    label varchar,\n    game varchar,", "    label integer,")
    with open_lake(churn) as lake:
        assert "game" not in lake.columns("events")


def test_a_lake_of_newer_code_is_refused(churn: UseCase, own_statements: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(migrate, "SCHEMA_VERSION", 99)
        change(own_statements, "lake/users", "-- One row", "-- Now one row")
        with open_lake(churn):
            pass
    change(own_statements, "lake/users", "-- Now one row", "-- One row")
    with pytest.raises(LakeError, match="schema version 99, this code supports up to"):
        open_lake(churn).__enter__()


def test_the_check_of_a_use_case_still_runs_on_an_empty_lake(churn: UseCase) -> None:
    check_use_case.check(churn)
