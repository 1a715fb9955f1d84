"""Segments: a target reaches the users of its segment only, each once, whoever enters it later too."""

import json
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.firstday import landing
from include.firstday.authoring import check_use_case
from include.firstday.delivery import segments
from include.firstday.errors import DeliveryError, UseCaseError
from include.firstday.features import update_features
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.delivery import test_deliver_predictions as delivering
from tests.include.firstday.delivery.test_decisions import NOON, deliver, reached, rows, with_rules

START = datetime(1970, 1, 1)
SPENDERS = {"registration": {"country": ["DE", "AT"]}, "features": {"bet_sum": {"at_least": 100}}}


def with_segment(case: UseCase, segment: dict[str, Any], **when: Any) -> UseCase:
    """A use case with a segment `chosen` and a target that reaches its users only."""
    chosen = UseCase.model_validate(case.model_dump() | {"segments": {"chosen": segment}})
    return with_rules(chosen, segment="chosen", **when)


def register(case: UseCase, countries: dict[str, str], hour: int = 10) -> None:
    """One micro-batch of registrations of user → country."""
    events = [
        {"event_type": "new_registration", "user_id": user, "country": country, "label": 0, "postcode": "10115",
         "event_time": NOON.replace(hour=hour).isoformat()}
        for user, country in countries.items()
    ]  # fmt: skip
    text = "".join(json.dumps(event) + "\n" for event in events)
    landing.deliver(case.name, f"{'-'.join(countries)}.ndjson", lambda path: path.write_text(text))
    store_events.store_events(case)
    update_features.update_features(case)


def predict(case: UseCase, sums: dict[str, float | None], hours: float = 0) -> int:
    """One scored micro-batch of user → `bet_sum`, so many hours after noon; its number."""
    with open_lake(case) as lake, lake.transaction():
        after = checkpoints.of(lake, "score_users")
        batch_id = max(after, checkpoints.of(lake, "store_events")) + 1
        common = {"probability": 0.9, "predicted": True, "model_name": "m", "model_version": 1}
        times = {"scored_at": NOON + timedelta(hours=hours), "batch_id": batch_id}
        found = [{"user_id": user, "bet_sum": value} | common | times for user, value in sums.items()]
        lake.append("predictions", pa.Table.from_pylist(found))
        checkpoints.advance(lake, "score_users", after, batch_id)
    return batch_id


def test_only_users_of_the_segment_are_reached_and_who_enters_it_later_is_then(churn: UseCase) -> None:
    case = with_segment(churn, SPENDERS, once=True)
    delivering.begin(case)
    register(case, {"a": "DE", "b": "AT", "c": "CH"})
    predict(case, {"a": 150, "b": 99.9, "c": 500, "unregistered": 500})
    assert deliver(case) == 1
    predict(case, {"a": 160, "b": 100, "c": 600}, hours=1)
    assert deliver(case) == 1
    predict(case, {"a": 170, "b": 300}, hours=2)
    assert deliver(case) == 0
    assert reached(case) == ["a", "b"]
    register(case, {"unregistered": "DE"})
    predict(case, {"unregistered": 500}, hours=3)
    assert deliver(case) == 1
    assert reached(case) == ["a", "b", "unregistered"]


def test_who_was_in_the_segment_when_it_was_decided_is_reached_by_the_second_attempt(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = with_segment(churn, SPENDERS)
    delivering.begin(case)
    register(case, {"a": "DE", "b": "CH"})
    predict(case, {"a": 150, "b": 150})
    with monkeypatch.context() as patch:
        patch.setattr("include.firstday.delivery.targets.files.send", failing)
        with pytest.raises(DeliveryError):
            deliver(case)
    assert [row["user_id"] for row in rows(case)] == ["a"]
    delivering.forget_pause(case)
    changed = with_segment(churn, {"registration": {"country": ["CH"]}})
    assert deliver(changed) == 1
    assert reached(case) == ["a"]


def failing(*_: object) -> None:
    raise DeliveryError("the folder is full")


def test_the_segment_is_that_of_the_micro_batch(churn: UseCase) -> None:
    case = with_segment(churn, SPENDERS)
    delivering.begin(case)
    register(case, {"a": "DE", "b": "DE"})
    early = predict(case, {"a": 150, "b": 50})
    predict(case, {"a": 50, "b": 150}, hours=1)
    assert members(case) == ["b"]
    with open_lake(case) as lake:
        lake.build(
            "delivery/deliver_predictions/due_predictions",
            target="offers",
            batch_id=early,
            probability_from=0.0,
            changed_by=0.0,
            once=False,
        )
        segments.restrict_due(lake, case, "chosen", early)
        assert [row["user_id"] for row in lake.rows_of("due_predictions")] == ["a"]


def members(case: UseCase) -> list[str]:
    with open_lake(case, read_only=True) as lake:
        return segments.users(lake, case, "chosen", START)


PLAYERS = {
    f"p{number}": (country, value)
    for number, (country, value) in enumerate(
        (country, value) for country in ("DE", "AT", 'a"b') for value in (None, 0.0, 99.5, 100.0)
    )
}
RANGES = st.tuples(st.none() | st.sampled_from([-1.0, 0.0, 99.5]), st.none() | st.sampled_from([99.6, 100.0, 1e9]))


@pytest.fixture
def played(churn: UseCase) -> UseCase:
    delivering.begin(with_segment(churn, SPENDERS))
    register(churn, {user: country for user, (country, _) in PLAYERS.items()}, hour=20)
    predict(churn, {user: value for user, (_, value) in PLAYERS.items()})
    return churn


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(["DE", "AT", 'a"b', "US"]), max_size=3, unique=True),
    st.lists(st.sampled_from([19, 20, 21]), max_size=2, unique=True),
    RANGES,
)
def test_a_segment_is_what_its_conditions_say(
    played: UseCase, countries: list[str], hours: list[int], limits: tuple[float | None, float | None]
) -> None:
    at_least, below = limits
    segment = {
        "registration": {"country": countries} if countries else {},
        "registered_hours": hours,
        "features": {} if limits == (None, None) else {"bet_sum": {"at_least": at_least, "below": below}},
    }
    if not any(segment.values()):
        return
    expected = [
        user
        for user, (country, value) in PLAYERS.items()
        if (not countries or country in countries)
        and (not hours or 20 in hours)
        and (limits == (None, None) or inside(value, at_least, below))
    ]
    assert members(with_segment(played, segment)) == sorted(expected)


def inside(value: float | None, at_least: float | None, below: float | None) -> bool:
    return value is not None and (at_least is None or value >= at_least) and (below is None or value < below)


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ({}, "expected registration, registered_hours or features"),
        ({"registered_hours": [24]}, "registered_hours"),
        ({"registration": {"country": []}}, "registration.country"),
        ({"features": {"bet_sum": {}}}, "expected at_least, below or both"),
        ({"features": {"bet_sum": {"at_least": 2, "below": 2}}}, "expected at_least below `below`"),
        ({"features": {"bets": {"below": 2}}}, "segments.chosen.features: expected some of the features, found 'bets'"),
        (
            {"registration": {"name": ["Ada"]}},
            "segments.chosen.registration: expected no personal column, found 'name'",
        ),
    ],
)
def test_what_is_no_segment_is_named(churn: UseCase, segment: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_segment(churn, segment)


def test_an_unknown_segment_is_named_with_its_remedy(churn: UseCase) -> None:
    with pytest.raises(
        ValueError,
        match=r"targets.offers.when.segment: expected one of the segments \['high_deposits'\], found 'x'; add",
    ):
        with_rules(churn, segment="x")


def test_a_column_that_events_do_not_have_is_named(churn: UseCase) -> None:
    case = with_segment(churn, {"registration": {"countri": ["DE"]}})
    with pytest.raises(
        UseCaseError, match=r"events.sql: expected a column countri, named by segments.chosen.registration"
    ):
        check_use_case.check(case)
