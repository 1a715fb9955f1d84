"""Events ahead of the clock: each is held until its time, and then stored once, by the micro-batch after it."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from include.firstday.features import rebuild_features
from include.firstday.ingest import replay_rejected, store_events
from include.firstday.lake import clock
from include.firstday.lake.run import Run
from include.firstday.operations import forget_user, micro_batch, status
from include.firstday.privacy import tombstones
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.events import Event
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.ingest.test_replay_rejected import deliver, ndjson, parquet, select

NOW = datetime(2026, 11, 20, 10, 0)
HEAD = "user_id,event_type,event_time,bet_amount\n"
BET = {"user_id": "u1", "event_type": "new_bet", "bet_amount": 1.5}
FEATURES = [f"select * exclude (batch_id) from {table} order by all" for table in ("users", "feature_state")]


@pytest.fixture
def case(churn: UseCase) -> UseCase:
    return churn.model_copy(update={"hold_hours": 24})


def bet(hours: float, **values: object) -> dict[str, object]:
    return BET | {"event_time": (NOW + timedelta(hours=hours)).isoformat()} | values


def process(case: UseCase, hours: float) -> list[str]:
    """What the stages say of a run so many hours later."""
    done: list[micro_batch.Done] = []
    with clock.simulated(NOW + timedelta(hours=hours)):
        micro_batch.process(case, Run(task="test"), done.append, with_scores=False)
    return [micro_batch.describe(one) for one in done]


def held(case: UseCase) -> list[dict[str, object]]:
    return select(case, "select row_number as n, reason, held_until, replayed_in from rejected_events order by all")


def csv(*rows: dict[str, object]) -> bytes:
    names = HEAD.strip().split(",")
    return (HEAD + "".join(",".join(str(row[name] or "") for name in names) + "\n" for row in rows)).encode()


def as_parquet(*rows: dict[str, object]) -> bytes:
    return parquet(list(rows))


@pytest.mark.parametrize(("name", "content"), [("a.ndjson", ndjson), ("a.csv", csv), ("a.parquet", as_parquet)])
def test_an_event_ahead_of_the_clock_is_held_and_stored_once_after_its_time(
    case: UseCase, name: str, content: Callable[..., bytes]
) -> None:
    rows = [bet(0), bet(0.9), bet(3), bet(30), bet(3, bet_amount=None), bet(3, bet_amount=-1)]
    deliver(case, name, content(*rows))
    assert process(case, 0)[0].endswith("2 events stored, 4 rejected, from 1 file")
    reasons = [str(row["reason"]).partition(", found")[0] for row in held(case)]
    assert reasons == [
        "event_time: held until its time, as it is more than an hour ahead of the clock",
        "event_time: expected at most 24 hours ahead of the clock",
        "bet_amount: required by new_bet, missing",
        "amount, bet_amount, win_amount: expected 0 to 999,999.99",
    ]
    assert [row["held_until"] for row in held(case)] == [NOW + timedelta(hours=3), None, None, None]
    summary = status.summary(case)
    assert (summary.rejected_events, summary.held_events, summary.held_until) == (4, 1, NOW + timedelta(hours=3))
    with open_lake(case, read_only=True) as lake:
        rules = lake.rows("ingest/replay_rejected/rejected_by_rule", reason="event_time: held")
    assert [row["held_until"] for row in rules] == [NOW + timedelta(hours=3)]

    assert process(case, 2.9) == []
    stored, updated = process(case, 3)
    assert stored == "micro-batch 2: 1 held event stored"
    assert updated.startswith("micro-batch 2: 1 user updated")
    assert process(case, 3.1) == []
    assert select(case, "select event_time, source_file from events where batch_id = 2") == [
        {"event_time": NOW + timedelta(hours=3), "source_file": name}
    ]
    assert held(case)[0]["replayed_in"] == 2
    assert status.summary(case).held_events == 0
    deliver(case, f"again-{name}", content(*rows))
    process(case, 4)
    assert select(case, "select count(*) as n from events") == [{"n": 3}]  # the same bytes are not stored again


def test_without_hold_it_is_rejected_as_before(churn: UseCase) -> None:
    deliver(churn, "a.ndjson", ndjson(bet(3)))
    process(churn, 0)
    (row,) = held(churn)
    assert str(row["reason"]).startswith("event_time: expected at most an hour ahead of the clock, found 2026-11-20 13")
    assert row["held_until"] is None
    assert process(churn, 4) == []


@pytest.mark.parametrize("seed", range(4))
def test_held_events_change_no_feature(case: UseCase, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any events, in files of any hour, with micro-batches between: features and events are those of a lake of all."""
    chance = random.Random(seed)
    monkeypatch.setattr(replay_rejected, "ROW_LIMIT", 5)
    events = list(_events(chance))
    files = [events[at : at + 12] for at in range(0, len(events), 12)]
    for hour, file in enumerate(files):
        deliver(case, f"{hour}.ndjson", ndjson(*file))
        for _ in range(chance.randrange(3)):
            process(case, hour + chance.random())
    for hour in range(len(files), 40, 4):
        process(case, hour)
    assert select(case, "select count(*) as n from events") == [{"n": len(events)}]
    assert not [row for row in held(case) if not row["replayed_in"]]
    assert [row for row in held(case) if row["replayed_in"]]
    features = [select(case, text) for text in FEATURES]
    assert rebuild_features.rebuild_features(case).changed == 0

    monkeypatch.setenv("FIRSTDAY_HOME", str(settings().home / "clean"))
    settings.cache_clear()
    deliver(case, "all.ndjson", ndjson(*events))
    process(case, 100)
    assert [select(case, text) for text in FEATURES] == features
    settings.cache_clear()


def _events(chance: random.Random) -> Any:
    for user in range(6):
        yield bet(chance.uniform(-5, 20), user_id=f"u{user}", event_type="new_registration", postcode="10115")
        for _ in range(10):
            amount = chance.choice([{"event_type": "new_purchases", "amount": 5}, {"bet_amount": chance.randrange(9)}])
            yield bet(chance.uniform(-5, 24), user_id=f"u{user}", **amount)


def test_a_held_row_that_breaks_another_rule_at_its_time_is_rejected_by_it(case: UseCase) -> None:
    deliver(case, "a.ndjson", ndjson(bet(3), bet(3, event_type="new_win", win_amount=2)))
    process(case, 0)
    stricter = case.model_copy(update={"events": case.events | {"new_win": Event(required=("postcode",))}})
    assert process(stricter, 4)[0] == "micro-batch 2: 1 held event stored"
    first, second = held(case)
    assert (first["replayed_in"], second["replayed_in"], second["held_until"]) == (2, None, None)
    assert second["reason"] == "postcode: required by new_win, missing"
    assert process(case, 5) == []  # it is not tried again
    with clock.simulated(NOW + timedelta(hours=6)):
        assert replay_rejected.replay_rejected(case).stored == 1  # but after a correction


def test_a_clock_that_is_set_back_meanwhile_holds_the_row_again(case: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(case, "a.ndjson", ndjson(bet(3)))
    process(case, 0)
    stage = replay_rejected.stage_all

    def stage_by_an_earlier_clock(*arguments: Any) -> Any:
        with clock.simulated(NOW):
            return stage(*arguments)

    with monkeypatch.context() as earlier:
        earlier.setattr(replay_rejected, "stage_all", stage_by_an_earlier_clock)
        assert process(case, 3) == []
    assert held(case)[0]["held_until"] == NOW + timedelta(hours=3)
    assert process(case, 3)[0] == "micro-batch 2: 1 held event stored"


def test_a_held_row_is_dismissed_or_replayed_by_hand_as_any_other(case: UseCase) -> None:
    deliver(case, "a.ndjson", ndjson(bet(3), bet(4)))
    process(case, 0)
    with clock.simulated(NOW + timedelta(hours=2.5)):
        assert replay_rejected.replay_rejected(case).stored == 1  # within the hour
        assert replay_rejected.dismiss_rejected(case, "event_time: held") == 1
    assert process(case, 5) != []  # the features of what was replayed
    assert select(case, "select event_time from events") == [{"event_time": NOW + timedelta(hours=3)}]


def test_a_held_row_of_an_erased_user_is_gone(case: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(case, "a.ndjson", ndjson(bet(3), bet(3, user_id="anna-maria-4711")))
    process(case, 0)
    stage, erasures = replay_rejected.stage_all, iter([True])

    def stage_beside_an_erasure(*arguments: Any) -> Any:
        broken = stage(*arguments)
        if next(erasures, False):
            with open_lake(case) as lake, lake.transaction():  # what forget_user does first
                tombstones.add(lake, "anna-maria-4711")
                (erased,) = lake.rows("operations/forget_user/rejected_with", words=["anna-maria-4711"])
                del erased["raw"]
                lake.delete_rows("rejected_events", **erased)
        return broken

    monkeypatch.setattr(replay_rejected, "stage_all", stage_beside_an_erasure)
    process(case, 4)
    assert select(case, "select user_id from events") == [{"user_id": "u1"}]
    assert "anna" not in str(select(case, "from rejected_events"))
    deliver(case, "b.ndjson", ndjson(bet(9), bet(9, user_id="anna-maria-4712")))
    process(case, 4)
    forget_user.forget_user(case, "anna-maria-4712")
    process(case, 10)
    assert select(case, "select user_id, count(*) as n from events group by all") == [{"user_id": "u1", "n": 2}]


def test_two_runs_store_it_once(case: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(case, "a.ndjson", ndjson(bet(3)))
    process(case, 0)
    stage, twins = replay_rejected.stage_all, iter([True])

    def stage_beside_a_twin(*arguments: Any) -> Any:
        if next(twins, False):
            assert process(case, 3)[0] == "micro-batch 2: 1 held event stored"
        return stage(*arguments)

    monkeypatch.setattr(replay_rejected, "stage_all", stage_beside_a_twin)
    assert process(case, 3) == []
    assert select(case, "select count(*) as n from events") == [{"n": 1}]


def test_a_later_stage_that_fails_does_not_keep_it_out(case: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(case, "a.ndjson", ndjson(bet(3)))
    process(case, 0)

    def failing(*arguments: Any) -> Any:
        raise ValueError("no features today")

    with monkeypatch.context() as broken:
        broken.setattr(micro_batch.update_features, "update_within", failing)
        assert process(case, 3)[0] == "micro-batch 2: 1 held event stored"
    assert store_events.describe(store_events.MicroBatch(2, 0, 1, 0)) == "micro-batch 2: 1 held event stored"
    assert select(case, "select count(*) as n from events") == [{"n": 1}]
