"""Volume, lag, rejected rows and quarantined files of the last hour: silent as usual, and an alert each."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.firstday import landing
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.monitoring import hourly
from include.firstday.monitoring.alerts import alerts
from include.firstday.monitoring.measured import Measured, as_rows
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.monitoring.conftest import Clock

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def stored(churn: UseCase, time: Clock) -> UseCase:
    """A day and more of history, stored at noon, and an earlier monitoring run."""
    generate_events.generate_history(churn, NOON, days=1.3)
    store_events.store_events(churn)
    with open_lake(churn) as lake, lake.transaction():
        lake.append("monitoring", as_rows([Measured("rows_stored", 1, "new_bet")], 1))
    return churn


def measured(case: UseCase) -> tuple[dict[str, float], list[str]]:
    with open_lake(case) as lake:
        found = list(hourly.last_hour(lake))
    return {one.metric: one.value for one in found}, list(alerts(case, found, []))


def bets(moment: datetime, count: int) -> list[str]:
    row = {"user_id": "u1", "event_type": "new_bet", "event_time": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
    return [json.dumps(row | {"bet_amount": f"{1 + number / 100:.2f}"}) for number in range(count)]


def write(case: UseCase, name: str, lines: list[str]) -> None:
    landing.deliver(case.name, name, lambda path: path.write_text("\n".join(lines) + "\n"))


def test_the_usual_number_of_events_is_silent_and_none_at_all_is_an_alert(stored: UseCase, time: Clock) -> None:
    time.at = NOON + timedelta(minutes=7)
    usual, silent = measured(stored)
    assert usual["events_last_hour"] > 500
    assert [alert for alert in silent if "events in the last whole hour" in alert] == []
    time.at = NOON + timedelta(hours=1, minutes=7)
    found, (alert,) = measured(stored)
    assert found["events_last_hour"] == 0
    assert alert.startswith("first_day_churn: 0 events in the last whole hour, ")
    assert alert.endswith(" are usual: more than a factor of 3")


def test_many_more_events_than_in_the_same_hour_of_other_days_are_an_alert(stored: UseCase, time: Clock) -> None:
    for days in (1, 2, 3, 4):
        time.at = NOON + timedelta(days=days, minutes=1)
        write(stored, f"day-{days}.ndjson", bets(time.at - timedelta(minutes=30), 300 if days < 4 else 15_000))
        store_events.store_events(stored)
    time.at = NOON + timedelta(days=4, minutes=7)
    found, told = measured(stored)
    assert (found["events_last_hour"], found["events_norm"]) == (15_000, 300)
    assert any("15,000 events in the last whole hour, 300 are usual" in alert for alert in told)


def test_a_lakes_first_day_is_no_norm_as_its_users_are_still_coming(churn: UseCase, time: Clock) -> None:
    for days, count in enumerate((5, 10, 300, 280, 260)):
        time.at = NOON + timedelta(days=days)
        write(churn, f"day-{days}.ndjson", bets(time.at - timedelta(minutes=30), count))
        store_events.store_events(churn)
    time.at = NOON + timedelta(days=5, minutes=7)
    assert measured(churn)[0]["events_norm"] == 280


def test_events_that_are_stored_long_after_they_happened_are_an_alert_but_one_old_file_is_not(
    stored: UseCase, time: Clock
) -> None:
    time.at = NOON + timedelta(minutes=20)
    for number, minutes in enumerate((2000, 1, 2)):
        write(stored, f"{number}.ndjson", bets(time.at - timedelta(minutes=minutes), 3))
        store_events.store_events(stored)
    time.at = NOON + timedelta(minutes=61)  # the history was stored more than an hour ago
    stored = stored.model_copy(update={"monitoring": stored.monitoring.model_copy(update={"minimum_rows": 10**9})})
    assert measured(stored)[1] == []
    for number in range(10):
        write(stored, f"late-{number}.ndjson", bets(time.at - timedelta(minutes=16, seconds=number), 2))
        store_events.store_events(stored)
    found, (alert,) = measured(stored)
    assert found["lag_seconds_median"] > 900
    assert "s after they happened, above 900 s" in alert


def test_rejected_rows_and_quarantined_files_of_the_last_hour_are_alerts_and_earlier_ones_are_not(
    stored: UseCase, time: Clock
) -> None:
    time.at = NOON + timedelta(minutes=7)
    write(stored, "broken.ndjson", [*bets(time.at, 4), '{"user_id": "u2"}'])
    landing.deliver(stored.name, "cut.parquet", cut_short)
    store_events.store_events(stored)
    time.at = NOON + timedelta(minutes=65)
    found, told = measured(stored)
    assert found["rejected_share"] == pytest.approx(1 / 3)  # the row, and the file as a row, of six
    assert found["quarantined_share"] == 0.5
    assert [alert for alert in told if "of the last hour's rows were rejected, above 5.0%" in alert]
    assert [alert for alert in told if "50.0% of the last hour's files are in quarantine, above 5.0%" in alert]
    time.at = NOON + timedelta(minutes=67, seconds=1)
    assert "rejected_share" not in measured(stored)[0]


def cut_short(path: Path) -> None:
    path.write_bytes(b"PAR1 and no more")
