"""Refused rows after a fix: each becomes an event once, however often and from however many sides it is tried."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.firstday import landing
from include.firstday.features import update_features
from include.firstday.ingest import replay_rejected, store_events
from include.firstday.ingest.replay_rejected import Replayed
from include.firstday.lake import statements
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.events import Event
from include.firstday.use_case.use_case import UseCase

SPIN = {"user_id": "u1", "event_type": "new_spin", "event_time": "2026-11-20T10:00:00Z", "bet_amount": 1.5}
HEAD = "user_id;event_type;event_time;bet_amount;name\n"


def deliver(case: UseCase, name: str, content: bytes) -> None:
    landing.deliver(case.name, name, lambda path: path.write_bytes(content))


def ndjson(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def select(case: UseCase, text: str) -> list[dict[str, object]]:
    with open_lake(case, read_only=True) as lake:
        return lake.query(text).to_pylist()


@pytest.fixture
def fixed(churn: UseCase) -> UseCase:
    """The use case after its contract has learned of an event type."""
    return churn.model_copy(update={"events": dict(churn.events) | {"new_spin": Event(required=("bet_amount",))}})


def parquet(rows: list[dict[str, object]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", ndjson(SPIN, SPIN | {"user_id": "u2", "name": 'Zoë; "Z"'})),
        (
            "a.csv",
            (
                HEAD + 'u1;new_spin;2026-11-20T10:00:00Z;1.5;\nu2;new_spin;2026-11-20T10:00:00Z;1.5;"Zoë; ""Z"""\n'
            ).encode(),
        ),
        ("a.parquet", parquet([SPIN | {"name": None}, SPIN | {"user_id": "u2", "name": 'Zoë; "Z"'}])),
    ],
)
def test_a_row_of_any_format_is_stored_after_the_fix_as_if_it_had_come_then(
    churn: UseCase, fixed: UseCase, name: str, content: bytes
) -> None:
    deliver(churn, name, content)
    store_events.store_events(churn)
    assert replay_rejected.replay_rejected(churn) == Replayed(2, 0, ())
    assert replay_rejected.replay_rejected(fixed) == Replayed(2, 2, (2,))
    assert replay_rejected.replay_rejected(fixed) == Replayed(0, 0, ())
    replayed = select(churn, "select * exclude (batch_id, ingested_at) from events order by user_id")
    assert [row["name"] for row in replayed] == [None, 'Zoë; "Z"']
    assert {row["source_file"] for row in replayed} == {name}
    assert select(churn, "select count(*) as n from rejected_events where replayed_in = 2") == [{"n": 2}]
    (batch,) = select(churn, "select rows_stored, rows_rejected from micro_batches where batch_id = 2")
    assert batch == {"rows_stored": 2, "rows_rejected": 0}
    (step,) = update_features.update_features(fixed)
    assert (step.upto, step.users) == (2, 2)


def test_only_the_rows_of_the_reason_are_tried_and_only_good_ones_are_stored(churn: UseCase, fixed: UseCase) -> None:
    rows = [SPIN, SPIN | {"bet_amount": None}, SPIN | {"user_id": ""}, SPIN | {"event_type": "new_dance"}]
    deliver(churn, "a.ndjson", ndjson(*rows) + b"no json\n" + b'{"user_id": "\xff"}\n')
    store_events.store_events(churn)
    assert [row["rule"] for row in replay_rejected.rejected_by_rule(churn, "event_type")] == [
        "event_type: expected one of new_registration, new_purchases, new_bet, new_win"
    ]
    assert replay_rejected.replay_rejected(fixed, "user_id") == Replayed(1, 0, ())
    assert replay_rejected.replay_rejected(fixed, "event_type") == Replayed(3, 1, (2,))
    open_rows = select(churn, "select row_number from rejected_events where replayed_in is null order by 1")
    assert [row["row_number"] for row in open_rows] == [2, 3, 4, 5, 6]


def test_many_rows_are_stored_in_bounded_micro_batches(
    churn: UseCase, fixed: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_rejected, "ROW_LIMIT", 4)
    rows = [SPIN | {"user_id": f"u{number}", "bet_amount": number % 3 or None} for number in range(10)]
    deliver(churn, "a.ndjson", ndjson(*rows))
    store_events.store_events(churn)
    assert replay_rejected.replay_rejected(fixed) == Replayed(10, 6, (2, 3, 4))
    assert select(churn, "select count(distinct user_id) as n from events") == [{"n": 6}]


def test_a_replay_that_comes_between_is_noticed(
    churn: UseCase, fixed: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(churn, "a.ndjson", ndjson(SPIN))
    store_events.store_events(churn)
    stage, twins = replay_rejected.stage_all, iter([True])

    def stage_beside_a_twin(*arguments: object) -> None:
        if next(twins, False):
            assert replay_rejected.replay_rejected(fixed) == Replayed(1, 1, (2,))
        stage(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(replay_rejected, "stage_all", stage_beside_a_twin)
    assert replay_rejected.replay_rejected(fixed) == Replayed(0, 0, ())
    assert select(churn, "select count(*) as n from events") == [{"n": 1}]


def test_a_row_that_is_dismissed_meanwhile_is_not_stored(
    churn: UseCase, fixed: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(churn, "a.ndjson", ndjson(SPIN))
    store_events.store_events(churn)
    stage, dismissals = replay_rejected.stage_all, iter([True])

    def stage_beside_a_dismissal(*arguments: object) -> None:
        stage(*arguments)  # type: ignore[arg-type]
        if next(dismissals, False):
            assert replay_rejected.dismiss_rejected(churn, "") == 1

    monkeypatch.setattr(replay_rejected, "stage_all", stage_beside_a_dismissal)
    assert replay_rejected.replay_rejected(fixed) == Replayed(0, 0, ())
    assert select(churn, "select count(*) as n from events") == [{"n": 0}]


@pytest.fixture
def own_checks(churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(statements.SQL, tmp_path / "sql")
    monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
    return tmp_path / "sql" / "use_cases" / churn.name / "checks"


def test_a_loosened_check_lets_its_rows_in(churn: UseCase, own_checks: Path) -> None:
    deliver(churn, "a.ndjson", ndjson(SPIN | {"event_type": "new_bet", "bet_amount": -1}))
    store_events.store_events(churn)
    (rule,) = replay_rejected.rejected_by_rule(churn)
    assert rule["latest"] == "a.ndjson, row 1"
    (own_checks / "amounts.sql").unlink()
    assert replay_rejected.replay_rejected(churn).stored == 1
    assert replay_rejected.rejected_by_rule(churn) == []


def test_a_dismissed_row_stays_but_is_no_longer_pending(churn: UseCase, fixed: UseCase) -> None:
    deliver(churn, "spins.ndjson", ndjson(SPIN, SPIN | {"user_id": "u2"}, SPIN | {"event_type": None}))
    store_events.store_events(churn)
    assert replay_rejected.dismiss_rejected(churn, "event_type: expected") == 2
    assert [row["rule"] for row in replay_rejected.rejected_by_rule(churn)] == ["event_type: required, missing"]
    assert select(churn, "select count(*) as n, count(replayed_in) as dismissed from rejected_events") == [
        {"n": 3, "dismissed": 2}
    ]
    assert replay_rejected.replay_rejected(fixed).stored == 0
    assert replay_rejected.dismiss_rejected(churn, "event_type: expected") == 0


def test_a_file_that_cannot_be_read_is_named_without_its_folder(churn: UseCase, home: Path) -> None:
    deliver(churn, "broken.parquet", b"PAR1 broken broken broken PAR1")
    store_events.store_events(churn)
    (row,) = select(churn, "select reason from rejected_events")
    assert "broken.parquet" in str(row["reason"])
    assert str(home) not in str(row["reason"])
