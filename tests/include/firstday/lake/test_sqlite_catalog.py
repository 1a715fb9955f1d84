"""A catalog without most ranges of columns: the same rows, files are left out by the others, nothing else changes."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import sqlite_catalog
from include.firstday.lake.lake import Lake
from include.firstday.operations import maintain_lake
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAYS = 3
LAST_DAY = "event_time >= timestamp '2026-11-22'"
CONDITIONS = (
    LAST_DAY,
    "batch_id = 2",
    "user_id <= (select median(user_id) from events)",
    "amount > 20.5",
    "amount is null",
    "label in (0, 1)",
    "name > 'A'",
    "event_type in ('new_bet', 'new_win') and bet_amount < 50",
    "campaign is not null",
)
REMAINING = """
    select tables.table_name, columns.column_name
    from ducklake_file_column_stats as ranges
    inner join ducklake_table as tables on ranges.table_id = tables.table_id
    inner join ducklake_schema as schemas on tables.schema_id = schemas.schema_id
    inner join ducklake_column as columns on ranges.table_id = columns.table_id and ranges.column_id = columns.column_id
    where schemas.schema_name = ?
"""


@pytest.fixture
def filled(churn: UseCase) -> UseCase:
    """A lake with events of some days, a minute each."""
    for day in range(DAYS):
        _minute(churn, NOON + timedelta(days=day))
    return churn


def _minute(case: UseCase, start: datetime) -> None:
    generate_events.generate_minutes(case, start, start + timedelta(minutes=1))
    store_events.store_events(case)
    update_features.update_features(case)


def _answers(case: UseCase) -> list[list[dict[str, object]]]:
    with open_lake(case, read_only=True) as lake:
        texts = [f"from events where {condition} order by all" for condition in CONDITIONS]
        return [lake.query(text).to_pylist() for text in (*texts, "from users order by all")]


def _files_read(lake: Lake, condition: str) -> int:
    (plan,) = lake.query(f"explain analyze select count(*) from events where {condition}").column(1).to_pylist()
    return sum(map(int, re.findall(r"Total Files Read: (\d+)", plan)))


def _ranges(schema: str) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(settings().catalog.removeprefix("sqlite:"))) as catalog:
        return set(catalog.execute(REMAINING, [schema]).fetchall())


def test_the_same_rows_are_found_and_files_of_other_days_are_left_out(filled: UseCase) -> None:
    before = _answers(filled)
    assert 0 not in [len(rows) for rows in before]
    maintain_lake.maintain_lake(filled)
    columns = {column for _, column in _ranges(filled.name)}
    assert {"event_time", "window_end", "batch_id", "user_id"} <= columns
    assert columns & {"amount", "name", "label", "event_type", "value_sum", "postcode"} == set()
    assert _answers(filled) == before
    with open_lake(filled, read_only=True) as lake:
        assert (_files_read(lake, "amount > 20.5"), _files_read(lake, LAST_DAY)) == (DAYS, 1)


def test_what_is_stored_next_has_its_ranges_and_is_found(filled: UseCase) -> None:
    with open_lake(filled) as lake, lake.exclusive():
        sqlite_catalog.drop_statistics(lake.schema)
    before = _answers(filled)
    _minute(filled, NOON + timedelta(days=DAYS))
    assert ("events", "amount") in _ranges(filled.name)
    after = _answers(filled)
    maintain_lake.maintain_lake(filled)
    assert _answers(filled) == after
    assert all(len(new) >= len(old) for old, new in zip(before, after, strict=True))
    assert len(after[0]) > len(before[0])


def test_another_schemas_ranges_stay(filled: UseCase) -> None:
    maintain_lake.maintain_lake(filled)
    with open_lake(filled) as lake, lake.exclusive():
        of_hashes = _ranges("main")
        sqlite_catalog.drop_statistics(lake.schema)
    assert of_hashes == _ranges("main")
    assert of_hashes
