"""The test: the best candidate on the newest users, whom no candidate has seen, beside plain baselines."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from include.firstday.features.model_inputs import inputs_of
from include.firstday.models import registry
from include.firstday.models.training import baselines, plots, profit
from include.firstday.models.training.candidates import log_with_reference, measure_cost, trained
from include.firstday.models.training.metrics import Estimate, Labels, Values, estimates
from include.firstday.models.training.refit import refit
from include.firstday.models.training.training_set import at_cutoffs, give_back, read, split
from include.firstday.models.value import value_of
from include.firstday.use_case.use_case import UseCase

MODEL = "model"


class Holdout:
    """The newest users, and what models say of them."""

    def __init__(self, use_case: UseCase, training_set: dict[str, Any]) -> None:
        self.use_case = use_case
        self._training_set = training_set
        self.rows = at_cutoffs(split(read(training_set))[1])
        give_back()
        self.labels: Labels = self.rows["label"].to_numpy()
        self.users: NDArray[np.object_] = self.rows["user_id"].to_numpy(dtype=object)

    def probability(self, model: Any) -> Values:
        """P(outcome) of each row, shape (rows,)."""
        return np.asarray(model.predict_proba(self.features)[:, 1])

    @property
    def features(self) -> pd.DataFrame:
        """What a model sees of each row."""
        return inputs_of(self.use_case, self.rows)

    def baselines(self) -> dict[str, Values]:
        """Name → probabilities of each row."""
        return baselines.predict(self.use_case, split(read(self._training_set))[0], self.rows)

    def monotonicity_violation(self, model: Any) -> float:
        """Mean rise of the risk where it must not rise, over the use case's directions the largest; 0 without any."""
        before, rises = self.probability(model), [0.0]
        for direction in self.use_case.training.directions.values():
            raised = self.features
            raised[list(direction.features)] *= direction.factor
            after = np.asarray(model.predict_proba(raised)[:, 1])
            rises.append(float(np.mean(np.maximum(after - before, 0))))
        return max(rises)


def evaluate_candidate(
    use_case: UseCase, training_set: dict[str, Any], results: list[dict[str, Any]]
) -> dict[str, Any]:
    """Test the candidate with the lowest log loss out of fold, log it to the run, register it as challenger."""
    import mlflow

    best = min(trained(results), key=lambda result: float(result["log_loss"]))
    model = registry.load_from_run(str(best["run_id"]))
    holdout = Holdout(use_case, training_set)
    probability, costs = holdout.probability(model), use_case.scoring.costs
    said = {MODEL: probability, **holdout.baselines()}
    overall = {name: estimates(holdout.labels, each, holdout.users, costs) for name, each in said.items()}
    by_cutoff = _by_cutoff(holdout, probability)
    measured = {
        **measure_cost(model, holdout.features),
        "monotonicity_violation": holdout.monotonicity_violation(model),
    }
    with registry.start_run(use_case, "", run_id=str(training_set["run_id"])):
        mlflow.set_tag("firstday.best_candidate", best["name"])
        mlflow.log_param("threshold", costs.threshold)
        mlflow.log_metrics({f"test_{key}": value for key, value in measured.items()})
        mlflow.log_metrics({f"test_{key}": found.value for key, found in overall[MODEL].items()})
        for minutes, parts in by_cutoff.items():
            mlflow.log_metrics({f"test_{key}_by_minute": found.value for key, found in parts.items()}, step=minutes)
        mlflow.log_table(_table(overall, "scored_by"), "test.json")
        mlflow.log_table(_table(by_cutoff, "cutoff_minutes"), "test_by_cutoff.json")
        for name, figure in plots.of_test(use_case, holdout.labels, probability, by_cutoff).items():
            plots.log(figure, name)
        profits = _log_profit(holdout, probability)
        plots.log(plots.importance(model, holdout.features, holdout.labels), "permutation_importance.png")
    version_run_id = _refit(use_case, training_set, model) or str(best["run_id"])
    version = registry.register(use_case, version_run_id, costs.threshold)
    return {
        "name": best["name"],
        "run_id": best["run_id"],
        "version": version,
        "version_run_id": version_run_id,
        "candidates": [{key: value for key, value in result.items() if key != "run_id"} for result in results],
        "overall": {name: _plain(found) for name, found in overall.items()},
        "by_cutoff": {str(minutes): _plain(found) for minutes, found in by_cutoff.items()},
        "profit": profits,
        "confusion": _confusion(holdout.labels, probability >= costs.threshold),
        **measured,
        **{key: found.value for key, found in overall[MODEL].items()},
    }


def _log_profit(holdout: Holdout, probability: Values) -> dict[str, Any] | None:
    """Log the profit by threshold to the active run; what of it the model card shows, None without a `decision`."""
    import mlflow

    decision, threshold = holdout.use_case.decision, holdout.use_case.scoring.costs.threshold
    if decision is None:
        return None
    values = value_of(decision, holdout.rows)
    found = profit.profit(holdout.labels, probability, holdout.users, values, decision)
    mlflow.log_metrics({"test_profit_per_user": found.at(threshold).value, "test_best_profit": found.best.value})
    mlflow.log_table(found.table(), "profit_by_threshold.json")
    plots.log(profit.figure(found, threshold, decision), "profit_by_threshold.png")
    return profit.summary(found, threshold)


def _refit(use_case: UseCase, training_set: dict[str, Any], tested: Any) -> str | None:
    """Log the tested model, refitted, and its reference to the training's own run; its id, or None without a refit."""
    import mlflow

    half_life_hours = use_case.training.refit_half_life_hours
    if half_life_hours is None:
        return None
    rows = read(training_set)
    with threadpool_limits(1):
        model = refit(use_case, tested, rows, half_life_hours)
    run_id = str(training_set["run_id"])
    with registry.start_run(use_case, "", run_id=run_id):
        mlflow.set_tag(registry.REFITTED, "true")
        mlflow.log_params(
            {
                "refit_half_life_hours": half_life_hours,
                "refit_users": rows["user_id"].nunique(),
            }
        )
        log_with_reference(use_case, model, rows)
    return run_id


def _by_cutoff(holdout: Holdout, probability: Values) -> dict[int, dict[str, Estimate]]:
    """Minutes after the window opened → every metric; a cut-off at which all have the same label is left out."""
    minutes, costs = holdout.rows["cutoff_minutes"].to_numpy(), holdout.use_case.scoring.costs
    parts = {int(minute): minutes == minute for minute in np.unique(minutes)}
    return {
        minute: estimates(holdout.labels[part], probability[part], holdout.users[part], costs)
        for minute, part in parts.items()
        if len(np.unique(holdout.labels[part])) == 2
    }


def _confusion(labels: Labels, called: NDArray[np.bool_]) -> dict[str, int]:
    """Rows by what was decided and what came."""
    return {
        "true_positives": int(np.sum(called & (labels == 1))),
        "false_negatives": int(np.sum(~called & (labels == 1))),
        "false_positives": int(np.sum(called & (labels == 0))),
        "true_negatives": int(np.sum(~called & (labels == 0))),
    }


def _table(found: dict[Any, dict[str, Estimate]], key: str) -> pd.DataFrame:
    """One row per key and metric, with the 95 % interval."""
    return pd.DataFrame(
        [
            {key: name, "metric": metric, "value": each.value, "low": each.low, "high": each.high}
            for name, metrics in found.items()
            for metric, each in metrics.items()
        ]
    )


def _plain(found: dict[str, Estimate]) -> dict[str, dict[str, float]]:
    return {metric: vars(each) for metric, each in found.items()}
