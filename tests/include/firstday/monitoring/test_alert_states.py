"""Acknowledged and muted alerts: not notified until they are over or the mute has ended, and then again."""

import json
from datetime import timedelta

import pytest

from include.firstday.ingest import store_events
from include.firstday.lake.run import Run
from include.firstday.monitoring import alert_states, monitor_model
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.monitoring.conftest import Clock
from tests.include.firstday.monitoring.test_hourly import NOON, bets, write


def monitored(case: UseCase, hours: int, time: Clock, bad: int) -> monitor_model.MonitoringRun:
    """A monitoring run some hours after noon, and after a minute in which so many of a hundred rows were rejected."""
    time.at = NOON + hours * timedelta(minutes=61)
    rows = [json.loads(line) for line in bets(time.at - timedelta(minutes=1), 100)]
    for row in rows[:bad]:
        row["bet_amount"] = "ten"
    write(case, f"{hours}.ndjson", [json.dumps(row) for row in rows])
    store_events.store_events(case)
    done = monitor_model.monitor_model(case)
    assert done is not None
    return done


def rejecting(alerts: tuple[str, ...]) -> list[str]:
    return [alert for alert in alerts if "rows were rejected" in alert]


def change(case: UseCase, alert: str, state: str | None, hours: float = 24) -> None:
    alert_states.change(case, alert_states.key(alert), state, hours, Run(task="test"), "ada")


def test_an_acknowledged_alert_is_not_notified_until_it_begins_again(churn: UseCase, time: Clock) -> None:
    first = monitored(churn, 0, time, bad=20)
    (alert,) = rejecting(first.unsilenced)
    change(churn, alert, alert_states.ACKNOWLEDGED)
    again = monitored(churn, 1, time, bad=30)  # with other numbers the same alert
    assert rejecting(again.alerts) != rejecting(first.alerts)
    assert rejecting(again.unsilenced) == []
    assert "of them acknowledged or muted" in monitor_model.describe(again)
    assert rejecting(monitored(churn, 2, time, bad=0).alerts) == []
    assert len(rejecting(monitored(churn, 3, time, bad=20).unsilenced)) == 1


def test_a_mute_ends_at_its_time_and_not_with_the_alert(churn: UseCase, time: Clock) -> None:
    (alert,) = rejecting(monitored(churn, 0, time, bad=20).unsilenced)
    change(churn, alert, alert_states.MUTED, hours=2.5)
    assert rejecting(monitored(churn, 1, time, bad=0).alerts) == []
    assert rejecting(monitored(churn, 2, time, bad=20).unsilenced) == []
    with open_lake(churn, read_only=True) as lake:
        (row,) = lake.rows_of(alert_states.TABLE)
    assert (row["changed_by"], row["muted_until"]) == ("ada", (NOON + timedelta(hours=2.5)).replace(tzinfo=None))
    assert len(rejecting(monitored(churn, 3, time, bad=20).unsilenced)) == 1
    with open_lake(churn, read_only=True) as lake:
        assert lake.rows_of(alert_states.TABLE) == []


def test_an_alert_is_notified_again_when_asked_for(churn: UseCase, time: Clock) -> None:
    (alert,) = rejecting(monitored(churn, 0, time, bad=20).unsilenced)
    change(churn, alert, alert_states.ACKNOWLEDGED)
    change(churn, alert, alert_states.MUTED)  # instead
    with open_lake(churn, read_only=True) as lake:
        assert [row["state"] for row in lake.rows_of(alert_states.TABLE)] == ["muted"]
    change(churn, alert, None)
    assert len(rejecting(monitored(churn, 1, time, bad=20).unsilenced)) == 1


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("case: 6.0% of the last hour's rows", "case: 12% of the last hour's rows", True),
        ("stored 1,000 s after they happened, above 900 s", "stored 23,456 s after they happened, above 60 s", True),
        ("version 3 predicted 0.08 (0.06 to 0.10) more", "version 3 predicted -0.1 (-0.2 to 0.0) more", True),
        ("version 3 predicted 0.08 (0.06 to 0.10) more", "version 14 predicted 0.08 (0.06 to 0.10) more", False),
        ("0.1 more churn than came true up to 60 minutes", "0.1 more churn than came true up to 1440 minutes", False),
        ("case: win_rate is unknown for 5%", "case: bet_mean is unknown for 5%", False),
        ("case: bet_1h is unknown for 5%", "case: bet_24h is unknown for 5%", False),
        ("case: bet_last_10 is unknown for 5%", "case: bet_last_10 is unknown for 6.5%", True),
        (
            "case: a drifted from the champion's training set",
            "case: b, c drifted from the champion's training set",
            True,
        ),
    ],
)
def test_an_alert_is_the_same_with_other_values_of_the_same_subject(one: str, other: str, is_same: bool) -> None:
    assert (alert_states.key(one) == alert_states.key(other)) is is_same


def test_a_lake_of_older_code_has_no_states(churn: UseCase) -> None:
    with open_lake(churn) as lake, lake.transaction():
        lake.query("drop table alert_states")
    with open_lake(churn, read_only=True) as lake:
        assert alert_states.unsilenced(lake, ["an alert"]) == ("an alert",)
