"""The page and its API by themselves, over a small prepared lake: seconds instead of a whole installation.

`python -m tests.light_server PORT` prepares the lake in FIRSTDAY_HOME, once, and serves the page below /firstday/.
Everything is real but Airflow: everybody may do everything, and no DAG can be triggered.
"""

import hashlib
import json
import math
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI

from include.firstday import landing
from include.firstday.delivery import deliver_predictions, measure_effect, publish_predictions
from include.firstday.features import update_features
from include.firstday.ingest import store_events
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.models import promotion, registry
from include.firstday.monitoring import monitor_model
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase, load
from include.firstday.web.app import build
from include.firstday.web.auth import Gate, Schedule

USE_CASE = "first_day_churn"
PREFIX = "/firstday"
PAST, PRESENT = 600, 150  # users whose label is known, and those in their window
EARLIER = "past-400"  # users before it are of the first micro-batch, and of the first experiment
KEPT = 0.4  # of that experiment's treated users who would churn
Event = dict[str, Any]


def serve(port: int) -> None:
    """Prepare the lake where there is none yet, and serve the page."""
    if not (settings().home / "prepared").exists():
        prepare(load(USE_CASE))
        prepare_other(load("cart_abandonment"))
        (settings().home / "prepared").touch()
    app = FastAPI()
    app.mount(PREFIX, build(gate_of_everybody()))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def prepare(use_case: UseCase) -> None:
    """Fill a lake: labelled users, users in their window, a challenger in shadow, rejected rows, a monitoring run."""
    now = clock.now().replace(microsecond=0)
    chance = random.Random(19)
    past = list(_users(chance, PAST, "past", (now - timedelta(hours=50), now - timedelta(hours=26))))
    _deliver(use_case, "autumn", now - timedelta(hours=49))  # from the next micro-batch on
    current = list(_users(chance, PRESENT, "user", (now - timedelta(hours=20), now - timedelta(hours=1))))
    micro_batch(use_case, "a.ndjson", [event for event in past if event["user_id"] < EARLIER])
    _deliver(use_case, "autumn", *(now - timedelta(hours=hours) for hours in (48, 36, 24, 12)))
    _register_challenger(use_case)
    micro_batch(use_case, "a2.ndjson", [event for event in past if event["user_id"] >= EARLIER])
    _deliver(use_case, "spring", now - timedelta(hours=8), now - timedelta(hours=4))
    halves = (now - timedelta(hours=6), now)
    for name, begin, end in (("b", datetime.min, halves[0]), ("c", halves[0], halves[1])):
        chosen = [event for event in current if begin.isoformat() <= event["event_time"] < end.isoformat()]
        micro_batch(use_case, f"{name}.ndjson", chosen)
    _deliver(use_case, "spring", now)
    good = [event("new_bet", f"user-{number:03}", now, bet_amount="2.50") for number in range(3)]
    bad = bad_bets(now)
    misspelt = [event("new_bet", "user-002", now, bet_amonut="4.00") for _ in range(5)]
    landing.deliver(use_case.name, "unreadable.ndjson.gz", lambda path: path.write_bytes(b"no gzip"))
    ahead = [event("new_bet", "user-003", now + timedelta(hours=3), bet_amount="2.50")]
    holding = use_case.model_copy(update={"hold_hours": 24})
    micro_batch(holding, "d.ndjson", good + bad + misspelt + ahead)
    monitor_model.monitor_model(use_case)


def bad_bets(now: datetime) -> list[Event]:
    """Bets with a word as their amount, which the contract rejects."""
    return [event("new_bet", "user-001", now, bet_amount="ten") for _ in range(8)]


def _deliver(use_case: UseCase, salt: str, *measured_at: datetime) -> None:
    """Deliver to a half of the due users, of the others that the budget allows, and measure as if at some times."""
    holdout = {"share": 0.5, "salt": salt}
    when = {"once": True, "holdout": holdout, "budget": {"per_day": 260}, "cooldown_hours": 72}
    offers = {"offers": {"kind": "files", "folder": "offers", "when": when}}
    decision = {"currency": "EUR", "offer_cost": 2, "value_of_retained": 12}
    changed = {"targets": offers, "effect": {"outcome": "label"}, "decision": decision}
    case = UseCase.model_validate(use_case.model_dump() | changed)
    deliver_predictions.deliver_predictions(case, "offers")
    for moment in measured_at:
        with clock.simulated(moment):
            measure_effect.measure_effect(case)


def _is_treated(user_id: str, salt: str) -> bool:
    """Whether an experiment with that salt, and half of the users held out, treats a user."""
    return hashlib.md5(f"{salt}/{user_id}".encode()).digest()[15] >= 128


def prepare_other(use_case: UseCase) -> None:
    """Open another use case's lake, so that the page has two of them."""
    with open_lake(use_case):
        pass


def gate_of_everybody() -> Gate:
    def allowed() -> None:
        """Everybody may do everything."""

    running = Schedule(is_paused=False, next_run_at=clock.now() + timedelta(seconds=30), last_state="success")
    return Gate(
        may_enter=allowed,
        may_read=allowed,
        may_edit=allowed,
        schedule=lambda dag: running,
        failed_runs=lambda use_case, since: [],
        user=lambda: "ada",
    )


def micro_batch(use_case: UseCase, name: str, events: list[Event]) -> None:
    """Deliver events as a file, and run the stages."""
    text = "".join(json.dumps(event) + "\n" for event in events)
    landing.deliver(use_case.name, name, lambda path: path.write_text(text))
    store_events.store_events(use_case)
    update_features.update_features(use_case)
    promotion.register_bundled(use_case)
    score_users.score_users(use_case)
    publish_predictions.publish_predictions(use_case)


def _users(chance: random.Random, number: int, name: str, span: tuple[datetime, datetime]) -> Iterator[Event]:
    for one in range(number):
        yield from _user(chance, f"{name}-{one:03}", span[0] + chance.random() * (span[1] - span[0]))


def _user(chance: random.Random, user_id: str, opening: datetime) -> Iterator[Event]:
    """A churner wins less often and falls silent earlier; some whom the offer reached have the label of who stays."""
    churns = chance.random() < 0.7
    is_kept = _is_treated(user_id, "autumn") and user_id < EARLIER and chance.random() < KEPT
    yield event(
        "new_registration", user_id, opening - timedelta(minutes=5), label=int(churns and not is_kept),
        postcode=f"{chance.randrange(10, 99)}{chance.randrange(100, 999)}", country=chance.choice(["DE", "AT", "CH"]),
        campaign=chance.choice(["spring", "autumn", "none"]), name="Ada Lovelace",
    )  # fmt: skip
    yield event("new_purchases", user_id, opening, amount=f"{chance.uniform(5, 60):.2f}")
    hours = chance.uniform(0.5, 8 if churns else 22)
    for _ in range(chance.randrange(20, 120) if churns else chance.randrange(60, 200)):
        moment = opening + timedelta(hours=hours * math.sqrt(chance.random()))
        yield event("new_bet", user_id, moment, bet_amount=f"{chance.uniform(1, 9):.2f}")
        if chance.random() < (0.26 if churns else 0.33):
            yield event("new_win", user_id, moment, win_amount=f"{chance.uniform(1, 12):.2f}")


def event(kind: str, user_id: str, moment: datetime, **more: object) -> Event:
    """One event as it is posted."""
    return {"event_type": kind, "user_id": user_id, "event_time": moment.isoformat(), **more}


def _register_challenger(use_case: UseCase) -> None:
    """Fit a second model on what is in the lake, and register it as challenger."""
    from sklearn.model_selection import GroupKFold

    from include.firstday.models.training import candidates

    with open_lake(use_case, read_only=True) as lake:
        rows = _labelled(lake).to_pandas()
    features, labels = rows[list(use_case.features)].astype("float64"), rows["label"].to_numpy()
    folds = list(GroupKFold(3).split(features, labels, rows["user_id"]))
    unfitted = candidates.pipeline(use_case.training.candidates["logistic_regression"])
    model = candidates.fit_calibrated(unfitted, features, labels, folds)
    with registry.start_run(use_case, "version 2: logistic_regression") as run:
        candidates.log_with_reference(use_case, model, rows.assign(cutoff_minutes=60, is_cutoff=True))
        registry.register(use_case, run.info.run_id, use_case.scoring.costs.threshold)


def _labelled(lake: Lake) -> Any:
    return lake.query("select user_features.*, users.label from user_features join users using (user_id)")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
