"""The test: the best candidate on the newest users, whom no candidate has seen, and its promotion if it is better."""

from typing import Any

import numpy as np
import pandas as pd

from include.firstday import registry
from include.firstday.training import plots
from include.firstday.training.metrics import interval, losses, scores
from include.firstday.training.training_set import read, split
from include.firstday.use_case import UseCase


def test_candidate(use_case: UseCase, training_set: dict[str, object], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Test the candidate with the lowest log loss out of fold, log it to the run, register it as challenger."""
    import mlflow

    best = min(results, key=lambda result: float(result["log_loss"]))
    model = registry.load_from_run(str(best["run_id"]))
    test = _scored(use_case, training_set, model)
    threshold = use_case.scoring.costs.threshold
    overall = scores(test["label"].to_numpy(), test["probability"].to_numpy(), threshold)
    by_cutoff = {
        int(str(minutes)): scores(part["label"].to_numpy(), part["probability"].to_numpy(), threshold)
        for minutes, part in test.groupby("cutoff_minutes")
    }
    with registry.start_run(use_case, "", run_id=str(training_set["run_id"])):
        mlflow.log_params({"best_candidate": best["name"], "threshold": threshold})
        mlflow.log_metrics({f"test_{key}": value for key, value in overall.items()})
        for minutes, found in by_cutoff.items():
            mlflow.log_metrics({f"test_{key}_by_minute": value for key, value in found.items()}, step=minutes)
        mlflow.log_table(pd.DataFrame(by_cutoff).T.reset_index(names="cutoff_minutes"), "test_by_cutoff.json")
        figures = plots.draw(test, by_cutoff)
        for name, figure in figures.items():
            mlflow.log_figure(figure, f"plots/{name}")
        plots.close(figures)
    version = registry.register(use_case, str(best["run_id"]), threshold)
    return {"name": best["name"], "run_id": best["run_id"], "version": version, **overall}


def promote_if_better(use_case: UseCase, training_set: dict[str, object], tested: dict[str, Any]) -> dict[str, Any]:
    """Move the alias `champion` if the challenger beats the champion on the same test by more than chance."""
    import mlflow

    verdict = _verdict(use_case, training_set, tested)
    if verdict["is_promoted"]:
        registry.promote(use_case, int(tested["version"]))
    with registry.start_run(use_case, "", run_id=str(training_set["run_id"])):
        mlflow.set_tags({f"firstday.{key}": value for key, value in verdict.items()})
    return verdict


def _verdict(use_case: UseCase, training_set: dict[str, object], tested: dict[str, Any]) -> dict[str, Any]:
    champion = registry.champion(use_case)
    if champion is None:
        return {"is_promoted": True, "reason": "there was no champion"}
    challenger = _scored(use_case, training_set, registry.load_from_run(str(tested["run_id"])))
    current = _scored(use_case, training_set, champion.model)
    labels = challenger["label"].to_numpy()
    gain = losses(labels, current["probability"].to_numpy()) - losses(labels, challenger["probability"].to_numpy())
    # Rows of one user belong together, so it is users that are drawn again.
    by_user = pd.Series(gain).groupby(challenger["user_id"].to_numpy()).mean()
    low, high = interval(np.asarray(by_user))
    is_promoted = low > 0
    return {
        "is_promoted": is_promoted,
        "reason": (
            f"log loss is lower than that of version {champion.version} by {by_user.mean():.4f} "
            f"(95 % interval {low:.4f} to {high:.4f}): {'better' if is_promoted else 'not better'} by more than chance"
        ),
    }


def _scored(use_case: UseCase, training_set: dict[str, object], model: Any) -> pd.DataFrame:
    _, test = split(read(training_set))
    features = test[list(use_case.features)].astype("float64")
    return test.assign(probability=model.predict_proba(features)[:, 1])
