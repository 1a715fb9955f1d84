"""Labels of moments: each is about the horizon after its own moment, and nothing else changes it."""

import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.firstday.errors import TooLittleDataError, UseCaseError
from include.firstday.features import outcomes
from include.firstday.lake import connections, statements
from include.firstday.models.training import training_set
from include.firstday.schema import create_tables
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.models.training.test_training_set import HOUR, OPENED, Row, event, first_day, put, rows

HORIZON = 10 * HOUR
# 1 where bets of more than 20 are placed in the ten hours after the moment; unknown of users without any event in them.
LABEL = """-- One row per user and moment whose label can be known: 1 if more than 20 were bet in the horizon.
-- params: none
-- reads: label_events, label_moments
select
    label_moments.user_id,
    label_moments.as_of,
    case when count(label_events.user_id) > 0 then
        cast(coalesce(sum(label_events.bet_amount), 0) > 20 as integer) end as label
from label_moments
left join label_events
    on label_moments.user_id = label_events.user_id and label_moments.as_of = label_events.as_of
group by label_moments.user_id, label_moments.as_of
"""


def with_horizon(case: UseCase, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **training: Any) -> UseCase:
    """The use case with labels of moments, by a statement in a copy of `sql/`."""
    if not (folder / "sql").exists():
        shutil.copytree(statements.SQL, folder / "sql")
    (folder / "sql" / "use_cases" / case.name / "label.sql").write_text(text)
    monkeypatch.setattr(statements, "SQL", folder / "sql")
    changed: dict[str, Any] = {"cutoff_minutes": [15, 60, 1440], "sampled_moments": 1}
    changed |= {"label": "derived", "label_known_after_hours": None, "label_horizon_hours": HORIZON / HOUR, **training}
    content = case.model_dump()
    return UseCase.model_validate(content | {"training": content["training"] | changed, "effect": {"outcome": "label"}})


@pytest.fixture
def horizon(churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    return with_horizon(churn, LABEL, tmp_path, monkeypatch)


def expected_label(events: list[Row], row: Row) -> int | None:
    """The label of a row by plain Python: of a user's distinct events in the horizon."""
    own = [one for one in events if one["user_id"] == row["user_id"] and one["event_time"] >= OPENED]
    ordered = sorted(own, key=lambda one: (one["event_time"], one["event_type"], str(one)))
    seen: set[object] = set()
    amounts = []
    for one in ordered:
        content = {name: value for name, value in one.items() if name != "ingested_at"}
        key = one.get("event_id") or tuple(sorted((name, str(value)) for name, value in content.items()))
        if key not in seen and row["as_of"] < one["event_time"] <= row["as_of"] + HORIZON:
            amounts.append(one.get("bet_amount", 0))
        seen.add(key)
    return int(sum(amounts) > 20) if amounts else None


def bets(spans: st.SearchStrategy[int], prefix: str = "") -> st.SearchStrategy[list[Row]]:
    """Bets of two users at minutes after the opening, some stored late, some twice or under the id of another."""
    one = st.builds(
        lambda user, minutes, delay, amount, number: event(
            "new_bet",
            OPENED + timedelta(minutes=minutes),
            OPENED + timedelta(minutes=minutes + delay),
            user=user,
            bet_amount=amount,
            **({"event_id": f"{prefix}{user}-{number}"} if number else {}),
        ),
        st.sampled_from(["u", "v"]),
        spans,
        st.sampled_from([0, 0, 1, 600]),
        st.integers(1, 15),
        st.integers(0, 6),
    )
    return st.lists(one, max_size=12).flatmap(
        lambda made: st.lists(st.sampled_from(made), max_size=4).map(lambda more: made + more) if made else st.just([])
    )


ANYWHEN = st.integers(0, 60 * 60)
FEW = hypothesis_settings(max_examples=8)


@pytest.mark.slow
@FEW
@given(more=bets(ANYWHEN), watermark=st.integers(5, 70), as_known=st.booleans(), seed=st.integers(0, 99))
def test_labels_are_those_of_an_independent_computation(
    horizon: UseCase, more: list[Row], watermark: int, as_known: bool, seed: int
) -> None:
    """At all cut-offs and sampled moments; a row is there exactly if its horizon is over and its label known."""
    events = [*first_day("u"), *first_day("v"), *more]
    random.Random(seed).shuffle(events)
    until = OPENED + watermark * HOUR
    events = [one for one in events if one["event_time"] <= until]
    found = rows(horizon, events, as_known, watermark * HOUR)
    for row in found:
        assert row["label_known_at"] == row["as_of"] + HORIZON <= until
        assert row["label"] == expected_label(events, row)
    if as_known:
        return
    at_cutoffs = {(row["user_id"], row["as_of"]) for row in found if row["cutoff_minutes"] is not None}
    possible = [
        {"user_id": user, "as_of": OPENED + timedelta(minutes=minutes)}
        for user in "uv"
        for minutes in horizon.training.cutoff_minutes
    ]
    assert at_cutoffs == {
        (one["user_id"], one["as_of"])
        for one in possible
        if one["as_of"] + HORIZON <= until and expected_label(events, one) is not None
    }


@pytest.mark.slow
@FEW
@given(before=bets(ANYWHEN, "a"), change=bets(ANYWHEN, "b"), at=ANYWHEN, as_known=st.booleans())
def test_no_later_event_changes_features_and_none_after_the_horizon_a_label(
    horizon: UseCase, before: list[Row], change: list[Row], at: int, as_known: bool
) -> None:
    """Events from a time on are replaced by others: rows before it have the same features, and those whose horizon was
    over by then are the same in all columns."""
    since = OPENED + timedelta(minutes=at)
    first = [*first_day("u"), *first_day("v"), *before]
    second = [one for one in first if one["event_time"] <= since]
    second += [one for one in change if one["event_time"] > since]
    found = [{key_of(row): row for row in rows(horizon, events, as_known, 80 * HOUR)} for events in (first, second)]
    for one, other in (found, found[::-1]):
        for key, row in one.items():
            if row["as_of"] <= since and key in other:
                names = ["user_id", "window_start", *horizon.features]
                assert [row[name] for name in names] == [other[key][name] for name in names]
            if row["label_known_at"] <= since:
                assert other[key] == row


def key_of(row: Row) -> tuple[str, datetime, object]:
    return row["user_id"], row["as_of"], row["cutoff_minutes"]


@pytest.mark.slow
def test_a_row_is_there_from_the_moment_at_which_its_own_horizon_is_over(horizon: UseCase) -> None:
    """At the watermark of its last microsecond; the other cut-offs of the user are not there yet."""
    opened = {15: 1, 60: 2}
    for minutes, count in opened.items():
        over = timedelta(minutes=minutes) + HORIZON
        for watermark, expected in ((over - timedelta(microseconds=1), count - 1), (over, count)):
            found = [row for row in rows(horizon, first_day(), watermark=watermark) if row["cutoff_minutes"]]
            assert len(found) == expected
    assert rows(horizon, first_day(), watermark=5 * HOUR) == []


@pytest.mark.slow
def test_a_repeated_event_counts_once_and_one_at_the_end_of_the_horizon_counts(horizon: UseCase) -> None:
    end = OPENED + timedelta(minutes=60) + HORIZON
    twice = [event("new_bet", end, bet_amount=11), event("new_bet", end, stored=end + HOUR, bet_amount=11)]
    at_60 = {len(more): label_at(horizon, [*first_day(), *more], 60) for more in ([], twice[:1], twice)}
    assert at_60 == {0: 0, 1: 0, 2: 0}  # 7, then 7 + 11
    once_more = [*twice, event("new_bet", end, bet_amount=12)]
    assert label_at(horizon, [*first_day(), *once_more], 60) == 1
    too_late = [event("new_bet", end + timedelta(microseconds=1), bet_amount=100)]
    assert label_at(horizon, [*first_day(), *too_late], 60) == 0
    at_the_moment = [event("new_bet", OPENED + timedelta(minutes=60), bet_amount=100)]
    assert label_at(horizon, [*first_day(), *at_the_moment], 60) == 0


def label_at(case: UseCase, events: list[Row], minutes: int) -> int:
    (row,) = [one for one in rows(case, events, watermark=80 * HOUR) if one["cutoff_minutes"] == minutes]
    return int(row["label"])


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("2", "label: expected one of 0, 1 or null per user and moment; 1 users have another"),
        ("unnest([0, 1])", "label: expected one of 0, 1 or null per user and moment; 1 users have another"),
        ("'high'", "label: expected 0, 1 or null, found values of VARCHAR; a model predicts one outcome"),
        ("3.7", "is u with 3.7; a model predicts one outcome"),
    ],
)
def test_a_label_that_is_none_is_refused(
    churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str, said: str
) -> None:
    text = f"select user_id, as_of, {label} as label from label_moments"
    case = with_horizon(churn, text, tmp_path, monkeypatch)
    with pytest.raises(UseCaseError, match=said):
        rows(case, first_day(), watermark=80 * HOUR)


def test_no_horizon_of_a_training_row_reaches_into_the_test(horizon: UseCase) -> None:
    """The test is the newest quarter of users, and begins when the window of the first of them opened."""
    moments = [OPENED + timedelta(hours=hour) for hour in range(100)]
    frame = pd.DataFrame(
        {
            "user_id": [f"u{number}" for number in range(100) for _ in (1, 20)],
            "window_start": [moment for moment in moments for _ in (1, 20)],
            "as_of": [moment + later * HOUR for moment in moments for later in (1, 20)],
            "label": 0,
        }
    ).assign(label_known_at=lambda rows: rows["as_of"] + HORIZON)
    train, test = training_set.split(frame)
    assert set(test["user_id"]) == {f"u{number}" for number in range(75, 100)}
    assert len(test) == 50
    assert train["label_known_at"].max() == test["window_start"].min() == moments[75]
    assert len(train[train["as_of"] == train["window_start"] + HOUR]) == 75 - 10  # of those who opened in 0 … 64
    assert len(train[train["as_of"] != train["window_start"] + HOUR]) == 75 - 29
    without, _ = training_set.split(frame.drop(columns="label_known_at"))
    assert len(without) == 150


def test_too_few_rows_before_the_test_are_refused(horizon: UseCase, tmp_path: Path) -> None:
    path = tmp_path / "training_set.parquet"
    opened = [OPENED + timedelta(minutes=number) for number in range(400)]
    frame = pd.DataFrame({"user_id": [f"u{number}" for number in range(400)], "window_start": opened})
    frame.assign(label_known_at=frame["window_start"] + HORIZON).to_parquet(path)
    with pytest.raises(TooLittleDataError, match="0 users have a row whose label was known before 2026-11-20 17:00:00"):
        training_set._check_split(horizon, path)
    frame.assign(label_known_at=frame["window_start"] + HOUR).to_parquet(path)
    training_set._check_split(horizon, path)


def test_an_outcome_is_about_the_horizon_after_a_user_entered_the_experiment(horizon: UseCase) -> None:
    entered = {"u": OPENED + HOUR, "v": OPENED + 6 * HOUR, "late": OPENED + 75 * HOUR, "silent": OPENED + 30 * HOUR}
    events = [row for user in entered for row in first_day(user)]
    events += [event("new_bet", OPENED + 10 * HOUR, user=user, bet_amount=14) for user in ("u", "v")]
    with connections.scratch(horizon.name) as lake:
        create_tables.create(lake, horizon)
        put(lake, events, OPENED + 80 * HOUR)
        users = [
            {"user_id": user, "registered_at": OPENED - HOUR, "window_start": OPENED, "window_end": OPENED + 24 * HOUR,
             "first_seen_at": OPENED - HOUR, "last_seen_at": OPENED + 5 * HOUR, "batch_id": 1}
            for user in entered
        ]  # fmt: skip
        lake.append("users", pa.Table.from_pylist(users))
        assigned = [{"user_id": user, "assigned_at": at} for user, at in entered.items()]
        lake.build_rows("assigned_users", pa.Table.from_pylist(assigned))
        outcomes.build_outcomes(lake, horizon, OPENED + 80 * HOUR)
        found = {row["user_id"]: row["outcome"] for row in lake.rows_of("outcomes")}
    assert found == {"u": 0.0, "v": 1.0}  # 7 + 14 were bet after the entry of u: churn, which is not wanted
