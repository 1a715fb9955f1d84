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
from threadpoolctl import threadpool_limits

from include.firstday import landing
from include.firstday.delivery import deliver_predictions, experiments, measure_effect
from include.firstday.delivery.effects import Effect
from include.firstday.errors import UseCaseError
from include.firstday.features import outcomes
from include.firstday.generator import events
from include.firstday.generator.response import kept
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.models import promotion
from include.firstday.operations import micro_batch
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import another_home
from include.firstday.use_case.generator import Generator
from include.firstday.use_case.use_case import UseCase

START = datetime(2026, 6, 1, tzinfo=UTC)
TARGET = "offers"
SALT = "simulated"
STEP = timedelta(hours=3)  # of a micro-batch with deliveries; afterwards it has a day
DAY = timedelta(days=1)
RUN = Run(task="simulate_experiment")
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Simulated:
    """What an experiment has measured, day by day and in the end, and the true effect on its treated users."""

    daily: tuple[Effect, ...]
    true_effect: float

    @property
    def measured(self) -> Effect:
        """The last measurement, when all outcomes are known."""
        return self.daily[-1]


@dataclass(frozen=True)
class _Step:
    """A span of events that are one micro-batch; the effect is measured where a day ends with it."""

    start: datetime
    end: datetime
    is_delivering: bool

    @property
    def is_measured(self) -> bool:
        return (self.end - START) % DAY == timedelta()


def simulate_experiment(
    use_case: UseCase,
    home: Path,
    days: float = 14,
    effect: float = 0.1,
    holdout_share: float = 0.5,
    is_persuadable: bool = False,
    progress: Progress = lambda done, total, text: None,
) -> Simulated:
    """Simulate so many days of offers to users with the predicted outcome, and the time until the outcomes are known.

    `effect`: share of all users who stay because of an offer; of none where it is 0. `home`: a new folder. The effect
    is measured at the end of each day. Raises UseCaseError where the use case has no generator.
    """
    case = _with_offers(use_case, effect, holdout_share, is_persuadable)
    steps = _steps(days, timedelta(seconds=outcomes.known_after_seconds(case)))
    daily: list[Effect] = []
    with another_home(home):
        promotion.register_bundled(case)
        for number, step in enumerate(steps, start=1):
            with clock.simulated(clock.naive(step.end)):
                _run_step(case, step)
                if step.is_measured or step is steps[-1]:
                    daily += measure_effect.measure_effect(case)
            progress(number, len(steps), f"{step.end:%Y-%m-%d %H:%M}")
        return Simulated(tuple(daily), _true_effect(case, steps[-1].end))


def _steps(days: float, known_after: timedelta) -> list[_Step]:
    """Micro-batches of `STEP` while offers are made, then of up to a day until all outcomes are known."""
    delivering = START + max(round(timedelta(days=days) / STEP), 1) * STEP
    end = delivering + known_after + STEP  # the last event must be as late as the last outcome
    steps, start = [], START
    while start < end:
        is_delivering = start < delivering
        midnight = START + ((start - START) // DAY + 1) * DAY
        until = start + STEP if is_delivering else min(midnight, end)
        steps.append(_Step(start, until, is_delivering))
        start = until
    return steps


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


def _run_step(case: UseCase, step: _Step) -> None:
    """One micro-batch of generated events, and what is due of it; nobody is scored when offers are over."""
    table = events(_generator(case), step.start, step.end, START, experiments.reached_by_generator(case))
    if table.num_rows:
        landing.deliver(case.name, f"events-{step.start:%Y%m%dT%H%M}.parquet", partial(pq.write_table, table))
    with threadpool_limits(1):  # the model's threads would spin beside DuckDB's, for longer than they work
        micro_batch.process(case, RUN, lambda done: None, with_scores=step.is_delivering)
    if step.is_delivering:
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
