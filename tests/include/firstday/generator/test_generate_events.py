"""Generated events as landing files: repeatable to the byte, with the faults asked for, without a gap after a pause."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.firstday import landing
from include.firstday.generator import generate_events
from include.firstday.use_case import use_case

CASE = use_case.load("first_day_churn")
START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def waiting() -> dict[str, bytes]:
    return {file.name: file.path.read_bytes() for file in landing.pending(CASE.name)}


def rows(content: bytes) -> list[str]:
    return gzip.decompress(content).decode().splitlines()


def test_a_repeated_minute_has_the_same_name_and_bytes(home: Path) -> None:
    generate_events.generate_minutes(CASE, START, START + 3 * MINUTE)
    first = waiting()
    generate_events.generate_minutes(CASE, START, START + 3 * MINUTE)
    assert waiting() == first
    assert sorted(first) == [f"events-20261120T100{minute}.ndjson.gz" for minute in range(3)]


def test_lines_are_plain_json_without_nulls(home: Path) -> None:
    generate_events.generate_minutes(CASE, START, START + MINUTE)
    (content,) = waiting().values()
    for line in rows(content):
        event = json.loads(line)
        assert None not in event.values()
        assert START <= datetime.fromisoformat(event["event_time"]) < START + MINUTE


def test_faults_add_to_what_is_delivered_and_take_nothing_away(home: Path) -> None:
    clean = generate_events.generate_minutes(CASE, START, START + MINUTE)
    before = rows(waiting()["events-20261120T1000.ndjson.gz"])
    shares = {"duplicate_share": 0.2, "malformed_share": 0.1}
    faulty = generate_events.generate_minutes(CASE, START, START + MINUTE, shares)
    after = rows(waiting()["events-20261120T1000.ndjson.gz"])
    assert set(before) <= set(after)
    assert faulty.rows > clean.rows * 1.2


def test_late_events_come_in_a_later_file(home: Path) -> None:
    generate_events.generate_minutes(CASE, START, START + 121 * MINUTE, {"late_share": 0.5})
    late = set(rows(waiting()["events-20261120T1000.ndjson.gz"])) | {
        line for name in ("1005", "1030", "1200") for line in rows(waiting()[f"events-20261120T{name}.ndjson.gz"])
    }
    (landing.folder(CASE.name) / "events-20261120T1000.ndjson.gz").unlink()
    generate_events.generate_minutes(CASE, START, START + MINUTE)
    assert set(rows(waiting()["events-20261120T1000.ndjson.gz"])) <= late


def test_after_a_pause_the_missed_minutes_are_written(home: Path) -> None:
    generate_events.generate_history(CASE, START, days=0.1)
    generate_events.generate_missed(CASE, START + 10 * MINUTE + timedelta(seconds=5))
    names = [name for name in waiting() if name.endswith(".gz")]
    assert sorted(names) == [f"events-20261120T10{minute:02}.ndjson.gz" for minute in range(10)]
    assert generate_events.generate_missed(CASE, START + 10 * MINUTE).files == 0


def test_a_long_pause_leaves_a_file_an_hour_also_if_it_is_made_up_for_in_two_attempts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_events.generate_minutes(CASE, START, START + 183 * MINUTE, since=START)
    expected = sorted(line for content in waiting().values() for line in rows(content))
    for file in landing.pending(CASE.name):
        file.path.unlink()
    generate_events._remember(CASE, START, START)
    deliver, left = landing.deliver, iter(range(2))

    def full_after_two(*arguments: Any) -> Path:
        if next(left, None) is None:
            raise OSError("No space left on device")
        return deliver(*arguments)

    monkeypatch.setattr(landing, "deliver", full_after_two)
    with pytest.raises(OSError, match="No space left"):
        generate_events.generate_missed(CASE, START + 183 * MINUTE)
    monkeypatch.setattr(landing, "deliver", deliver)
    generate_events.generate_missed(CASE, START + 183 * MINUTE)
    assert sorted(waiting()) == [
        "events-20261120T1000-1100.ndjson.gz",
        "events-20261120T1100-1200.ndjson.gz",
        "events-20261120T1200-1300.ndjson.gz",
        *(f"events-20261120T130{minute}.ndjson.gz" for minute in range(3)),
    ]
    assert sorted(line for content in waiting().values() for line in rows(content)) == expected


def test_what_is_longer_ago_than_three_days_is_left_out_and_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(generate_events, "LONGEST_GAP", 2 * MINUTE)
    generate_events._remember(CASE, START - timedelta(days=1), START)
    generate_events.generate_missed(CASE, START + 5 * MINUTE)
    assert sorted(waiting()) == [f"events-20261120T100{minute}.ndjson.gz" for minute in (3, 4)]
    assert "are left out" in caplog.text


def test_history_has_one_file_an_hour_and_only_players_who_registered_in_it(home: Path) -> None:
    generate_events.generate_history(CASE, START, days=0.25)
    files = [file.path for file in landing.pending(CASE.name)]
    tables = [pq.read_table(file) for file in files]
    registered = {
        row["user_id"] for table in tables for row in table.to_pylist() if row["event_type"] == "new_registration"
    }
    assert len(files) == 6
    assert {user for table in tables for user in table["user_id"].to_pylist()} == registered
