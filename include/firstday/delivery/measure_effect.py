"""The effect of a target's deliveries: outcomes of treated users minus those of held-out users, by experiment.

By intention to treat: a user counts in the arm of their first decision in the experiment, whatever became of it.
An experiment with a horizon is that of its users up to it, and is judged once, when all their outcomes are known.
Before that, and without a horizon, the interval that holds at all hourly looks together says whether there is an
effect.
"""

import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from include.firstday.delivery import statistics
from include.firstday.delivery.deliver_predictions import checkpoint
from include.firstday.delivery.effects import LABEL, MEAN, SHARE, Effect, alerts, describe
from include.firstday.delivery.statistics import Difference, Values
from include.firstday.errors import InputError
from include.firstday.features import outcomes
from include.firstday.features.model_inputs import as_numbers, inputs_of
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.models import registry
from include.firstday.models.value import value_of
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "measure_effect"
SQL = f"delivery/{STAGE}"
NEVER = datetime(9999, 1, 1)
LONG_AGO = datetime(1970, 1, 1)  # the watermark before the first event
TREATED, HOLDOUT = "treated", "holdout"


@retrying
def measure_effect(use_case: UseCase, run: Run | None = None) -> list[Effect]:
    """Measure every experiment whose result is not final yet; to `effects` and to MLflow's run `experiment <name>`."""
    with open_lake(use_case, run or Run(task=STAGE)) as lake:
        with lake.snapshot():
            measured = [_measure(lake, use_case, row) for row in _unfinished(lake)]
        if not measured:
            return []
        # Before the commit: where MLflow fails, the retry measures again.
        for one in measured:
            note = " ".join([describe(use_case, one), *alerts(one)])
            registry.log_measurements(use_case, f"experiment {one.experiment}", _metrics(one), one.batch_id, note)
        with lake.transaction() as commit:
            lake.append("effects", pa.Table.from_pylist([asdict(one) for one in measured]))
            commit.message = f"{len(measured):,} experiments measured"
    for one in measured:
        log.info("%s", describe(use_case, one))
        for alert in alerts(one):
            log.warning("%s", alert)
    return measured


def latest(use_case: UseCase, experiment: str = "") -> list[dict[str, Any]]:
    """One row per experiment, the latest first: its dates and its last measurement. Raises InputError if unknown."""
    with open_lake(use_case, read_only=True) as lake:
        rows = lake.rows(f"{SQL}/latest_effects")
    if experiment and experiment not in {row["experiment"] for row in rows}:
        known = ", ".join(row["experiment"] for row in rows) or "none has been measured"
        raise InputError(f"{use_case.name}: no experiment {experiment}; the experiments are: {known}")
    return [row for row in rows if experiment in ("", row["experiment"])]


def of_row(row: dict[str, Any]) -> Effect:
    """The measurement in a row of `latest`."""
    return Effect(**{name: row[name] for name in Effect.__dataclass_fields__})


def users_of(lake: Lake, use_case: UseCase, experiment: str, target: str, until: datetime = NEVER) -> pd.DataFrame:
    """Return one row per user who entered an experiment before a time, as `measured_users.sql` has them.

    Columns: those of `predictions` as logged with their first decision, `arm`, `assigned_at`, and `outcome`, NaN where
    it is not known yet.
    """
    upto, watermark = checkpoints.of(lake, checkpoint(target)), checkpoints.stored(lake).watermark
    lake.build(f"{SQL}/assigned_users", experiment=experiment, upto=upto, until=until)
    outcomes.build_outcomes(lake, use_case, watermark or LONG_AGO)
    users: pd.DataFrame = lake.table(f"{SQL}/measured_users").to_pandas()
    return users


def _unfinished(lake: Lake) -> list[dict[str, Any]]:
    final = {row["experiment"] for row in lake.rows_of("effects", is_final=True)}
    rows = [row for row in lake.rows_of("experiments") if row["experiment"] not in final]
    return sorted(rows, key=lambda row: (row["started_at"], row["experiment"]))


def _measure(lake: Lake, use_case: UseCase, about: dict[str, Any]) -> Effect:
    name, target = about["experiment"], about["target"]
    stored, upto = checkpoints.stored(lake), checkpoints.of(lake, checkpoint(target))
    watermark = stored.watermark or about["started_at"]
    horizon = about["started_at"] + timedelta(days=about["horizon_days"]) if about["horizon_days"] else NEVER
    users = users_of(lake, use_case, name, target, horizon)
    spans = {"upto": upto, "until": horizon, "ended_at": about["ended_at"] or NEVER}
    counts = lake.row(f"{SQL}/counted", experiment=name, target=target, **spans)
    names, features = as_numbers(use_case, inputs_of(use_case, users))
    is_treated = users["arm"].to_numpy() == TREATED
    balance = statistics.balance(names, features, is_treated, about["share"])
    closed = min(horizon, about["ended_at"] or NEVER)
    is_final = closed < NEVER and watermark >= closed + timedelta(seconds=outcomes.known_after_seconds(use_case))
    return Effect(
        experiment=name,
        measured_at=clock.now(),
        batch_id=stored.batch_id,
        balance_p_value=balance.p_value,
        least_balanced=balance.what,
        contaminated=counts["contaminated"],
        entered=counts["entered"],
        erased=counts["entered"] - counts["present"],
        is_final=is_final,
        is_at_horizon=is_final and closed == horizon,  # who ends an experiment earlier may have looked at it
        **_difference(use_case, users[users["outcome"].notna()]),
    )


def _difference(use_case: UseCase, known: pd.DataFrame) -> dict[str, Any]:
    """The part of a measurement that rests on users whose outcome is known."""
    arms = [known[known["arm"] == arm] for arm in (TREATED, HOLDOUT)]
    treated, holdout = (arm["outcome"].to_numpy("float64") for arm in arms)
    is_share = bool(np.isin(known["outcome"], (0, 1)).all())
    kind = LABEL if use_case.effect.outcome == LABEL else SHARE if is_share else MEAN
    found: dict[str, Any] = {"outcome": kind, "treated": len(treated), "holdout": len(holdout)}
    empty = dict.fromkeys(
        ("treated_mean", "holdout_mean", "effect", "low", "high", "valid_low", "valid_high", "minimum_detectable",
         "gain_per_user", "gain_low", "gain_high")
    )  # fmt: skip
    if not len(treated) or not len(holdout):
        return found | empty
    sizes = len(treated), len(holdout)
    fixed = (
        statistics.newcombe(treated.sum(), sizes[0], holdout.sum(), sizes[1])
        if is_share
        else statistics.bootstrap(treated, holdout)
    )
    valid = _valid(treated, holdout, is_share)
    variance = _variance(np.concatenate([treated, holdout]), is_share)
    found |= empty | {
        "treated_mean": float(treated.mean()),
        "holdout_mean": float(holdout.mean()),
        "effect": float(fixed.value),
        "low": float(fixed.low),
        "high": float(fixed.high),
        "valid_low": float(valid.low),
        "valid_high": float(valid.high),
        "minimum_detectable": float(statistics.minimum_detectable(variance, *sizes)),
    }
    return found | _gain(use_case, arms, is_share)


def _gain(use_case: UseCase, arms: list[pd.DataFrame], is_share: bool) -> dict[str, float]:
    """What a treated user has brought, less the offer's cost; an outcome that is no share is in the currency itself."""
    if (decision := use_case.decision) is None:
        return {}
    worth = [arm["outcome"].to_numpy("float64") * (value_of(decision, arm) if is_share else 1.0) for arm in arms]
    found, cost = _valid(worth[0], worth[1], is_share=False), decision.offer_cost
    ends = {"gain_per_user": found.value, "gain_low": found.low, "gain_high": found.high}
    return {name: float(value) - cost for name, value in ends.items()}


def _valid(treated: Values, holdout: Values, is_share: bool) -> Difference:
    sizes = len(treated), len(holdout)
    error = statistics.standard_error(_variance(treated, is_share), sizes[0], _variance(holdout, is_share), sizes[1])
    return statistics.always_valid(treated.mean() - holdout.mean(), error, sum(sizes))


def _variance(values: Values, is_share: bool) -> float:
    if is_share:
        return float(statistics.variance_of_share(values.sum(), len(values)))
    return float(values.var(ddof=1)) if len(values) > 1 else float("inf")


def _metrics(one: Effect) -> dict[str, float]:
    """The numbers of a measurement, by name; without those that are unknown or infinite."""
    found = {
        name: value for name, value in asdict(one).items() if isinstance(value, int | float) and name != "batch_id"
    }
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}
