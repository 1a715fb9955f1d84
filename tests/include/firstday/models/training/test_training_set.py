"""The training set: nothing from after a cut-off, nothing that was unknown then, and labels only once known."""

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.firstday.errors import UseCaseError
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints, connections, statements
from include.firstday.lake.lake import Lake
from include.firstday.models.training import training_set
from include.firstday.operations import maintain_lake
from include.firstday.schema import create_tables
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

OPENED = datetime(2026, 11, 20, 12, 0)
HOUR = timedelta(hours=1)
Row = dict[str, Any]


def event(kind: str, at: datetime, stored: datetime | None = None, user: str = "u", **values: object) -> Row:
    return {"user_id": user, "event_type": kind, "event_time": at, "ingested_at": stored or at, **values}


def first_day(user: str = "u", label: int = 1) -> list[Row]:
    return [
        event("new_registration", OPENED - HOUR, user=user, label=label, postcode="1234"),
        event("new_purchases", OPENED, user=user, amount=20),
        event("new_bet", OPENED + timedelta(minutes=10), user=user, bet_amount=5),
        event("new_bet", OPENED + 5 * HOUR, user=user, bet_amount=7),
    ]


def rows(case: UseCase, events: list[Row], as_known: bool = False, watermark: timedelta = 30 * HOUR) -> list[Row]:
    """The training set of these events alone, in a lake of their own."""
    with connections.scratch(case.name) as lake:
        create_tables.create(lake, case)
        put(lake, events, OPENED + watermark)
        return training_set.rows(lake, case, 1, as_known).to_pylist()


def put(lake: Lake, events: list[Row], watermark: datetime) -> None:
    decimals = ("amount", "bet_amount", "win_amount")
    full = [
        {name: Decimal(str(value)) if name in decimals else value for name, value in row.items()}
        | {"batch_id": 1, "source_file": "test"}
        for row in events
    ]
    names = sorted({name for row in full for name in row})
    lake.append("events", pa.Table.from_pylist([{name: row.get(name) for name in names} for row in full]))
    ledger = {"batch_id": 1, "rows_stored": len(full), "rows_rejected": 0, "last_event_at": watermark}
    lake.append("micro_batches", pa.Table.from_pylist([ledger | {"started_at": watermark, "committed_at": watermark}]))


@pytest.fixture
def three_cutoffs(churn: UseCase) -> UseCase:
    training = churn.training.model_copy(update={"cutoff_minutes": (15, 60, 1440), "sampled_moments": 0})
    return churn.model_copy(update={"training": training})


def test_a_row_holds_what_had_happened_by_its_cutoff(three_cutoffs: UseCase) -> None:
    found = rows(three_cutoffs, first_day())
    assert [(row["cutoff_minutes"], row["bet_count"], row["bet_sum"]) for row in found] == [
        (15, 1, 5.0),
        (60, 1, 5.0),
        (1440, 2, 12.0),
    ]


late_events = st.builds(
    lambda kind, happened, delay, cents: event(
        kind[0],
        OPENED + timedelta(seconds=happened),
        OPENED + timedelta(seconds=happened + delay),
        **{kind[1]: cents / 100},
    ),
    st.sampled_from([("new_bet", "bet_amount"), ("new_win", "win_amount"), ("new_purchases", "amount")]),
    st.integers(0, 26 * 3600),
    st.integers(0, 26 * 3600),
    st.integers(0, 100_000),
)


@hypothesis_settings(max_examples=5)
@given(more=st.lists(late_events, min_size=1, max_size=6))
def test_no_event_from_after_a_cutoff_or_unknown_then_changes_a_row(three_cutoffs: UseCase, more: list[Row]) -> None:
    """With more events, a row is still what those make of it that had happened (or, as known, been stored) by then."""
    for as_known in (False, True):
        found = rows(three_cutoffs, first_day() + more, as_known)
        for row in found:
            until = OPENED + timedelta(minutes=int(str(row["cutoff_minutes"])))
            column = "ingested_at" if as_known else "event_time"
            before = [added for added in more if max(added["event_time"], added[column]) <= until]
            alone = rows(three_cutoffs, first_day() + before, as_known)
            assert row in alone


def test_every_user_has_as_many_sampled_moments_of_silence_and_of_activity(churn: UseCase) -> None:
    """As they are scored: after a minute with activity, at a step of silence, at the window's end."""
    users = [row for number in range(20) for row in first_day(f"u{number}")]
    found = [row for row in rows(churn, users) if row["cutoff_minutes"] is None]
    draws = churn.training.sampled_moments * len(churn.training.cutoff_minutes)
    counts = Counter(row["user_id"] for row in found)
    assert set(counts.values()) == {draws}
    assert len(counts) == 20
    scored = {
        "activity": {timedelta(minutes=11), 5 * HOUR + timedelta(minutes=1)},
        "silence": {timedelta(minutes=10) + step for step in SILENCES if step < 5 * HOUR - timedelta(minutes=10)}
        | {5 * HOUR + step for step in SILENCES},
        "window_end": {24 * HOUR},
    }
    for row in found:
        assert row["as_of"] - OPENED in scored[row["scored_because"]]
        hours = (row["as_of"] - OPENED) / HOUR
        assert row["hours_since_open"] == pytest.approx(hours)
        assert row["bet_count"] == 1 + (hours >= 5)
    assert {row["scored_because"] for row in found} == scored.keys()
    assert rows(churn, users) == rows(churn, list(reversed(users)))


@pytest.mark.parametrize("minutes", [10, 15, 16, 60, 301])
@pytest.mark.parametrize("as_known", [False, True])
def test_no_row_is_of_a_moment_from_the_closing_event_on(churn: UseCase, minutes: int, as_known: bool) -> None:
    """The other rows are as without it, as no row says when its user's risk was going to end."""
    ending = churn.model_copy(update={"window": churn.window.model_copy(update={"closed_by": ("new_win",)})})
    closed_at = OPENED + timedelta(minutes=minutes)
    events = [row for number in range(5) for row in first_day(f"u{number}")]
    events += [event("new_win", closed_at + HOUR * number, user=f"u{number}", win_amount=1) for number in range(2)]
    ends = {"u0": closed_at, "u1": closed_at + HOUR}
    found = rows(ending, events, as_known)
    assert found == [row for row in rows(churn, events, as_known) if row["as_of"] < ends.get(row["user_id"], LATER)]
    assert {row["user_id"] for row in found} >= {"u1", "u2"}


LATER = datetime(9999, 1, 1)


SILENCES = [timedelta(minutes=minutes) for minutes in (15, 60, 180, 360, 720)]


def test_an_event_that_was_stored_late_counts_only_where_as_known_is_not_asked_for(three_cutoffs: UseCase) -> None:
    late = event("new_bet", OPENED + timedelta(minutes=5), stored=OPENED + 2 * HOUR, bet_amount=100)
    happened = {row["cutoff_minutes"]: row["bet_count"] for row in rows(three_cutoffs, [*first_day(), late])}
    known = {row["cutoff_minutes"]: row["bet_count"] for row in rows(three_cutoffs, [*first_day(), late], True)}
    assert happened == {15: 2, 60: 2, 1440: 3}
    assert known == {15: 1, 60: 1, 1440: 3}


def test_a_user_who_was_not_known_yet_has_no_row(three_cutoffs: UseCase) -> None:
    late = [row | {"ingested_at": OPENED + 2 * HOUR} for row in first_day()[:1]] + first_day()[1:]
    assert [row["cutoff_minutes"] for row in rows(three_cutoffs, late, as_known=True)] == [1440]


def test_a_label_counts_only_once_it_could_have_been_known(churn: UseCase) -> None:
    assert rows(churn, first_day(), watermark=24 * HOUR - timedelta(seconds=1)) == []
    assert {row["label"] for row in rows(churn, first_day(), watermark=24 * HOUR)} == {1}


LABEL = """-- One row per user whose label can be known: 1 where nothing came between the window's end and then.
-- params: none
select
    mature_windows.user_id,
    cast(count(label_events.user_id) = 0 as integer) as label
from mature_windows
left join label_events
    on mature_windows.user_id = label_events.user_id and label_events.event_time > mature_windows.window_end
group by mature_windows.user_id
"""


@pytest.fixture
def observed(churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    """The shipped use case with a label that is observed: 72 hours after the window opened."""
    return with_label_sql(churn, LABEL, tmp_path, monkeypatch)


def with_label_sql(churn: UseCase, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    shutil.copytree(statements.SQL, tmp_path / "sql")
    (tmp_path / "sql" / "use_cases" / churn.name / "label.sql").write_text(text)
    monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
    training = churn.training.model_copy(update={"label": "derived", "label_known_after_hours": 72})
    return churn.model_copy(update={"training": training})


def test_an_observed_label_sees_nothing_from_after_it_could_be_known(observed: UseCase) -> None:
    returns = event("new_bet", OPENED + 71 * HOUR, user="returns", bet_amount=1)
    too_late = event("new_bet", OPENED + 73 * HOUR, user="too_late", bet_amount=1)
    events = [*first_day("returns", 1), returns, *first_day("too_late", 0), too_late]
    found = rows(observed, events, watermark=80 * HOUR)
    assert {(row["user_id"], row["label"]) for row in found} == {("returns", 0), ("too_late", 1)}
    assert rows(observed, events, watermark=71 * HOUR) == []


@pytest.mark.parametrize("label", ["2", "unnest([0, 1])"])
def test_a_label_that_is_none_is_refused(
    churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    case = with_label_sql(churn, f"select user_id, {label} as label from mature_windows", tmp_path, monkeypatch)
    with pytest.raises(UseCaseError, match="label: expected one of 0, 1 or null per user; 1 users have another"):
        rows(case, first_day(), watermark=80 * HOUR)


@pytest.mark.slow
def test_the_same_batch_gives_the_same_sha256_also_after_compaction(churn: UseCase) -> None:
    end = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    small = churn.model_copy(update={"training": churn.training.model_copy(update={"minimum_users": 10})})
    generate_events.generate_history(small, end, days=1.3)
    store_events.store_events(small)
    update_features.update_features(small)
    first = training_set.build_training_set(small)
    generate_events.generate_minutes(small, end, end + timedelta(minutes=3), since=end - timedelta(days=1.3))
    store_events.store_events(small)
    update_features.update_features(small)
    done = maintain_lake.maintain_lake(small)
    assert any("merge" in step for step in done)
    with open_lake(small, read_only=True) as lake:
        assert checkpoints.stored(lake).batch_id > first["batch_id"]
    again = training_set.build_training_set(small, int(str(first["batch_id"])))
    assert again["sha256"] == first["sha256"]
