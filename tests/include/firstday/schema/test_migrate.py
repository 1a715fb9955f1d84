"""A lake that older code has made is brought to what this code expects, whole or not at all."""

from pathlib import Path

import pytest

from include.firstday.authoring import check_use_case
from include.firstday.lake import lake, statements
from include.firstday.lake.lake import Run
from include.firstday.schema import migrate
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

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
    statements.statement.cache_clear()
    yield copy
    statements.statement.cache_clear()


def change(folder: Path, path: str, old: str, new: str) -> None:
    file = folder / f"{path}.sql"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    statements.statement.cache_clear()


def make_first_version(churn: UseCase, statements: Path) -> None:
    """A lake as it was before schema versions, with an event in it."""
    now = {
        path: (statements / f"{path}.sql").read_text()
        for path in ("lake/built_from", "schema/open_lake/insert_built_from")
    }
    change(
        statements, "lake/built_from", "built_at timestamp not null,\n    schema_version bigint", "built_at timestamp"
    )
    (statements / "lake/insert_built_from.sql").write_text(
        "-- Old.\ninsert into built_from select $sql_sha256, $now where $schema_version > 0\n"
    )
    with open_lake(churn, Run(task="test")) as opened, opened.transaction():
        opened.query(BET)
    for path, text in now.items():
        (statements / f"{path}.sql").write_text(text)
    statements.statement.cache_clear()


def test_a_lake_without_a_version_is_the_first_and_is_upgraded_in_place(churn: UseCase, own_statements: Path) -> None:
    make_first_version(churn, own_statements)
    with open_lake(churn) as opened:
        assert opened.value("schema/open_lake/schema_version") == migrate.SCHEMA_VERSION
        assert opened.query("select user_id from events").to_pylist() == [{"user_id": "u1"}]


def test_a_new_column_is_null_in_what_is_stored(churn: UseCase, own_statements: Path) -> None:
    with open_lake(churn, Run(task="test")) as opened, opened.transaction():
        opened.query(BET)
    change(
        own_statements,
        "use_cases/first_day_churn/events",
        "    label integer,",
        "    label integer,\n    game varchar,",
    )
    with open_lake(churn, read_only=True) as opened:
        assert opened.query("select user_id, game from events").to_pylist() == [{"user_id": "u1", "game": None}]


def test_a_column_of_another_type_is_refused_and_nothing_has_changed(churn: UseCase, own_statements: Path) -> None:
    with open_lake(churn):
        pass
    path = "use_cases/first_day_churn/events"
    change(own_statements, path, "    label integer,", "    label varchar,\n    game varchar,")
    with pytest.raises(lake.LakeError, match="column label: stored as INTEGER, now declared as VARCHAR"):
        open_lake(churn).__enter__()
    change(own_statements, path, "    label varchar,\n    game varchar,", "    label integer,")
    with open_lake(churn) as opened:
        assert "game" not in opened.columns("events")


def test_a_lake_of_newer_code_is_refused(churn: UseCase, own_statements: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(migrate, "SCHEMA_VERSION", 99)
        change(own_statements, "lake/users", "-- One row", "-- Now one row")
        with open_lake(churn):
            pass
    change(own_statements, "lake/users", "-- Now one row", "-- One row")
    with pytest.raises(lake.LakeError, match="schema version 99, this code knows up to"):
        open_lake(churn).__enter__()


def test_the_check_of_a_use_case_still_runs_on_an_empty_lake(churn: UseCase) -> None:
    check_use_case.check(churn)
