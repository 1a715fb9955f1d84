"""The features equal the reference on random streams of events, and are the same bit for bit in any split."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.firstday.features.rebuild_features import rebuild_features
from include.firstday.features.update_features import update_features
from include.firstday.features.user_features import build_features
from include.firstday.lake import checkpoints, clock, connections
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.schema import create_tables
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import recent, use_case
from include.firstday.use_case.use_case import UseCase

from .reference import CHURN, RULES, Event, Player, Rules, by_measure_and_item

START = datetime(2026, 1, 5, 22, 30)
MICROSECOND, MINUTE = timedelta(microseconds=1), timedelta(minutes=1)
RUN = Run(task="test")
RECENT_VALUES = """
    select
        feature_values.* exclude (first_at, last_at), recent_state.value_min, recent_state.value_max
    from feature_values
    inner join recent_state using (user_id, measure)
    where list_contains($names, feature_values.measure)
"""
_names = itertools.count(1)


def offsets(window: timedelta) -> list[timedelta]:
    """Few distinct moments, so that ties, the window's very ends and moves of the window are common."""
    hour = timedelta(hours=1)
    ends = [window, window + hour, window + MICROSECOND, window - MICROSECOND, window + hour + MICROSECOND]
    inside = [window / 12, window / 6, window / 2]
    return [timedelta(0), hour, *inside, 1.5 * window, 2 * window, timedelta(days=40), *ends]


@st.composite
def events(draw: st.DrawFn, rules: Rules) -> Event:
    # Registration and opening twice as often as the others: without them little happens.
    event_type = draw(st.sampled_from([rules.registered_by, rules.opened_by, *rules.values]))
    event: Event = {
        "event_id": draw(st.sampled_from([None, None, "a", "b"])),
        "event_type": event_type,
        "event_time": START + draw(st.sampled_from(offsets(rules.window))),
    }
    return event | {column: draw(st.sampled_from(values)) for column, values in rules.values[event_type].items()}


@st.composite
def streams(draw: st.DrawFn, rules: Rules) -> list[tuple[int, Event]]:
    """Events of one user, each with the micro-batch that brings it; some are received again in another."""
    drawn = draw(st.lists(events(rules), min_size=1, max_size=12))
    batches = draw(st.lists(st.integers(0, 3), min_size=len(drawn), max_size=len(drawn)))
    if draw(st.booleans()):  # most users' events arrive in order, so that arrivals alone bring them up to date
        drawn.sort(key=lambda event: event["event_time"])
        batches.sort()
    received = list(zip(batches, drawn, strict=True))
    again = draw(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(received)), max_size=1))
    return received + [(batch, event) for batch, (_, event) in again]


@pytest.fixture
def lake(churn: UseCase) -> Iterator[Lake]:
    with open_lake(churn, RUN) as lake_at_hand:
        yield lake_at_hand


def test_every_use_case_has_its_rules() -> None:
    assert sorted(RULES) == use_case.names()


@pytest.mark.parametrize("name", use_case.names())
@settings(max_examples=6)
@given(data=st.data(), waits=st.lists(st.booleans(), min_size=3, max_size=3))
def test_features_equal_the_reference_in_any_split(name: str, data: st.DataObject, waits: list[bool]) -> None:
    users = data.draw(st.lists(streams(RULES[name]), min_size=15, max_size=40))
    case = use_case.load(name)
    with open_lake(case, RUN) as lake:
        receive_and_compare(lake, case, RULES[name], users, waits)


PLAY = {"play": (("new_bet", "new_win"), timedelta(hours=1)), "win": (("new_win",), timedelta(hours=12))}
HOUR = timedelta(hours=1)
RECENT = {
    "bet": (HOUR, (2 * HOUR, 12 * HOUR), (2, 4)),
    "win": (HOUR, (), (1,)),
    "purchase": (30 * MINUTE, (3 * HOUR,), ()),
}
RECENT_GAPS = {"bet": (2 * HOUR, (6 * HOUR,), (3,)), "play_gap": (HOUR, (4 * HOUR,), (2,))}
CHURN_RULES = RULES["first_day_churn"]
VARIANTS = {
    "closed by a win": ({"closed_by": "new_win"}, {}, {"closed_by": ("new_win",)}),
    "each identical bet and registration counts": (
        {}, {"new_bet": {"repeats": "count"}, "new_registration": {"repeats": "count"}},
        {"repeating": ("new_bet", "new_registration")},
    ),
    "gaps between bets and wins": ({}, {}, {"gaps": PLAY}),
    "recent values": ({}, {}, {"recent": RECENT}),
    "recent values of identical bets, and of gaps": (
        {}, {"new_bet": {"repeats": "count"}}, {"gaps": PLAY, "recent": RECENT_GAPS, "repeating": ("new_bet",)},
    ),
    "gaps between identical bets": ({}, {"new_bet": {"repeats": "count"}}, {"gaps": PLAY, "repeating": ("new_bet",)}),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=6)
@given(data=st.data(), waits=st.lists(st.booleans(), min_size=3, max_size=3))
def test_what_a_yaml_adds_equals_the_reference_in_any_split(
    churn: UseCase, variant: str, data: st.DataObject, waits: list[bool]
) -> None:
    window, events, changed = VARIANTS[variant]
    rules = replace(CHURN_RULES, **changed)  # type: ignore[arg-type]
    content = churn.model_dump()
    content["window"] |= window
    content["events"] |= {name: content["events"][name] | event for name, event in events.items()}
    case = with_recent(with_gaps(UseCase.model_validate(content), rules.gaps), rules)
    users = data.draw(st.lists(streams(rules), min_size=15, max_size=40))
    with open_lake(case, RUN) as lake:
        receive_and_compare(lake, case, rules, users, waits)
    assert rebuild_features(case).changed == 0


def with_gaps(case: UseCase, gaps: dict[str, tuple[tuple[str, ...], timedelta]]) -> UseCase:
    """A use case with the gaps of its rules."""
    told = {name: {"of": of, "session_minutes": pause / timedelta(minutes=1)} for name, (of, pause) in gaps.items()}
    return UseCase.model_validate(case.model_dump() | {"gaps": told})


def with_recent(case: UseCase, rules: Rules) -> UseCase:
    """A use case with the measures of recent values of its rules."""
    hour = timedelta(hours=1)
    told = {
        measure: {
            "windows": [f"{one // hour}h" for one in windows],
            "hop": f"{hop // MINUTE}m" if windows else None,
            "last": last,
        }
        for measure, (hop, windows, last) in rules.recent.items()
    }
    return UseCase.model_validate(case.model_dump() | {"recent": told})


def receive_and_compare(
    lake: Lake, case: UseCase, rules: Rules, users: list[list[tuple[int, Event]]], waits: list[bool]
) -> None:
    # All examples share one lake; their users have names of their own. Each user lives twice: "s" gets the events
    # split into micro-batches, "w" gets them whole, in the last.
    example = next(_names)
    for batch in range(4):
        rows = [
            event | {"user_id": f"s{example}-{user}"}
            for user, stream in enumerate(users)
            for arrives, event in stream
            if arrives == batch
        ]
        if batch == 3:
            rows += [
                event | {"user_id": f"w{example}-{user}"} for user, stream in enumerate(users) for _, event in stream
            ]
        store(lake, rows)
        if batch == 3 or not waits[batch]:
            update_features(case, RUN)

    found = Found(lake, case, example)
    for user, stream in enumerate(users):
        player = Player(rules)
        for _, event in stream:
            player.see(event)
        compare(found.of(f"w{example}-{user}"), player)
        assert found.of(f"s{example}-{user}") == found.of(f"w{example}-{user}")


def event(event_type: str, hours: float, arrives: int, event_id: str | None = None) -> tuple[int, Event]:
    """An event so many hours after its user's start, with the micro-batch that brings it."""
    content: Event = {"event_type": event_type, "event_id": event_id, "hours": hours}
    return arrives, content | ({CHURN[event_type][1]: Decimal("1.00")} if event_type in CHURN else {})


BORN = [event("new_registration", 0, 0), event("new_purchases", 1, 0)]
SHARP_CASES = {
    "an event_id that counted comes again, newer than all": [
        *BORN,
        event("new_bet", 2, 0, "a"),
        event("new_bet", 3, 1, "a"),
    ],
    "an event_id of before the window comes again inside it": [
        *BORN,
        event("new_bet", 0.5, 0, "a"),
        event("new_bet", 3, 1, "a"),
    ],
    "late, at the window's last moment": [*BORN, event("new_bet", 30, 0), event("new_bet", 25, 1)],
    "late, a moment after the window": [*BORN, event("new_bet", 30, 0), event("new_bet", 25.001, 1)],
    "recomputed, with an event at the window's last moment": [
        *BORN,
        event("new_bet", 25, 0),
        event("new_bet", 2, 1),
    ],
    "an earlier registration moves the window": [
        *BORN,
        event("new_purchases", -1, 0),
        event("new_bet", 24, 1),
        event("new_registration", -2, 2),
    ],
    "events before the registration count once it arrives": [
        event("new_purchases", 1, 0),
        event("new_bet", 2, 1),
        event("new_registration", 0, 2),
    ],
}


def test_the_first_new_event_follows_the_last_that_is_stored(lake: Lake, churn: UseCase) -> None:
    case, rules = with_gaps(churn, PLAY), replace(CHURN_RULES, gaps=PLAY)
    hours = {2: 0, 2.5: 1, 3.5: 1, 4.75: 2}  # after the registration: the micro-batch that brings it
    stream = [*BORN, *(event("new_bet", after, batch) for after, batch in hours.items())]
    player = Player(rules)
    for batch in range(3):
        rows = [
            {key: value for key, value in content.items() if key != "hours"}
            | {"user_id": "s0-gaps", "event_time": START + timedelta(hours=content["hours"])}
            for arrives, content in stream
            if arrives == batch
        ]
        store(lake, rows)
        (step,) = update_features(case, RUN)
        assert step.recomputed == 0
        for row in rows:
            player.see(row)
    assert Found(lake, case, 0).of("s0-gaps")["feature_state"] == player.state()
    assert {row["measure"] for row in player.state()} == {"purchase", "bet", "play_gap", "play_session"}


def test_sharp_cases(lake: Lake, churn: UseCase) -> None:
    # Each user lives in years of their own: what is read for one must not help another.
    received = [
        (arrives, name, {key: value for key, value in content.items() if key != "hours"} | {
            "user_id": f"s0-{name}",
            "event_time": START.replace(year=2005 + 2 * number) + timedelta(hours=content["hours"]),
        })
        for number, (name, stream) in enumerate(SHARP_CASES.items())
        for arrives, content in stream
    ]  # fmt: skip
    for batch in range(3):
        store(lake, [row for arrives, _, row in received if arrives == batch])
        update_features(churn, RUN)
    found = Found(lake, churn, 0)
    for name in SHARP_CASES:
        player = Player(RULES[churn.name])
        for _, of, row in received:
            if of == name:
                player.see(row)
        assert found.of(f"s0-{name}")["users"] == [player.user()], name
        assert found.of(f"s0-{name}")["feature_state"] == player.state(), name


def store(lake: Lake, rows: list[Event]) -> None:
    """One micro-batch of these events, past the event handler: its own tests are elsewhere."""
    after = checkpoints.of(lake, "store_events")
    now = clock.now()
    shape = lake.query("select * from events limit 0").schema
    table = pa.Table.from_pylist(
        [row | {"batch_id": after + 1, "ingested_at": now, "source_file": f"{after + 1}"} for row in rows], shape
    )
    with lake.transaction():
        lake.append("events", table)
        lake.insert_row(
            "micro_batches",
            batch_id=after + 1,
            rows_stored=len(rows),
            rows_rejected=0,
            first_event_at=None,
            last_event_at=None,
            airflow_run="test",
            started_at=now,
            committed_at=now,
        )
        checkpoints.advance(lake, "store_events", after, after + 1)


class Found:
    """What the lake holds of one example's users, without batch_id, every value as the lake has it."""

    def __init__(self, lake: Lake, case: UseCase, example: int) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        for as_of in moments(RULES[case.name].window):
            build_features(lake, case, as_of, into=f"features_{as_of:%Y%m%d%H%M}")
            self._take(lake, f"features_{as_of:%Y%m%d%H%M}", example)
            if case.recent:
                lake.build_text(
                    f"recent_{as_of:%Y%m%d%H%M}", RECENT_VALUES, names=[rule.name for rule in recent.rules(case.recent)]
                )
                self._take(lake, f"recent_{as_of:%Y%m%d%H%M}", example)
        for table in ("users", "feature_state"):
            self._take(lake, table, example)

    def _take(self, lake: Lake, table: str, example: int) -> None:
        for row in lake.query(f"select * from {table} where regexp_matches(user_id, '^.{example}-')").to_pylist():
            user = self._rows.setdefault(row.pop("user_id"), {})
            row.pop("batch_id", None)
            user.setdefault(table, []).append(row)

    def of(self, user_id: str) -> dict[str, Any]:
        rows = {"feature_state": []} | self._rows[user_id]
        for table, found in rows.items():
            if table.startswith(("feature_state", "recent")):
                found.sort(key=by_measure_and_item)
        return rows


def moments(window: timedelta) -> list[datetime]:
    """Before, in and after the windows."""
    return [START, START + 0.6 * window, START + 1.2 * window, START + timedelta(days=400)]


def recent_row(name: str, values: list[Decimal]) -> dict[str, Any]:
    """What feature_values has of some values, by their definitions."""
    mean = sum(map(Fraction, values), Fraction(0)) / len(values)
    squares = sum(((Fraction(value) - mean) ** 2 for value in values), Fraction(0))
    return {
        "measure": name,
        "item": None,
        "value_count": len(values),
        "value_sum": float(sum(map(Fraction, values), Fraction(0))),
        "value_mean": float(mean),
        "value_var": float(squares / max(len(values) - 1, 1)),
        "value_min": min(values),
        "value_max": max(values),
    }


def compare(found: dict[str, Any], player: Player) -> None:
    assert found["users"] == [player.user()]
    assert found["feature_state"] == player.state()
    for as_of in moments(player.rules.window):
        rows = found.get(f"features_{as_of:%Y%m%d%H%M}", [])
        assert len(rows) == (player.registration is not None)
        for row in rows:
            wanted = player.features(as_of)
            assert {name: row[name] for name in wanted} == wanted
            recent_rows = found.get(f"recent_{as_of:%Y%m%d%H%M}", [])
            assert {row["measure"]: row for row in recent_rows} == {
                name: recent_row(name, values) for name, values in player.recent(as_of).items()
            }
            if "socioeconomic_idx" in row:
                assert (row["socioeconomic_idx"] is None) == ((player.registration or {})["postcode"] == "00000")


def test_amounts_are_rounded_once_to_the_nearest_double(churn: UseCase) -> None:
    """Of few cents and of as many as are accepted; `fractions` is the judge."""
    chance = random.Random(5)
    states = []
    for user in range(2000):
        count, size = chance.randint(2, 10 ** chance.randint(1, 4)), 10 ** chance.randint(1, 8)
        cents = [chance.randint(0, size) for _ in range(min(count, 40))]
        states.append((f"u{user}", count, count * sum(cents), count**2 * sum(value**2 for value in cents)))
    with connections.scratch(churn.name) as lake:
        create_tables.create(lake, churn)
        put_states(lake, states)
        build_features(lake, churn, START)
        found = {row["user_id"]: row for row in lake.query("from user_features").to_pylist()}
    for user, count, total, squares in states:
        variance = Fraction(count * squares - total**2, 10_000 * count * (count - 1))
        row = found[user]
        assert row["bet_sum"] == float(Fraction(total, 100)), user
        assert row["bet_mean"] == float(Fraction(total, 100 * count)), user
        assert row["bet_var"] == float(variance), user


def put_states(lake: Lake, states: list[tuple[str, int, int, int]]) -> None:
    """One user and one measure each: count, sum in cents, sum of squares in squared cents."""
    rows = [
        {
            "user_id": user, "measure": "bet", "value_count": count, "batch_id": 1,
            "value_sum": Decimal(total) / 100, "value_sum_of_squares": Decimal(squares) / 10_000,
        }
        for user, count, total, squares in states
    ]  # fmt: skip
    lake.append("feature_state", pa.Table.from_pylist(rows))
    users = [{"user_id": row["user_id"], "registered_at": START} for row in rows]
    lake.append("users", pa.Table.from_pylist(users))
