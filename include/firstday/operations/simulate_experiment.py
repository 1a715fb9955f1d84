"""A simulated experiment: generated users, who respond to an offer as configured, through the whole pipeline.

In a lake of its own and with a simulated clock, so that days pass in minutes. What the experiment measures can be
compared with the true effect: the outcomes of treated users with the offer, and of the same users without it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.firstday import landing
from include.firstday.delivery import deliver_predictions, experiments, measure_effect
from include.firstday.delivery.effects import Effect
from include.firstday.errors import UseCaseError
from include.firstday.features import outcomes, update_features
from include.firstday.generator import events
from include.firstday.generator.response import kept
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.models import promotion
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.settings import another_home
from include.firstday.use_case.generator import Generator
from include.firstday.use_case.use_case import UseCase

START = datetime(2026, 6, 1, tzinfo=UTC)
TARGET = "offers"
SALT = "simulated"
STEP = timedelta(hours=3)  # of a micro-batch
DAY = timedelta(days=1)
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Simulated:
    """What an experiment has measured, and the true effect on its treated users."""

    measured: Effect
    true_effect: float


def simulate_experiment(
    use_case: UseCase,
    home: Path,
    days: float = 14,
    effect: float = 0.1,
    holdout_share: float = 0.5,
    is_persuadable: bool = False,
    progress: Progress = lambda done, total, text: None,
) -> Simulated:
    """Simulate so many days of offers to users with predicted churn, and the time until the outcomes are known.

    `effect`: share of all users who stay because of an offer; of none where it is 0. `home`: a new folder. Raises
    UseCaseError where the use case has no generator.
    """
    case = _with_offers(use_case, effect, holdout_share, is_persuadable)
    known_after = timedelta(seconds=outcomes.known_after_seconds(case))
    delivering = round(timedelta(days=days) / STEP)
    steps = delivering + -(-known_after // STEP) + 1
    with another_home(home):
        promotion.register_bundled(case)
        for number in range(steps):
            start = START + number * STEP
            with clock.simulated(clock.naive(start + STEP)):
                _run_step(case, start, is_delivering=number < delivering)
            progress(number + 1, steps, f"{start + STEP:%Y-%m-%d %H:%M}")
        with clock.simulated(clock.naive(START + steps * STEP)):
            (measured,) = measure_effect.measure_effect(case)
            return Simulated(measured, _true_effect(case, START + steps * STEP))


def _with_offers(use_case: UseCase, effect: float, holdout_share: float, is_persuadable: bool) -> UseCase:
    when = {"once": True, "holdout": {"share": holdout_share, "salt": SALT}}
    response = {"target": TARGET, "effect": effect, "only": "persuadable" if is_persuadable else "anyone"}
    changed = {
        "targets": {TARGET: {"kind": "files", "folder": TARGET, "when": when}},
        "generator": _generator(use_case).model_dump() | {"response": response if effect else None},
    }
    return UseCase.model_validate(use_case.model_dump() | changed)


def _generator(case: UseCase) -> Generator:
    if case.generator is None:
        raise UseCaseError(f"{case.folder / 'use_case.yaml'}: generator: expected, to simulate users; missing")
    return case.generator


def _run_step(case: UseCase, start: datetime, is_delivering: bool) -> None:
    """One micro-batch of generated events, and what is due of it."""
    table = events(_generator(case), start, start + STEP, START, experiments.reached_by_generator(case))
    if table.num_rows:
        landing.deliver(case.name, f"events-{start:%Y%m%dT%H%M}.parquet", partial(pq.write_table, table))
    store_events.store_events(case)
    update_features.update_features(case)
    score_users.score_users(case)
    if is_delivering:
        deliver_predictions.deliver_predictions(case, TARGET)


def _true_effect(case: UseCase, end: datetime) -> float:
    """Mean over treated users of the outcome with the offer, minus that of the same events without any."""
    generator = _generator(case)
    with open_lake(case, read_only=True) as lake:
        (about,) = lake.rows_of("experiments")
        upto, until = checkpoints.stored(lake).batch_id, measure_effect.NEVER
        lake.build(f"{measure_effect.SQL}/assigned_users", experiment=about["experiment"], upto=upto, until=until)
        treated = lake.table_of("assigned_users").filter(pc.field("arm") == measure_effect.TREATED)
        ids = kept(generator, treated["user_id"].to_pylist()) if generator.response else []
        lake.build_rows("assigned_users", treated.filter(pc.is_in(treated["user_id"], pa.array(ids, pa.string()))))
        with_offer = _outcomes(lake, case, end)
        lake.build_like("unchanged_events", "events")
        for start in _days(end):
            table = events(generator, start, min(start + DAY, end), START)
            lake.append("unchanged_events", _of_users(table, ids))
        lake.build_text("events", "from unchanged_events")  # which statements read instead of the lake's from now on
        without = _outcomes(lake, case, end)
    return (with_offer - without) / max(int(treated.num_rows), 1)


def _outcomes(lake: Lake, case: UseCase, end: datetime) -> float:
    """Sum of the outcomes of `assigned_users`."""
    outcomes.build_outcomes(lake, case, clock.naive(end))
    return float(pc.sum(lake.table_of("outcomes")["outcome"]).as_py() or 0)


def _of_users(table: pa.Table, user_ids: list[str]) -> pa.Table:
    """Rows of some users, as they are stored."""
    found = table.filter(pc.is_in(table["user_id"], pa.array(user_ids, pa.string())))
    place = found.schema.get_field_index("event_time")
    found = found.set_column(place, "event_time", found["event_time"].cast(pa.timestamp("us")))
    count = found.num_rows
    return (
        found.append_column("batch_id", pa.array([0] * count, pa.int64()))
        .append_column("ingested_at", found["event_time"])
        .append_column("source_file", pa.array([""] * count, pa.string()))
    )


def _days(end: datetime) -> list[datetime]:
    return [START + number * DAY for number in range(-(-(end - START) // DAY))]
