"""The lake's connections, side by side."""

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from include.firstday.errors import ConflictError
from include.firstday.lake import clock, connections
from include.firstday.lake.lake import Lake
from include.firstday.operations import maintain_lake
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

LARGE = "select range as number, md5(range::varchar) as word from range($first, $first + 1500000) order by word"
ROWS = 10
INTACT = "select count(*) as intact from words where word = md5(number::varchar) and number >= "


def test_two_that_spill_to_disk_at_once_do_not_share_files(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTDAY_MEMORY_LIMIT", "80MB")
    settings.cache_clear()
    with open_lake(churn):
        pass
    spilled: set[str] = set()

    def sort(first: int, then: Callable[[], object]) -> None:
        with open_lake(churn) as lake:
            lake.build_text("words", LARGE, first=first)
            then()
            # Row by row, as what needs memory of its own could find too little of it.
            assert lake.query(f"{INTACT}{first}").to_pylist() == [{"intact": 1_500_000}]

    def look() -> None:
        spilled.update(folder.name for folder in (settings().lake_folder / connections.SPILL).iterdir())

    met = threading.Barrier(2, timeout=120)
    failed: list[BaseException] = []

    def attempt(first: int) -> None:
        try:
            sort(first, lambda: (met.wait(), look()))
        except BaseException as error:
            failed.append(error)
            met.abort()

    threads = [threading.Thread(target=attempt, args=(first,)) for first in (0, 10**7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(spilled) == 2
    assert list((settings().lake_folder / connections.SPILL).iterdir()) == []


def narrowed(lake: Lake) -> None:
    """Fill a table so that DuckLake takes the last row's values for the bounds of all."""
    with lake.transaction():
        lake.query("create table numbers (value integer)")
        lake.query("insert into numbers values (null)")
        lake.query("insert into numbers select * from range(16)")
    with lake.transaction():
        lake.query("insert into numbers values (5)")


def test_no_row_is_missing_where_the_catalogs_bounds_are_too_narrow(churn: UseCase) -> None:
    with open_lake(churn) as lake:
        narrowed(lake)
        assert lake.query("select value from numbers where value = 0").num_rows == 1
        assert lake.query("select min(value) as least from numbers").to_pylist() == [{"least": 0}]
        values = lake.query("select value from numbers where value is not null order by value, value + 1")
        assert values["value"].to_pylist() == sorted([*range(16), 5])


def test_the_fault_in_ducklake_for_which_statistics_are_not_trusted_is_still_there(churn: UseCase) -> None:
    """Where this fails, the pinned DuckLake keeps the bounds: decision 20 may be taken back."""
    with open_lake(churn) as lake:
        narrowed(lake)
        lake.query("set disabled_optimizers = ''")
        assert lake.query("select value from numbers where value = 0").num_rows == 0


# DuckDB's SQLite and Python's, in one process, do not see each other's locks.
CHECKPOINT = """
import sqlite3, sys
catalog = sqlite3.connect(sys.argv[1], timeout=1, isolation_level=None)
catalog.execute("vacuum")
print(catalog.execute("pragma wal_checkpoint(truncate)").fetchone()[0])
"""


def test_who_has_read_holds_no_content_of_the_catalog(churn: UseCase, home: Path) -> None:
    for number in range(3):
        with open_lake(churn) as lake, lake.transaction():
            row = {"target": "a", "user_id": "u", "batch_id": number, "probability": 0.5}
            lake.insert_row("deliveries", **row, delivered_at=datetime(2026, 11, 20))
    with open_lake(churn) as lake:
        for read in (lake.has_rows, lake.count):
            read("deliveries")
            command = [sys.executable, "-c", CHECKPOINT, str(home / "lake" / "catalog.sqlite")]
            assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0\n"


def test_an_erasure_changes_nothing_in_a_snapshot_that_is_being_read(churn: UseCase) -> None:
    """The catalog forgets the snapshot and which rows of its files were deleted: no row is missing or there twice."""
    replace_rows(churn)
    assert rows_read(churn, meanwhile=lambda: replace_rows(churn)) == ROWS
    assert rows_read(churn, meanwhile=lambda: erase(churn, files=False)) == ROWS


def test_a_snapshot_whose_files_an_erasure_deletes_while_it_is_read_is_a_conflict(churn: UseCase) -> None:
    replace_rows(churn)
    with pytest.raises(ConflictError, match="expired while it was read"):
        rows_read(churn, meanwhile=lambda: erase(churn, files=True))


def replace_rows(case: UseCase) -> None:
    """Half of the rows anew, as an upsert does: a file with deleted rows, and one more file."""
    with open_lake(case) as lake, lake.transaction():
        has_rows = bool(lake.erase("tombstones", [f"{number}" for number in range(ROWS // 2)], by="user_sha256"))
        for number in range(ROWS // 2 if has_rows else ROWS):
            lake.insert_row("tombstones", user_sha256=f"{number}", salt="b", forgotten_at=clock.now())


def erase(case: UseCase, files: bool) -> None:
    """What an erasure does to the lake, or all of it up to the deletion of files."""
    replace_rows(case)
    with open_lake(case) as lake, lake.exclusive():
        if files:
            maintain_lake.purge(lake)
            return
        lake.rows("operations/maintain_lake/rewrite_files", table="tombstones", schema=lake.schema, threshold=0)
        (*old, _) = sorted(row["snapshot_id"] for row in lake.query("from ducklake_snapshots('lake')").to_pylist())
        lake.rows("operations/maintain_lake/expire_snapshots", versions=old)


def rows_read(case: UseCase, meanwhile: Callable[[], None]) -> int:
    """The rows of a table in one snapshot, during which something else happens."""
    with open_lake(case) as lake, lake.snapshot():
        lake.count("users")  # the first read decides on the snapshot
        meanwhile()
        return lake.count("tombstones")
