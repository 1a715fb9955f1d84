"""The synthetic source: deterministic, the same in bulk and by the minute, plausible."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.firstday.generator import events, postcodes, season
from include.firstday.generator.players import players
from include.firstday.use_case import use_case

CASE = use_case.load("first_day_churn")
START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def three_days() -> pa.Table:
    return events(CASE.generator, START - timedelta(days=3), START, since=START - timedelta(days=3))


@settings(max_examples=15)
@given(first=st.integers(0, 4000), minutes=st.integers(1, 40), seed=st.integers(0, 5))
def test_bulk_and_minutes_agree_event_for_event(first: int, minutes: int, seed: int) -> None:
    config = CASE.generator.model_copy(update={"seed": seed})
    start = START + first * MINUTE
    bulk = events(config, start, start + minutes * MINUTE)
    single = pa.concat_tables(events(config, start + n * MINUTE, start + (n + 1) * MINUTE) for n in range(minutes))
    assert single.equals(bulk)


def test_events_lie_in_their_span_and_begin_with_the_registration(three_days: pa.Table) -> None:
    times = three_days["event_time"]
    assert pc.min(times).as_py() >= START - timedelta(days=3)
    assert pc.max(times).as_py() < START
    first = three_days.group_by("user_id", use_threads=False).aggregate([("event_type", "first")])
    assert pc.all(pc.equal(first["event_type_first"], "new_registration")).as_py()


def test_three_days_have_two_thousand_players_with_a_thousand_events_each(three_days: pa.Table) -> None:
    registrations = three_days.filter(pc.equal(three_days["event_type"], "new_registration"))
    assert 1_850 < registrations.num_rows < 2_150
    assert 850 < three_days.num_rows / registrations.num_rows < 1_250
    assert 0.66 < pc.mean(registrations["label"]).as_py() < 0.74
    for column in ("name", "date_of_birth", "street_address", "city", "country", "postcode", "campaign"):
        assert registrations[column].null_count == 0


def test_the_shipped_enrichment_table_is_the_generators() -> None:
    shipped = pq.read_table(CASE.folder / "postcodes.parquet")
    assert shipped.equals(postcodes())
    assert shipped["postcode"][0].as_py() == "10000"
    assert shipped["postcode"][-1].as_py() == "99999"


def test_registrations_follow_the_hour_and_the_weekend() -> None:
    config = CASE.generator.model_copy(update={"registrations_per_minute": 20.0})
    assert (config.season.daily_swing, config.season.weekend_factor) == (0.5, 1.3)
    monday = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp()) // 60
    hours = season.registrations(config, monday + 60 * np.arange(7 * 24)).reshape(7, 24)
    assert hours[:5].mean() == pytest.approx(20.0)
    assert hours[5:].sum() / 2 == pytest.approx(1.3 * hours[:5].sum() / 5)
    assert hours[0, 20] / hours[0, 8] == pytest.approx(3)
    for hour in (8, 20, 24 * 5 + 20):  # what is drawn has those means
        drawn = [len(players(config, monday + hour * 60 + n, monday + hour * 60 + n + 1).key) for n in range(60)]
        assert np.mean(drawn) == pytest.approx(hours.ravel()[hour], rel=0.1)
