"""Staging finds what was consumed before, however much that is."""

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.firstday import landing
from include.firstday.generator.events import events
from include.firstday.ingest import staging, store_events
from include.firstday.lake.lake import Lake
from include.firstday.lake.statements import statement
from include.firstday.operations import maintain_lake
from include.firstday.records import readers
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case as use_cases
from include.firstday.use_case.use_case import UseCase

CONSUMED = """
insert into consumed_files
select number || '.ndjson', 100, sha256(number::varchar), 1, 0, number // 10, null
from range($first, $end) as numbers(number)
"""


def sha256(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def rows_read(lake: Lake, arriving: list[str]) -> int:
    """How many rows the lookup has taken from data files."""
    text = f"explain (analyze, format json) {statement('ingest/staging/known_hashes').text}"
    ((_, plan),) = lake._connection.execute(text, {"arriving": arriving}).fetchall()

    def scanned(node: dict[str, Any]) -> int:
        own = node["operator_cardinality"] if node.get("operator_type") == "TABLE_SCAN" else 0
        return own + sum(map(scanned, node["children"]))

    return scanned(json.loads(plan))


def test_the_rows_that_a_lookup_reads_do_not_grow_with_the_files_consumed(churn: UseCase) -> None:
    arriving = [sha256(number) for number in (7, 150_000, -1, -2)]
    for first in (0, 100_000):
        with open_lake(churn) as lake, lake.transaction():
            lake._connection.execute(CONSUMED, {"first": first, "end": first + 100_000})
    maintain_lake.maintain_lake(churn)  # before the first, files may have row groups of any size
    with open_lake(churn) as lake:
        assert lake.count("consumed_files") == 200_000
        assert staging.known_hashes(lake, arriving) == {sha256(7): {None}, sha256(150_000): {None}}
        assert 0 < rows_read(lake, arriving) <= len(arriving) * maintain_lake.SORTED_ROW_GROUP
        # Of as many as a micro-batch has, each is a value of the filter, not only their range, nearly all here.
        ordered = sorted(sha256(number) for number in range(200_000))
        many = [*ordered[: store_events.FILE_LIMIT - 1], ordered[-1]]
        assert len(many) <= rows_read(lake, many) <= 2 * maintain_lake.SORTED_ROW_GROUP


@pytest.mark.parametrize("name", use_cases.names())
def test_good_files_of_every_use_case_are_staged_by_one_statement(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, until = use_cases.load(name), datetime(2026, 11, 20, tzinfo=UTC)
    rows = events(case.generator, until - timedelta(hours=1), until)
    landing.deliver(name, "a.parquet", lambda path: pq.write_table(rows, path))
    landing.deliver(name, "b.parquet", lambda path: pq.write_table(rows.slice(0, 10), path))
    text = "".join(json.dumps(row, default=str) + "\n" for row in rows.slice(10, 10).to_pylist())
    landing.deliver(name, "c.ndjson", lambda path: path.write_text(text, encoding="utf-8"))
    monkeypatch.setattr(staging, "_stage_file", None)  # the way of a file with a broken row
    (batch,) = store_events.store_events(case)
    assert (batch.rows_stored, batch.rows_rejected) == (len(rows) + 20, 0)


def test_files_of_the_same_columns_are_read_at_once_and_others_apart(tmp_path: Path) -> None:
    columns = {"whole": [1, 2], "text": ["1", "2"], "renamed": [1, 2]}
    tables = {name: pa.table({"renamed" if name == "renamed" else "value": values}) for name, values in columns.items()}
    forms = {}
    for number, (name, table) in enumerate([*tables.items()] * 3):
        pq.write_table(table, path := tmp_path / f"{number}.parquet")
        forms.setdefault(name, []).append(readers.form(path))  # all kept: equal by value, not by an address used again
    assert all(len(set(found)) == 1 for found in forms.values())
    assert len({found[0] for found in forms.values()}) == 3


BET = b'{"user_id": "u1", "event_type": "new_bet", "event_time": "2026-11-20T10:00:00Z", "bet_amount": 1.5}\n'


def deliver(case: UseCase, name: str, content: bytes) -> Path:
    return landing.deliver(case.name, name, lambda path: path.write_bytes(content))


def ledger(case: UseCase) -> list[tuple[str, int, int]]:
    with open_lake(case, read_only=True) as lake:
        rows = lake.query("select source_file, rows_stored, rows_rejected from consumed_files order by batch_id, 1")
    return [tuple(row.values()) for row in rows.to_pylist()]


def in_folder(case: UseCase, name: str) -> list[str]:
    folder = landing.folder(case.name) / name
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_copy_of_a_file_that_is_replaced_while_it_is_read_is_stored(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, copy = deliver(churn, "a.ndjson", BET), deliver(churn, "b.ndjson", BET)
    is_unchanged = landing.is_unchanged

    def replacing(file: landing.LandingFile) -> bool:
        if file.path == first and first.read_bytes() == BET:
            deliver(churn, "a.ndjson", BET.replace(b"u1", b"u2"))
        return is_unchanged(file)

    with monkeypatch.context() as reading:
        reading.setattr(landing, "is_unchanged", replacing)
        store_events.store_events(churn)
    store_events.store_events(churn)
    assert sorted(ledger(churn)) == [("a.ndjson", 1, 0), ("b.ndjson", 1, 0)]
    assert not copy.exists()


def test_a_file_that_is_moved_back_from_quarantine_is_tried_again(churn: UseCase) -> None:
    cut = gzip.compress(BET * 100)[:-20]
    path = deliver(churn, "cut.ndjson.gz", cut)
    store_events.store_events(churn)
    for attempt in (1, 2):
        assert ledger(churn) == [("cut.ndjson.gz", 0, 1)] * attempt
        assert in_folder(churn, "quarantine") == ["cut.ndjson.gz"]
        (landing.folder(churn.name) / "quarantine" / "cut.ndjson.gz").rename(path)
        store_events.store_events(churn)
    # A source that sends it again, while it is in quarantine, changes nothing.
    deliver(churn, "cut.ndjson.gz", cut)
    store_events.store_events(churn)
    assert len(ledger(churn)) == 3
    assert in_folder(churn, "consumed") == ["cut.ndjson.gz"]


def test_a_file_that_a_killed_run_did_not_move_to_quarantine_is_moved_and_not_tried_again(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(churn, "cut.ndjson.gz", gzip.compress(BET * 100)[:-20])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(landing, "retire", killed)
        with pytest.raises(KeyboardInterrupt):
            store_events.store_events(churn)
    store_events.store_events(churn)
    assert ledger(churn) == [("cut.ndjson.gz", 0, 1)]
    assert in_folder(churn, "quarantine") == ["cut.ndjson.gz"]
