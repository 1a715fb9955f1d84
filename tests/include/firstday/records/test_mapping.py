"""A source that calls things otherwise: what it means is stored, what it does not say is refused with its own words."""

import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.firstday import landing
from include.firstday.ingest import replay_rejected, staging, store_events
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.events import SourceMapping
from include.firstday.use_case.use_case import UseCase

NAMES = {"customer_id": "user_id", "what": "event_type", "when": "event_time", "Stake (EUR)": "bet_amount"}
TYPES = {"Bet Placed": "new_bet"}


def told(case: UseCase, **source: object) -> UseCase:
    """The use case with a source of other words."""
    return case.model_copy(
        update={"mapping": SourceMapping.model_validate({"columns": NAMES, "event_types": TYPES} | source)}
    )


def deliver(case: UseCase, name: str, content: bytes) -> None:
    landing.deliver(case.name, name, lambda path: path.write_bytes(content))


def select(case: UseCase, text: str) -> list[tuple[object, ...]]:
    with open_lake(case, read_only=True) as lake:
        return [tuple(row.values()) for row in lake.query(text).to_pylist()]


STORED = "select user_id, event_type, event_time, cast(bet_amount as double) from events order by event_time"


@pytest.mark.parametrize(
    ("source", "when", "stored"),
    [
        ({}, "2026-07-01T10:00:00", "2026-07-01 10:00:00"),
        ({"time_zone": "Europe/Berlin"}, "2026-07-01 10:00:00", "2026-07-01 08:00:00"),
        ({"time_zone": "Europe/Berlin"}, "2026-01-05 10:00", "2026-01-05 09:00:00"),
        ({"time_zone": "Europe/Berlin"}, "2026-01-05T10:00:00-05:00", "2026-01-05 15:00:00"),
        ({"time_zone": "Europe/Berlin"}, "2026-01-05T10:00:00Z", "2026-01-05 10:00:00"),
        ({"time_format": "%d.%m.%Y %H:%M"}, "24.03.2026 18:30", "2026-03-24 18:30:00"),
        ({"time_format": "%d.%m.%Y %H:%M", "time_zone": "Asia/Tokyo"}, "24.03.2026 08:30", "2026-03-23 23:30:00"),
        ({"time_format": "epoch_seconds"}, "1780000000.25", "2026-05-28 20:26:40.25"),
        ({"time_format": "epoch_milliseconds"}, "1780000000250", "2026-05-28 20:26:40.25"),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_names_types_and_times_are_translated(
    churn: UseCase, source: dict[str, str], when: str, stored: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_stage_file", None)  # the way of a file with a broken row
    case = told(churn, **source)
    row = {"customer_id": "c1", "what": "Bet Placed", "when": when, "Stake (EUR)": "1.50"}
    csv = ";".join(row) + "\n" + ";".join(row.values()) + "\n"
    deliver(case, f"a.{ending}", (csv if ending == "csv" else json.dumps(row) + "\n").encode())
    (batch,) = store_events.store_events(case)
    assert (batch.rows_stored, batch.rows_rejected) == (1, 0), select(case, "select reason from rejected_events")
    assert select(case, STORED) == [("c1", "new_bet", datetime.fromisoformat(stored), 1.5)]


def test_decimal_commas_and_our_own_names_beside_theirs(churn: UseCase) -> None:
    case = told(churn, decimal_comma=True)
    deliver(case, "a.csv", b'customer_id;what;when;"Stake (EUR)"\nc1;new_bet;2026-07-01 10:00;"1.234,50"\n')
    deliver(
        case,
        "b.ndjson",
        b'{"user_id":"c2","event_type":"new_bet","event_time":"2026-07-01 11:00","bet_amount":"2,5"}\n',
    )
    store_events.store_events(case)
    assert [(row[0], row[3]) for row in select(case, STORED)] == [("c1", 1234.5), ("c2", 2.5)]


def test_decimal_commas_are_those_of_csv_and_no_number_is_mapped_twice(churn: UseCase) -> None:
    case = told(churn, decimal_comma=True)
    numbers = {
        "a.csv": ("1.234", 1234.0),
        "b.csv": ("0.75", 0.75),
        "c.csv": ("1.234.567,8", None),
        "d.csv": ("12,", 12.0),
    }
    for name, (text, _) in numbers.items():
        row = f'user_id;event_type;event_time;bet_amount\n{name};new_bet;2026-07-01 10:00;"{text}"\n'
        deliver(case, name, row.encode())
    row = b'{"user_id":"e","event_type":"new_bet","event_time":"2026-07-01 11:00","bet_amount":0.75}\n'
    deliver(case, "e.ndjson", row)
    sink = pa.BufferOutputStream()
    bet = {"user_id": "f", "what": "refund", "when": "2026-07-01 12:00", "Stake (EUR)": "12,50"}
    pq.write_table(pa.Table.from_pylist([bet]), sink)
    deliver(case, "f.parquet", sink.getvalue().to_pybytes())
    store_events.store_events(case)
    stored = dict(select(case, "select user_id, cast(bet_amount as double) from events"))  # type: ignore[arg-type]
    assert stored == {name: value for name, (_, value) in numbers.items() if value} | {"e": 0.75}
    fixed = told(churn, decimal_comma=True, event_types={"refund": "new_bet"})
    assert replay_rejected.replay_rejected(fixed).stored == 1
    assert select(case, "select cast(bet_amount as double) from events where user_id = 'f'") == [(12.5,)]


def test_a_file_per_type_needs_no_type_and_a_refused_row_can_be_replayed(churn: UseCase) -> None:
    case = told(churn, columns=NAMES | {"bet_at": "event_time", "won_at": "event_time"}, files={
        "bets-*": "new_bet", "wins-*": "new_win",
    }, time_format="%d.%m.%Y")  # fmt: skip
    deliver(case, "bets-1.csv", b"customer_id,bet_at,bet_amount\nc1,24.03.2026,3\nc2,24.03.2026,\nc3,2026,1\n")
    deliver(case, "wins-1.csv", b"customer_id,won_at,win_amount\nc1,25.03.2026,9\n")
    store_events.store_events(case)
    assert [row[:2] for row in select(case, STORED)] == [("c1", "new_bet"), ("c1", "new_win")]
    assert select(case, "select row_number, reason, raw from rejected_events order by row_number") == [
        (2, "bet_amount: required by new_bet, missing", "c2,24.03.2026,"),
        (3, "event_time: expected TIMESTAMP, found '2026'", "c3,2026,1"),
    ]
    lenient = case.model_copy(
        update={"events": {name: event.model_copy(update={"required": ()}) for name, event in case.events.items()}}
    )
    assert replay_rejected.replay_rejected(lenient).stored == 1
    assert ("c2", "new_bet") in [row[:2] for row in select(case, STORED)]


def test_parquet_keeps_its_types(churn: UseCase, tmp_path: Path) -> None:
    case = told(churn, time_zone="Europe/Berlin")
    table = pa.table(
        {"customer_id": [7], "what": ["Bet Placed"], "when": [datetime(2026, 7, 1, 10)], "Stake (EUR)": [1.5]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    deliver(case, "a.parquet", (tmp_path / "a.parquet").read_bytes())
    store_events.store_events(case)
    assert select(case, STORED) == [("7", "new_bet", datetime(2026, 7, 1, 8), 1.5)]


@pytest.mark.parametrize(
    ("source", "said"),
    [({"time_zone": "Berlin"}, "expected a time zone's name"), ({"time_format": "iso"}, "expected a format such as")],
)
def test_a_wrong_setting_is_refused(source: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SourceMapping.model_validate(source)
