"""Who is reached, who is held out and who is suppressed: recorded once, before anything is sent, and kept to."""

import hashlib
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.firstday.delivery import decisions, deliver_predictions, publish_predictions
from include.firstday.errors import DeliveryError
from include.firstday.lake import checkpoints
from include.firstday.lake.lake import Lake
from include.firstday.operations import forget_user
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.delivery.test_deliver_predictions import begin, forget_pause, with_targets

NOON = datetime(2026, 11, 20, 12)
EVERYBODY = {"probability_from": 0.0}
HALF = {"share": 0.5, "salt": "spring"}


def with_rules(case: UseCase, **when: Any) -> UseCase:
    """A use case with one target, the folder `offers`, that has these rules."""
    return with_targets(case, offers={"kind": "files", "folder": "offers", "when": EVERYBODY | when})


def predict(case: UseCase, users: dict[str, float], hours: float = 0) -> int:
    """One scored micro-batch of user → probability, so many hours after noon; its number."""
    with open_lake(case) as lake, lake.transaction():
        after = checkpoints.of(lake, "score_users")
        rows = [
            {"user_id": user, "probability": probability, "predicted": probability >= 0.5,
             "scored_at": NOON + timedelta(hours=hours), "batch_id": after + 1, "model_name": "m", "model_version": 1}
            for user, probability in users.items()
        ]  # fmt: skip
        lake.append("predictions", pa.Table.from_pylist(rows))
        checkpoints.advance(lake, "score_users", after, after + 1)
    return after + 1


def deliver(case: UseCase, order: decisions.Order | None = None) -> int:
    done = deliver_predictions.deliver_predictions(case, "offers", order=order)
    return done.predictions if done else 0


def rows(case: UseCase, table: str = "deliveries") -> list[dict[str, Any]]:
    with open_lake(case, read_only=True) as lake:
        return lake.query(f"from {table} order by all").to_pylist()


def by(case: UseCase, key: str, **wanted: object) -> dict[str, object]:
    """User → a column of the rows of `deliveries` that have some values."""
    found = [row for row in rows(case) if all(row[name] == value for name, value in wanted.items())]
    return {row["user_id"]: row[key] for row in found}


def reached(case: UseCase) -> list[str]:
    """Users in the files of the target, by file."""
    files = sorted((publish_predictions.folder(case) / "offers").glob("*.parquet"))
    return [user for file in files for user in pq.read_table(file)["user_id"].to_pylist()]


def arm_of(user: str, salt: str, share: float) -> str:
    """The arm by the definition, in Python: the lower half of an MD5, as a share of its range."""
    lower = int.from_bytes(hashlib.md5(f"{salt}/{user}".encode()).digest()[8:], "little")
    return "holdout" if float(lower) / 2**64 < share else "treated"


def users(count: int) -> dict[str, float]:
    return {f"user-{number:05}": (number % 100) / 100 for number in range(count)}


def test_the_arm_is_a_function_of_user_and_salt_and_only_the_treated_are_reached(churn: UseCase) -> None:
    case = with_rules(churn, holdout={"share": 0.2, "salt": "spring"}, once=True)
    begin(case)
    predict(case, users(2000))
    deliver(case)
    arms = by(case, "arm")
    assert arms == {user: arm_of(user, "spring", 0.2) for user in users(2000)}
    assert sorted(reached(case)) == sorted(user for user, arm in arms.items() if arm == "treated")
    held = Counter(arms.values())["holdout"]
    assert abs(held - 400) < 4 * np.sqrt(2000 * 0.2 * 0.8)
    # Nobody is due a second time, whichever the arm.
    predict(case, users(2000), hours=1)
    assert deliver(case) == 0
    assert len(rows(case)) == 2000
    assert {row["experiment"] for row in rows(case)} == {"offers-spring-0.2"}


def test_another_share_or_salt_is_another_experiment_and_nobody_changes_arm_within_one(churn: UseCase) -> None:
    shares = [("spring", 0.2), ("spring", 0.4), ("summer", 0.4), ("spring", 0.2)]
    begin(with_rules(churn))
    for hour, (salt, share) in enumerate(shares):
        case = with_rules(churn, holdout={"share": share, "salt": salt})
        for half in (0, 0.5):
            predict(case, users(300), hours=hour + half)
            deliver(case)
    found = sorted(rows(case, "experiments"), key=lambda row: row["started_at"])
    names = ["offers-spring-0.2", "offers-spring-0.4", "offers-summer-0.4", "offers-spring-0.2-2"]
    assert [row["experiment"] for row in found] == names
    assert [row["started_at"] for row in found] == [NOON + timedelta(hours=hour) for hour in range(4)]
    assert [row["ended_at"] for row in found] == [NOON + timedelta(hours=hour) for hour in (1, 2, 3)] + [None]
    arms = {(row["experiment"], row["user_id"], row["arm"]) for row in rows(case)}
    assert len(arms) == 4 * 300
    # Of the same salt, who is held out of a smaller share is held out of a larger one.
    small, large = (by(case, "arm", experiment=name) for name in names[:2])
    assert {user for user, arm in small.items() if arm == "holdout"} < {
        user for user, arm in large.items() if arm == "holdout"
    }
    plain = with_rules(churn)
    predict(plain, users(3), hours=5)
    assert deliver(plain) == 3
    assert all(row["ended_at"] for row in rows(case, "experiments"))


def test_without_rules_what_is_recorded_is_as_it_was(churn: UseCase) -> None:
    case = with_rules(churn)
    begin(case)
    predict(case, {"a": 0.9})
    assert deliver(case) == 1
    (row,) = rows(case)
    assert [row[name] for name in ("experiment", "arm", "suppressed_because", "decided_at", "priority")] == [None] * 5
    assert rows(case, "decided_batches") == rows(case, "experiments") == []


def test_a_budget_is_spent_by_day_on_the_highest_risk_and_the_holdout_costs_nothing(churn: UseCase) -> None:
    case = with_rules(churn, holdout=HALF, budget={"per_day": 10})
    begin(case)
    group = {f"user-{number:05}": number / 100 for number in range(100)}
    predict(case, group)
    assert deliver(case) == 10
    ranked = sorted(group, key=lambda user: -group[user])
    arms = [arm_of(user, "spring", 0.5) for user in ranked]
    last = [place for place, arm in enumerate(arms) if arm == "treated"][9]
    wanted = {user: arm for place, (user, arm) in enumerate(zip(ranked, arms, strict=True)) if place <= last}
    assert by(case, "arm", suppressed_because=None) == wanted
    assert set(by(case, "arm", suppressed_because="budget").values()) == {None}
    assert len(rows(case)) == 100
    # The day is that of the scoring, UTC: nothing is left of it, and the next one has its own.
    predict(case, {"late": 1.0}, hours=11)
    assert deliver(case) == 0
    assert by(case, "suppressed_because")["late"] == "budget"
    treated = next(f"next-{number}" for number in range(99) if arm_of(f"next-{number}", "spring", 0.5) == "treated")
    predict(case, {treated: 1.0}, hours=13)
    assert deliver(case) == 1


def test_where_more_are_due_than_can_be_reached_a_low_priority_is_not_reached_though_it_comes_first(
    churn: UseCase,
) -> None:
    case = with_rules(churn, budget={"per_day": 10})
    begin(case)
    predict(case, {f"a-{number:02}": number / 100 for number in range(40)})
    assert deliver(case) == 10
    predict(case, {"low": 0.2, "high": 0.35}, hours=13)  # the next day; of the last day's 40, the tenth has 0.30
    assert deliver(case) == 1
    assert by(case, "suppressed_because")["low"] == "budget"
    assert "high" in reached(case)


def test_a_budget_is_ordered_by_what_it_is_given(churn: UseCase) -> None:
    case = with_rules(churn, budget={"per_day": 2, "order_by": "uplift"})
    begin(case)
    predict(case, {"a": 0.9, "b": 0.5, "c": 0.1})
    assert deliver(case, order=lambda features: -features["probability"].to_numpy()) == 2
    assert set(reached(case)) == {"b", "c"}
    assert rows(case, "decided_batches")[0]["ordered_by"] == "uplift"
    predict(case, {"d": 0.9, "e": 0.5, "f": 0.1}, hours=24)
    assert deliver(case) == 2  # without a model that may be used, by risk
    assert set(reached(case)) == {"b", "c", "d", "e"}


def test_a_cooldown_is_counted_from_the_last_delivery_in_both_arms(churn: UseCase) -> None:
    case = with_rules(churn, holdout=HALF, cooldown_hours=24)
    begin(case)
    group = users(20)
    for hours in (0, 23, 24, 47):
        predict(case, group, hours=hours)
        deliver(case)
    held = sum(arm_of(user, "spring", 0.5) == "holdout" for user in group)
    found = Counter((row["batch_id"], row["arm"] or row["suppressed_because"]) for row in rows(case))
    assert 0 < held < 20
    treated = {(1, "treated"): 20 - held, (3, "treated"): 20 - held}
    assert found == {(1, "holdout"): held, (3, "holdout"): held, (2, "cooldown"): 20, (4, "cooldown"): 20} | treated


def exclude(lake: Lake, user: str, until: datetime | None, batch_id: int = 0) -> None:
    row = {"user_id": user, "until": until, "batch_id": batch_id}
    schema = pa.schema([("user_id", pa.string()), ("until", pa.timestamp("us")), ("batch_id", pa.int64())])
    lake.append("self_excluded", pa.Table.from_pylist([row], schema))


def with_exclusions(case: UseCase, **when: Any) -> UseCase:
    """A use case with the table `self_excluded`, as if it were in its `enrichment`."""
    enrichment = case.enrichment | {"self_excluded": "none.csv"}
    changed = case.model_dump() | {"enrichment": enrichment}
    with open_lake(case) as lake, lake.transaction():
        lake._connection.execute("create table self_excluded (user_id varchar, until timestamp, batch_id bigint)")
    return with_rules(UseCase.model_validate(changed), never={"table": "self_excluded"}, **when)


def test_who_is_excluded_is_never_reached_until_their_time_is_over(churn: UseCase) -> None:
    case = with_exclusions(churn)
    begin(case)
    with open_lake(case) as lake, lake.transaction():
        exclude(lake, "forever", None)
        exclude(lake, "for a day", NOON + timedelta(days=1))
        exclude(lake, "over", NOON - timedelta(days=1))
        exclude(lake, "revoked", None)
        exclude(lake, "revoked", NOON - timedelta(days=1), batch_id=1)
    group = dict.fromkeys(["forever", "for a day", "over", "revoked", "other"], 0.9)
    predict(case, group)
    assert deliver(case) == 3
    assert set(by(case, "arm", suppressed_because="never")) == {"forever", "for a day"}
    predict(case, group, hours=25)
    assert deliver(case) == 4
    assert "forever" not in reached(case)


def test_who_is_excluded_between_decision_and_delivery_is_not_reached_either(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = with_exclusions(churn, holdout={"share": 0.01, "salt": "spring"})
    begin(case)
    predict(case, {"a": 0.9, "b": 0.9})

    def fail(*_: object) -> None:
        raise DeliveryError("is not there")

    with monkeypatch.context() as down:
        down.setattr(deliver_predictions, "_send", fail)
        with pytest.raises(DeliveryError):
            deliver(case)
    assert by(case, "arm") == {"a": "treated", "b": "treated"}
    with open_lake(case) as lake, lake.transaction():
        exclude(lake, "b", None)
    forget_pause(case)
    assert deliver(case) == 1
    assert reached(case) == ["a"]
    assert by(case, "suppressed_because") == {"a": None, "b": "never"}
    assert by(case, "arm") == {"a": "treated", "b": "treated"}  # as it was assigned


def test_whose_risk_has_ended_is_reached_neither_at_once_nor_after_a_decision(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = with_rules(churn, holdout={"share": 0.01, "salt": "spring"})
    begin(case)
    predict(case, {"a": 0.9, "b": 0.9, "c": 0.9})
    close(case, "c")

    def fail(*_: object) -> None:
        raise DeliveryError("is not there")

    with monkeypatch.context() as down:
        down.setattr(deliver_predictions, "_send", fail)
        with pytest.raises(DeliveryError):
            deliver(case)
    assert by(case, "arm") == {"a": "treated", "b": "treated"}
    close(case, "b")
    forget_pause(case)
    assert deliver(case) == 1
    assert reached(case) == ["a"]
    assert by(case, "suppressed_because") == {"a": None, "b": "closed"}
    assert publish_predictions.publish_predictions(case) == 1


def close(case: UseCase, user: str) -> None:
    """As if the user's closing event had been stored."""
    with open_lake(case) as lake, lake.transaction():
        lake.append("users", pa.Table.from_pylist([{"user_id": user, "closed_at": NOON, "batch_id": 1}]))


def test_a_decision_stands_whatever_changes_before_it_is_delivered(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = with_rules(churn, holdout=HALF, budget={"per_day": 5})
    begin(case)
    predict(case, users(50))
    with monkeypatch.context() as down:
        down.setattr(checkpoints, "advance", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            deliver(case)
    sent, decided = reached(case), rows(case)
    assert len(sent) == 5
    assert deliver(with_rules(churn)) == 5  # as decided, though the rules are gone
    assert reached(case) == sent
    assert rows(case) == decided


def test_a_micro_batch_that_another_run_has_decided_is_not_decided_again(churn: UseCase) -> None:
    case = with_rules(churn, holdout=HALF)
    begin(case)
    batch_id = predict(case, users(10))
    when = case.targets["offers"].when
    due = {"target": "offers", "batch_id": batch_id, "probability_from": 0.0, "changed_by": 0.0, "once": False}
    with open_lake(case) as lake:
        lake.build(deliver_predictions.DUE, **due)
        decisions.decide(lake, "offers", when, batch_id, "deliver_to_offers")
        with pytest.raises(deliver_predictions.checkpoints.CheckpointConflictError):
            decisions.decide(lake, "offers", when, batch_id, "deliver_to_offers")
    assert len(rows(case)) == 10


def test_an_erased_user_leaves_the_experiment_and_no_place_in_the_budget(churn: UseCase) -> None:
    case = with_rules(churn, budget={"per_day": 2}, holdout={"share": 0.01, "salt": "spring"})
    begin(case)
    predict(case, {"anna-12345678": 0.9, "ben-12345678": 0.8})
    assert deliver(case) == 2
    forget_user.forget_user(case, "anna-12345678")
    assert by(case, "arm") == {"ben-12345678": "treated"}
    predict(case, {"clara-12345678": 0.9}, hours=1)
    assert deliver(case) == 0
    assert rows(case, "decided_batches")[0]["entered"] == 2


PHASES = ("before the decision", "in its commit", "after it", "after delivery", "in the commit of delivery")


def deliver_and_die(case: UseCase, phase: str) -> int:
    """Deliver in a process of its own that ends itself by SIGKILL in a phase; its exit code."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        _die_in(phase)
        deliver_predictions.deliver_predictions(case, "offers")
    finally:
        os._exit(0)


def _die_in(phase: str) -> None:
    def die(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def before(owner: Any, name: str, does: Callable[..., None]) -> None:
        original = getattr(owner, name)
        setattr(owner, name, lambda *given, **named: (does(), original(*given, **named))[1])

    def after(owner: Any, name: str) -> None:
        original = getattr(owner, name)
        setattr(owner, name, lambda *given, **named: (original(*given, **named), die())[0])

    if phase == "before the decision":
        before(decisions, "decide", die)
    elif phase == "in its commit":
        after(decisions.tombstones, "drop")
    elif phase == "after it":
        after(decisions, "decide")
    elif phase == "after delivery":
        after(deliver_predictions, "_send")
    else:
        after(checkpoints, "advance")


def test_kills_between_decision_delivery_and_accounting_change_nothing(churn: UseCase) -> None:
    rng = random.Random(18)
    case = with_exclusions(
        churn, holdout={"share": 0.3, "salt": "spring"}, budget={"per_day": 40}, cooldown_hours=2, once=False
    )
    begin(case)
    with open_lake(case) as lake, lake.transaction():
        for number in range(0, 60, 7):
            exclude(lake, f"user-{number:05}", None)
    due: dict[int, set[str]] = {}
    killed: Counter[str] = Counter()
    for hour in range(10):
        group = dict(rng.sample(sorted(users(60).items()), 25))
        due[predict(case, group, hours=hour)] = set(group)
        for phase in rng.sample(PHASES, 2):
            killed[phase] += deliver_and_die(case, phase) == -signal.SIGKILL
    deliver(case)
    assert set(killed) == set(PHASES)
    assert all(killed.values())

    found = rows(case)
    keys = Counter((row["batch_id"], row["user_id"]) for row in found)
    assert set(keys) == {(batch, user) for batch, group in due.items() for user in group}  # each due user,
    assert set(keys.values()) == {1}  # exactly once
    treated = [row for row in found if row["arm"] == "treated"]
    assert {row["user_id"] for row in treated} == set(reached(case))
    assert Counter(reached(case)) == Counter(row["user_id"] for row in treated)
    assert not any(arm_of(row["user_id"], "spring", 0.3) == "holdout" for row in treated)
    assert not any(int(row["user_id"][-5:]) % 7 == 0 for row in treated)
    assert max(Counter(row["decided_at"].date() for row in treated).values()) == 40
    assert sum(row["treated"] for row in rows(case, "decided_batches")) == len(treated)
    by_user: dict[str, list[datetime]] = {}
    for row in treated:
        by_user.setdefault(row["user_id"], []).append(row["decided_at"])
    gaps = [later - earlier for times in by_user.values() for earlier, later in pairwise(times)]
    assert min(gaps) >= timedelta(hours=2)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"holdout": {"share": 0, "salt": "a"}}, "greater than 0"),
        ({"holdout": {"share": 0.1, "salt": "a b"}}, "salt"),
        ({"budget": {"per_day": 0}}, "per_day"),
        ({"budget": {"per_day": 5, "order_by": "luck"}}, "order_by"),
        ({"budget": {"per_day": 5, "order_by": "gain"}}, "gain needs `decision`"),
        ({"never": {"table": "nobody"}}, "never.table: expected one of the enrichment tables"),
    ],
)
def test_wrong_rules_are_refused(churn: UseCase, when: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        with_rules(churn, **when)
