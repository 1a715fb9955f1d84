"""Experiments: what a target's deliveries have changed, over time, and whether that can be believed."""

from typing import Any

from include.firstday.delivery import effects, measure_effect
from include.firstday.delivery.effects import MEAN, Effect
from include.firstday.errors import UnknownExperimentError
from include.firstday.lake.lake import Lake
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import experiments as schemas

FRESH = 10.0
POINTS = 500  # of a chart
DAG = measure_effect.STAGE
NOT_MEASURED = "not measured yet: measure_effect runs every hour, at 17 minutes past"


def experiments(reader: Reader) -> schemas.Experiments:
    """Return all experiments with their latest measurement, the latest first."""
    use_case = reader.use_case
    found: list[schemas.Experiment] = reader.ask(lambda lake: _all(lake, use_case), "experiments", seconds=FRESH)
    known = {one.target for one in found if one.ended_at is None}
    holding = [name for name, target in use_case.targets.items() if target.when.holdout]
    return schemas.Experiments(
        experiments=found,
        beginning=[name for name in holding if name not in known],
        without=[name for name in use_case.targets if name not in holding],
        measure_dag=f"{use_case.name}.{DAG}",
    )


def experiment(reader: Reader, name: str) -> schemas.OneExperiment:
    """Return an experiment with its measurements, arms, and who was not reached. Raises UnknownExperimentError."""
    return reader.ask(lambda lake: _one(lake, reader.use_case, name), "experiment", name, seconds=FRESH)


def _all(lake: Lake, use_case: UseCase) -> list[schemas.Experiment]:
    measured = {row["experiment"]: row for row in lake.rows(f"{measure_effect.SQL}/latest_effects")}
    rows = sorted(lake.rows_of("experiments"), key=lambda row: (row["started_at"], row["experiment"]), reverse=True)
    return [_about(use_case, row, measured.get(row["experiment"])) for row in rows]


def _one(lake: Lake, use_case: UseCase, name: str) -> schemas.OneExperiment:
    rows = lake.rows_of("experiments", experiment=name)
    if not rows:
        raise UnknownExperimentError(f"no experiment {name}: the Experiments room lists those that there are")
    measured = lake.rows("web/experiments/measurements", experiment=name, points=POINTS)
    latest = measured[-1] if measured else {}
    ledger = lake.rows_of("decided_batches", experiment=name)
    return schemas.OneExperiment(
        experiment=_about(use_case, rows[0], latest or None),
        measurements=[_at(row) for row in measured],
        arms=[_arm(rows[0], row, latest) for row in lake.rows("web/experiments/arms", experiment=name)],
        suppressed=[schemas.Suppressed(**row) for row in lake.rows("web/experiments/suppressed", experiment=name)],
        entered=sum(row["entered"] for row in ledger),
        erased=latest.get("erased", 0),
        contaminated=latest.get("contaminated", 0),
        balance_p_value=latest.get("balance_p_value"),
        least_balanced=latest.get("least_balanced", ""),
    )


def _about(use_case: UseCase, row: dict[str, Any], latest: dict[str, Any] | None) -> schemas.Experiment:
    one = measure_effect.of_row(latest) if latest else None
    interval = one.interval if one else None
    return schemas.Experiment(
        experiment=row["experiment"],
        target=row["target"],
        salt=row["salt"],
        holdout_share=row["share"],
        horizon_days=row["horizon_days"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        is_final=one is not None and one.is_final,
        sentence=effects.finding(use_case, one) if one else NOT_MEASURED,
        is_shown=one is not None and one.is_shown,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        alerts=[alert.removeprefix(f"{one.experiment}: ") for alert in effects.alerts(one)] if one else [],
        outcome=one.outcome if one else None,
        latest=_at(latest) if latest else None,
        money=_money(use_case, one) if one else None,
    )


def _at(row: dict[str, Any]) -> schemas.EffectAt:
    return schemas.EffectAt(**{name: row[name] for name in schemas.EffectAt.model_fields})


def _arm(about: dict[str, Any], row: dict[str, Any], latest: dict[str, Any]) -> schemas.Arm:
    arm, share = row["arm"], about["share"]
    return schemas.Arm(
        **row,
        expected_share=share if arm == measure_effect.HOLDOUT else 1 - share,
        known=latest.get(arm, 0),
        mean=latest.get(f"{arm}_mean"),
    )


def _money(use_case: UseCase, one: Effect) -> schemas.Money | None:
    """Cost and gain of the offers to treated users with a known outcome; None without costs in the YAML."""
    if (decision := use_case.decision) is None:
        return None
    cost, saved = decision.offer_cost * one.treated, one.saved
    gains = [None if each is None else each * one.treated for each in (one.gain_per_user, one.gain_low, one.gain_high)]
    is_counted = one.outcome != MEAN and saved is not None and saved >= 1
    return schemas.Money(
        currency=decision.currency,
        cost=cost,
        gain=gains[0],
        low=gains[1],
        high=gains[2],
        cost_per_saved=cost / saved if is_counted and saved else None,
    )
