"""A dry run of a replay says what the replay then does, with a mapping or edited rows, and stores nothing."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.firstday.errors import InputError
from include.firstday.ingest import replay_rejected, store_events
from include.firstday.ingest.try_rejected import Tried, describe, try_rejected, with_fields
from include.firstday.records import csv_records
from include.firstday.use_case.events import SourceMapping
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import rejected
from include.firstday.web.schemas.lake import EditedRow, Trial
from tests.include.firstday.ingest.test_replay_rejected import deliver, ndjson, select

BET = {"user_id": "u1", "event_type": "new_bet", "event_time": "2026-11-20T10:00:00Z", "bet_amonut": "1.50"}
REQUIRED = "bet_amount: required by new_bet, missing"


@pytest.fixture
def refused(churn: UseCase) -> UseCase:
    """Five bets under a misspelt name, one with a word as its amount, and a row of CSV with a decimal comma."""
    deliver(churn, "a.ndjson", ndjson(*[BET | {"user_id": f"u{number}"} for number in range(5)]))
    deliver(churn, "b.ndjson", ndjson({**BET, "bet_amonut": "ten"}))
    deliver(churn, "c.csv", b'user_id;event_type;event_time;bet_amount\nu9;new_bet;2026-11-20T10:00:00Z;"1,50"\n')
    store_events.store_events(churn)
    return churn


def test_a_mapping_is_tried_and_the_replay_does_what_was_said(refused: UseCase) -> None:
    before = select(refused, "select * from rejected_events order by all")
    assert try_rejected(refused) == Tried(7, 0, {REQUIRED: 6, "bet_amount: expected DECIMAL(18,2)": 1}, False)
    trial = rejected.try_rejected(refused, Trial(mapping={"columns": {"bet_amonut": "bet_amount"}}))
    assert trial.sentence == "5 of 7 rows would pass"
    assert {one.rule: one.rows for one in trial.broken} == {"bet_amount: expected DECIMAL(18,2)": 2}
    assert trial.yaml == "mapping:\n  columns:\n    bet_amonut: bet_amount\n"
    commas = {"columns": {"bet_amonut": "bet_amount"}, "decimal_comma": True}
    assert rejected.try_rejected(refused, Trial(mapping=commas)).passed == 6
    assert rejected.try_rejected(refused, Trial(reason=REQUIRED, mapping=commas)).tried == 6
    assert select(refused, "select * from rejected_events order by all") == before
    mapped = refused.model_copy(update={"mapping": SourceMapping.model_validate(commas)})
    assert replay_rejected.replay_rejected(mapped).stored == 6


def test_edited_rows_are_tried_by_themselves(refused: UseCase) -> None:
    place = {"batch_id": 1, "source_file": "b.ndjson", "row_number": 1}
    one = Trial(rows=[EditedRow(**place, fields={"bet_amonut": None, "bet_amount": "10"})])
    assert rejected.try_rejected(refused, one).sentence == "1 of 1 row would pass"
    still = rejected.try_rejected(refused, Trial(rows=[EditedRow(**place, fields={"bet_amount": "eleven"})]))
    assert [(found.rule, found.rows) for found in still.broken] == [("bet_amount: expected DECIMAL(18,2)", 1)]
    cell = EditedRow(batch_id=1, source_file="c.csv", row_number=1, fields={"bet_amount": "1.50"})
    assert rejected.try_rejected(refused, Trial(rows=[cell])).passed == 1


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        ({"mapping": {"columns": {"a": "nothing"}}}, "expected columns of events: .*; found nothing"),
        ({"mapping": {"time_zone": "Nowhere"}}, "mapping.time_zone: .*expected a time zone's name"),
        ({"mapping": {"names": {}}}, "mapping.names: Extra inputs are not permitted"),
        ({"rows": [{"batch_id": 9, "source_file": "a.ndjson", "row_number": 1, "fields": {}}]}, "a.ndjson, row 1: no"),
        ({"rows": [{"batch_id": 1, "source_file": "c.csv", "row_number": 1, "fields": {"x": "1"}}]}, "found x"),
    ],
)
def test_what_cannot_be_tried_is_named(refused: UseCase, trial: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        rejected.try_rejected(refused, Trial.model_validate(trial))


def test_without_rejected_rows_there_is_nothing_to_try(churn: UseCase, tmp_path: Path) -> None:
    deliver(churn, "a.ndjson", ndjson({**BET, "bet_amount": "1"}))
    store_events.store_events(churn)
    assert describe(try_rejected(churn)) == "0 of 0 rows would pass"


CELL = st.text(st.characters(exclude_categories=("C",), exclude_characters="\r\n"), max_size=8)


@given(st.lists(CELL, min_size=3, max_size=3), CELL, st.sampled_from(",;\t|"))
@settings(max_examples=60)
def test_an_edited_cell_is_what_is_read_and_no_other_changes(cells: list[str], value: str, delimiter: str) -> None:
    header = delimiter.join(["a", "b", "c"])
    raw = delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells)
    found = csv_records.parse_text(with_fields(raw, header, {"b": value}), delimiter)
    assert found == [cells[0], value, cells[2]]
