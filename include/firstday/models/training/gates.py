"""Gates: the conditions, as data in the YAML, that a challenger must meet to become the champion."""

import logging
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from include.firstday.lake.run import Run
from include.firstday.models import promotion, registry
from include.firstday.models.training import model_card
from include.firstday.models.training.candidates import measure_cost
from include.firstday.models.training.evaluate import Holdout
from include.firstday.models.training.metrics import Estimate, Values, advantage, estimates
from include.firstday.use_case.use_case import Gate, UseCase

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """One gate's answer: whether it holds, and why, for people."""

    gate: str
    holds: bool
    reason: str


def promote_if_better(
    use_case: UseCase, training_set: dict[str, Any], tested: dict[str, Any], run: Run | None = None
) -> dict[str, Any]:
    """Promote the challenger if it passes every gate; the verdict, with reasons, on the run and in the model card."""
    import mlflow

    outcomes = judge(use_case, training_set, tested)
    is_promoted = all(outcome.holds for outcome in outcomes)
    told = [outcome for outcome in outcomes if outcome.holds == is_promoted]
    reason = "; ".join(f"{outcome.gate}: {outcome.reason}" for outcome in told) or "there are no gates"
    for outcome in outcomes:
        log.info("gate %s %s: %s", outcome.gate, "holds" if outcome.holds else "REFUSES", outcome.reason)
    log.info("version %s %s", tested["version"], "is the champion" if is_promoted else "stays challenger")
    if is_promoted:
        promotion.promote(use_case, int(tested["version"]), reason, run)
    verdict = {"is_promoted": is_promoted, "reason": reason}
    card = model_card.markdown(use_case, training_set, tested, verdict, [asdict(outcome) for outcome in outcomes])
    with registry.start_run(use_case, "", run_id=str(training_set["run_id"])):
        mlflow.set_tags({f"firstday.{key}": value for key, value in verdict.items()})
        mlflow.log_table(pd.DataFrame([asdict(outcome) for outcome in outcomes]), "gates.json")
        model_card.log(use_case, int(tested["version"]), card)
    return verdict


def judge(use_case: UseCase, training_set: dict[str, Any], tested: dict[str, Any]) -> list[Outcome]:
    """Every gate's answer on the newest users, whom neither the challenger nor the champion has been trained on."""
    holdout = Holdout(use_case, training_set)
    model = registry.load_from_run(str(tested["run_id"]))
    ours, theirs = holdout.probability(model), holdout.baselines()
    champion = registry.champion(use_case)
    # A repeated task finds its challenger promoted: that is no rival.
    if champion is not None and champion.version != int(tested["version"]):
        theirs["champion"] = holdout.probability(champion.model)
    found = _measured(holdout, model, ours)
    return [
        _outcome(name, gate, _value(holdout, gate, ours, theirs, found))
        for name, gate in use_case.training.gates.items()
    ]


def _measured(holdout: Holdout, model: Any, ours: Values) -> dict[str, Estimate]:
    plain = {**measure_cost(model, holdout.features), "monotonicity_violation": holdout.monotonicity_violation(model)}
    return {
        **{name: Estimate(value, value, value) for name, value in plain.items()},
        **estimates(holdout.labels, ours, holdout.users, holdout.use_case.scoring.costs),
    }


def _value(
    holdout: Holdout, gate: Gate, ours: Values, theirs: dict[str, Values], found: dict[str, Estimate]
) -> Estimate | None:
    """What a gate looks at; None where there is nothing to compare with."""
    if gate.against is None:
        return found[gate.metric]
    if gate.against not in theirs:
        return None
    costs = holdout.use_case.scoring.costs
    return advantage(gate.metric, holdout.labels, ours, theirs[gate.against], holdout.users, costs)


def _outcome(name: str, gate: Gate, value: Estimate | None) -> Outcome:
    if value is None:
        return Outcome(name, True, f"no {gate.against} to compare with")
    what = f"{gate.metric}, advantage over {gate.against}" if gate.against else gate.metric
    shown = f"{value.value:.4f}"
    if value.low != value.high:  # what is measured once has no interval
        shown += f" (95 % interval {value.low:.4f} to {value.high:.4f})"
    scope = " for the entire interval" if gate.confident else ""
    if gate.at_most is not None:
        holds = (value.high if gate.confident else value.value) <= gate.at_most
        return Outcome(name, bool(holds), f"{what}: {shown}, required: at most {gate.at_most:g}{scope}")
    limit = gate.above or 0.0
    holds = (value.low if gate.confident else value.value) > limit
    return Outcome(name, bool(holds), f"{what}: {shown}, required: above {limit:g}{scope}")
