"""Generated users who respond to an offer: the same in minutes as in bulk, as many as configured, and nobody else."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.firstday.generator import events
from include.firstday.generator.chance import keys
from include.firstday.generator.response import kept
from include.firstday.use_case import use_case
from include.firstday.use_case.generator import Generator, Response

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STEP = timedelta(minutes=5)  # as long as the delay of a response


def responding(name: str, **response: object) -> Generator:
    """The generator of a use case with few users, some of whom respond."""
    config = use_case.load(name).generator
    assert config
    return config.model_copy(
        update={"registrations_per_minute": 0.03, "response": Response(target="offers", **{"effect": 0.3} | response)}
    )


def last_events(table: pa.Table) -> dict[str, datetime]:
    """User → the time of their last event."""
    grouped = table.group_by("user_id").aggregate([("event_time", "max")]).to_pylist()
    return {row["user_id"]: row["event_time_max"] for row in grouped}


@pytest.mark.parametrize(("name", "hours"), [("first_day_churn", 96), ("subscription_churn", 720)])
def test_who_is_kept_stays_longer_from_after_the_offer_on_and_nobody_else_changes(name: str, hours: int) -> None:
    config, end = responding(name), START + hours * HOUR
    plain = events(config, START, end, START)
    users = sorted(set(plain["user_id"].to_pylist()))
    reached = {user: START + timedelta(hours=30, minutes=number % 60) for number, user in enumerate(users)}
    answered = events(config, START, end, START, reached)
    stay = set(kept(config, users))
    share = len(stay) / len(users)
    assert share == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / len(users)))
    is_kept = pc.is_in(answered["user_id"], pa.array(sorted(stay)))
    before = pc.less(answered["event_time"], pa.scalar(START + 30 * HOUR, answered["event_time"].type))
    unchanged = pc.or_(pc.invert(is_kept), before)
    was_kept = pc.is_in(plain["user_id"], pa.array(sorted(stay)))
    was_before = pc.less(plain["event_time"], pa.scalar(START + 30 * HOUR, plain["event_time"].type))
    assert answered.filter(unchanged).equals(plain.filter(pc.or_(pc.invert(was_kept), was_before)))
    later, earlier = last_events(answered), last_events(plain)
    longer = sum(later[user] > earlier[user] for user in stay)
    assert longer > 0.3 * len(stay)
    if name == "first_day_churn":  # none of those who are kept would have stayed
        labels = {row["user_id"]: row["label"] for row in plain.to_pylist() if row["event_type"] == "new_registration"}
        assert {labels[user] for user in stay} == {1}


def test_minute_by_minute_with_what_was_delivered_by_then_is_the_same_as_in_bulk() -> None:
    config, end = responding("first_day_churn", effect=0.6), START + 30 * HOUR
    users = sorted(set(events(config, START, START + 12 * HOUR, START)["user_id"].to_pylist()))
    reached = {user: START + timedelta(hours=12, minutes=17 * number % 900) for number, user in enumerate(users)}
    assert len(users) > 10
    bulk = events(config, START, end, START, reached)
    parts = []
    for first in (START + number * STEP for number in range((end - START) // STEP)):
        known = {user: moment for user, moment in reached.items() if moment < first}
        parts.append(events(config, first, first + STEP, START, known))
    assert pa.concat_tables(parts).equals(bulk)


def test_the_persuadable_are_those_with_the_highest_stakes() -> None:
    config = responding("first_day_churn", only="persuadable", effect=0.1)
    ids = [f"{int(keys('player', config.seed, number, 0)[0]):016x}" for number in range(20_000)]
    stay = kept(config, ids)
    assert len(stay) / len(ids) == pytest.approx(0.1, abs=0.01)
    anyone = kept(responding("first_day_churn", effect=0.1), ids)
    assert len(anyone) / len(ids) == pytest.approx(0.1, abs=0.01)
    everybody = set(kept(responding("first_day_churn", only="persuadable", effect=0.174), ids))
    assert set(stay) < everybody  # the same quarter


def test_an_effect_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at most the share of users who churn"):
        Generator.model_validate(
            responding("first_day_churn").model_dump()
            | {"response": {"target": "offers", "effect": 0.2, "only": "persuadable"}}
        )
