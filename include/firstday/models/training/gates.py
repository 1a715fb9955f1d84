"""Gates: the conditions, as data in the YAML, that a challenger must meet to become the champion."""

import logging
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from include.firstday.lake.run import Run
from include.firstday.models import promotion, registry
from include.firstday.models.training import model_card
from include.firstday.models.training.candidates import measure_cost
from include.firstday.models.training.evaluate import Holdout
from include.firstday.models.training.metrics import Estimate, Values, advantage, estimate, estimates
from include.firstday.models.training.training_set import trained_users
from include.firstday.use_case.use_case import Gate, UseCase

log = logging.getLogger(__name__)
CHAMPION = "champion"


@dataclass(frozen=True)
class Outcome:
    """One gate's answer: whether it holds, and why, for people."""

    gate: str
    holds: bool
    reason: str


def promote_if_better(
    use_case: UseCase,
    training_set: dict[str, Any],
    tested: dict[str, Any],
    run: Run | None = None,
    airflow_url: str | None = None,
) -> dict[str, Any]:
    """Promote the challenger if it passes every gate; the verdict, with reasons, on the run and in the model card.

    `airflow_url`: of the run in Airflow, for the card's links.
    """
    import mlflow

    outcomes = judge(use_case, training_set, tested)
    is_promoted = all(outcome.holds for outcome in outcomes)
    told = [outcome for outcome in outcomes if outcome.holds == is_promoted]
    reason = "; ".join(f"{outcome.gate}: {outcome.reason}" for outcome in told) or "there are no gates"
    for outcome in outcomes:
        log.info("gate %s %s: %s", outcome.gate, "passed" if outcome.holds else "failed", outcome.reason)
    log.info("version %s %s", tested["version"], "is promoted" if is_promoted else "is not promoted")
    if is_promoted:
        promotion.promote(use_case, int(tested["version"]), reason, run)
    verdict = {"is_promoted": is_promoted, "reason": reason}
    links = {"airflow_url": airflow_url} if airflow_url else {}
    card = model_card.markdown(
        use_case, training_set, tested, verdict | links, [asdict(outcome) for outcome in outcomes]
    )
    with registry.start_run(use_case, "", run_id=str(training_set["run_id"])):
        told_by_name = "promoted" if is_promoted else "not promoted"
        mlflow.set_tag("mlflow.runName", f"version {tested['version']}: {tested['name']}, {told_by_name}")
        mlflow.set_tags({f"firstday.{key}": value for key, value in (verdict | links).items()})
        mlflow.log_table(pd.DataFrame([asdict(outcome) for outcome in outcomes]), "gates.json")
        model_card.log(use_case, int(tested["version"]), card)
    return verdict


def judge(use_case: UseCase, training_set: dict[str, Any], tested: dict[str, Any]) -> list[Outcome]:
    """Every gate's answer on the newest users, whom neither the challenger nor the champion has been trained on."""
    return Judge(use_case, training_set, tested).outcomes()


class Judge:
    """The challenger, what it is compared with, and the users of the test."""

    def __init__(self, use_case: UseCase, training_set: dict[str, Any], tested: dict[str, Any]) -> None:
        self.gates, self.costs = use_case.training.gates, use_case.scoring.costs
        self.holdout = Holdout(use_case, training_set)
        self.model = registry.load_from_run(str(tested["run_id"]))
        self.ours, self.theirs = self.holdout.probability(self.model), self.holdout.baselines()
        self.unseen = np.ones(len(self.ours), dtype=np.bool_)  # rows of users whom the champion was not trained on
        self.champion = registry.champion(use_case)
        # A repeated task finds its challenger promoted: that is no rival.
        if self.champion is not None and self.champion.version != int(tested["version"]):
            self.theirs[CHAMPION] = self.holdout.probability(self.champion.model)
            self.unseen = ~np.isin(self.holdout.users, list(trained_users(use_case, self.champion.version)))

    def outcomes(self) -> list[Outcome]:
        """Every gate's answer, in the order of the YAML."""
        whole = self._measured()
        return [self._outcome(name, gate, whole) for name, gate in self.gates.items()]

    def _outcome(self, name: str, gate: Gate, whole: dict[str, Estimate]) -> Outcome:
        if gate.by == "cutoff":
            return self._at_cutoffs(name, gate)
        if gate.against is None:
            return _compare(name, gate, whole[gate.metric], gate.metric)
        if gate.against not in self.theirs:
            return Outcome(name, True, f"no {gate.against} to compare with")
        return self._against(name, gate, self.theirs[gate.against])

    def _against(self, name: str, gate: Gate, theirs: Values) -> Outcome:
        """The answer on users whom neither model was trained on; it fails where too few are left."""
        rows = self.unseen if gate.against == CHAMPION else np.ones(len(theirs), dtype=np.bool_)
        labels, users = self.holdout.labels[rows], self.holdout.users[rows]
        seen, left = len(set(self.holdout.users[~rows])), len(set(users))
        if seen and (left < gate.minimum_users or len(np.unique(labels)) < 2):
            return Outcome(
                name,
                False,
                f"the champion was trained on {seen:,} of the test users, and the other {left:,} are too few to "
                f"compare with it; required: {gate.minimum_users:,} with both labels",
            )
        found = advantage(gate.metric, labels, self.ours[rows], theirs[rows], users, self.costs)
        outcome = _compare(name, gate, found, f"{gate.metric}, advantage over {gate.against}")
        without = f", without {seen:,} users whom the champion was trained on" if seen else ""
        return replace(outcome, reason=outcome.reason + without)

    def _at_cutoffs(self, name: str, gate: Gate) -> Outcome:
        """The answer at the cut-off with the worst value, of those that fail where any does."""
        minutes = self.holdout.rows["cutoff_minutes"].to_numpy()
        judged = []
        for minute in np.unique(minutes):
            part = minutes == minute
            labels, users = self.holdout.labels[part], self.holdout.users[part]
            if len(users) >= gate.minimum_users and len(np.unique(labels)) == 2:
                found = estimate(gate.metric, labels, self.ours[part], users, self.costs)
                outcome = _compare(name, gate, found, f"{gate.metric} {minute / 60:g} h after the window opened")
                judged.append((outcome.holds, _margin(gate, found.value), outcome))
        if not judged:
            return Outcome(name, True, f"no cut-off has {gate.minimum_users:,} users of both labels to judge it by")
        return min(judged, key=lambda each: each[:2])[2]

    def _measured(self) -> dict[str, Estimate]:
        plain = {
            **measure_cost(self.model, self.holdout.features),
            "monotonicity_violation": self.holdout.monotonicity_violation(self.model),
        }
        return {
            **{name: Estimate(value, value, value) for name, value in plain.items()},
            **estimates(self.holdout.labels, self.ours, self.holdout.users, self.costs),
        }


def _compare(name: str, gate: Gate, value: Estimate, what: str) -> Outcome:
    shown = f"{value.value:.4f}"
    if value.low != value.high:  # what is measured once has no interval
        shown += f" (95 % interval {value.low:.4f} to {value.high:.4f})"
    limit = f"at most {gate.at_most:g}" if gate.at_most is not None else f"above {gate.above or 0.0:g}"
    scope = " for the entire interval" if gate.confident else " for a part of the interval" if gate.allow_chance else ""
    margins = [_margin(gate, each) for each in (value.low, value.high)]
    judged = min(margins) if gate.confident else max(margins) if gate.allow_chance else _margin(gate, value.value)
    holds = judged >= 0 if gate.at_most is not None else judged > 0
    return Outcome(name, holds, f"{what}: {shown}, required: {limit}{scope}")


def _margin(gate: Gate, value: float) -> float:
    """How far inside of the gate's limit a value is; below 0 outside."""
    return gate.at_most - value if gate.at_most is not None else value - (gate.above or 0.0)
