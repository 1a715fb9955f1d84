"""Gates and the refit, on made-up users of whom the truth is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold

from include.firstday.models import registry
from include.firstday.models.training import candidates, gates, metrics
from include.firstday.models.training.refit import recency_weights, refit
from include.firstday.models.training.training_set import FILE, FOLDER, trained_users
from include.firstday.use_case.use_case import Candidate, Gate, UseCase

CUTOFFS = (15, 1440)
LOGISTIC = Candidate(estimator="sklearn.linear_model.LogisticRegression", scale=True)


def users(
    count: int, seed: int, churn_share: tuple[float, ...] = (0.7,), features: tuple[str, ...] = ("a", "b")
) -> Any:
    """Rows of users at two cut-offs: feature a tells of the label, b nothing; the share may change over time."""
    chance = np.random.default_rng(seed)
    share = np.repeat(churn_share, count // len(churn_share))
    label = (chance.random(len(share)) < share).astype(int)
    rows = pd.DataFrame(
        {
            "user_id": [f"u{seed}-{number}" for number in range(len(share))],
            "window_start": pd.Timestamp(2026, 11, 1) + pd.to_timedelta(np.arange(len(share)), unit="min"),
            "label": label,
        }
    )
    for name in features:
        rows[name] = chance.normal(size=len(share)) + (label if name == features[0] else 0)
    return pd.concat([rows.assign(cutoff_minutes=float(minutes)) for minutes in CUTOFFS], ignore_index=True)


@pytest.fixture
def case(churn: UseCase) -> UseCase:
    """A use case of two features and one candidate."""
    training = {"cutoff_minutes": CUTOFFS, "candidates": {"one": LOGISTIC}, "baselines": {}, "directions": {}}
    changed = churn.training.model_copy(update=training)
    return churn.model_copy(update={"features": ("a", "b"), "training": changed})


def fitted(case: UseCase, rows: pd.DataFrame) -> Any:
    features, labels = rows[list(case.features)], rows["label"].to_numpy()
    folds = list(GroupKFold(3).split(features, labels, rows["user_id"]))
    return candidates.fit_calibrated(candidates.pipeline(LOGISTIC), features, labels, folds)


def test_a_refit_learns_what_the_newest_users_do(case: UseCase) -> None:
    history = users(2000, 1, (0.7,) * 17 + (0.9,) * 3)
    future = users(2000, 2, (0.9,))
    tested = fitted(case, history[: len(history)].query("window_start < '2026-11-02'"))
    again = refit(case, tested, history, half_life_hours=3)

    def loss(model: Any) -> float:
        return float(log_loss(future["label"], model.predict_proba(future[list(case.features)])[:, 1]))

    assert loss(again) < loss(tested) - 0.025
    mean = float(again.predict_proba(future[list(case.features)])[:, 1].mean())
    assert mean == pytest.approx(0.9, abs=0.03)


def test_a_weight_halves_with_each_half_life() -> None:
    rows = pd.DataFrame({"window_start": pd.to_datetime(["2026-11-03", "2026-11-02", "2026-11-01"])})
    assert recency_weights(rows, 24).tolist() == [1, 0.5, 0.25]


class Challenger:
    """A challenger in the registry, tested on made-up users, and what `judge` is given of it."""

    def __init__(self, case: UseCase, folder: Path, rows: pd.DataFrame, model: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        rows.to_parquet(path)
        import mlflow

        with registry.start_run(case, "training") as run:
            registry.log_model(case, model, {})
            mlflow.log_artifact(str(path), FOLDER)
        self.run_id = str(run.info.run_id)
        self.version = registry.register(case, self.run_id, 0.5)
        self.training_set = {"path": str(path), "run_id": self.run_id}
        self.tested = {"run_id": self.run_id, "version": self.version}


def with_gates(case: UseCase, **wanted: Gate) -> UseCase:
    return case.model_copy(update={"training": case.training.model_copy(update={"gates": wanted})})


GAP = Gate(metric="calibration_gap", by="cutoff", at_most=0.03, minimum_users=300)


class Shifted:
    """A model that is right on the whole and wrong at each cut-off; a stand-in with what a gate asks of a model."""

    def __init__(self, model: Any, by: float) -> None:
        self.model, self.by = model, by

    def predict_proba(self, features: pd.DataFrame) -> Any:
        found = self.model.predict_proba(features)[:, 1]
        half = np.arange(len(found)) < len(found) // 2
        moved = np.clip(found + np.where(half, self.by, -self.by), 0, 1)
        return np.column_stack([1 - moved, moved])


@pytest.mark.parametrize(("by", "holds"), [(0.0, True), (0.1, False)])
def test_a_gap_at_a_cutoff_is_seen_though_the_whole_looks_right(
    case: UseCase, tmp_path: Path, by: float, holds: bool
) -> None:
    rows = users(4000, 3)
    one = Challenger(case, tmp_path, rows, fitted(case, rows))
    whole = Gate(metric="calibration_gap", at_most=0.03)
    judge = gates.Judge(with_gates(case, whole=whole, at_cutoffs=GAP), one.training_set, one.tested)
    judge.ours = Shifted(judge.model, by).predict_proba(judge.holdout.features)[:, 1]
    found = metrics.estimate("calibration_gap", judge.holdout.labels, judge.ours, judge.holdout.users, judge.costs)
    outcomes = {
        each.gate: each for each in (gates._compare("whole", whole, found, "gap"), judge._at_cutoffs("at", GAP))
    }
    assert outcomes["whole"].holds
    assert outcomes["at"].holds is holds
    assert "h after the window opened" in outcomes["at"].reason


def test_a_cutoff_with_few_users_is_not_judged(case: UseCase, tmp_path: Path) -> None:
    rows = users(400, 4)
    one = Challenger(case, tmp_path, rows, fitted(case, rows))
    (outcome,) = gates.judge(with_gates(case, at_cutoffs=GAP), one.training_set, one.tested)
    assert outcome.holds
    assert outcome.reason == "no cut-off has 300 users of both labels to judge it by"


def test_users_whom_the_champion_was_trained_on_do_not_compare_it(case: UseCase, tmp_path: Path) -> None:
    older = users(2000, 5)
    first = Challenger(case, tmp_path / "first", older, fitted(case, older))
    registry.client().set_tag(first.run_id, registry.REFITTED, "true")
    registry.set_champion(case, first.version)
    assert trained_users(case, first.version) == set(older["user_id"])
    second = Challenger(case, tmp_path / "second", older, fitted(case, older))
    gate = Gate(metric="log_loss", against="champion", above=0)
    (outcome,) = gates.judge(with_gates(case, better=gate), second.training_set, second.tested)
    assert not outcome.holds
    assert outcome.reason.startswith("the champion was trained on 500 of the test users, and the other 0 are too few")
    # Some of the test's users are new to the champion: these alone compare.
    later = users(2000, 6).assign(window_start=lambda frame: frame["window_start"] + pd.Timedelta(days=9))
    mixed = pd.concat([older, later[later["user_id"].str.endswith(("1", "2"))]], ignore_index=True)
    third = Challenger(case, tmp_path / "third", mixed, fitted(case, mixed))
    (outcome,) = gates.judge(with_gates(case, better=gate), third.training_set, third.tested)
    assert outcome.reason.endswith(", without 200 users whom the champion was trained on")


def test_a_gate_that_allows_chance_fails_only_where_the_whole_interval_is_wrong() -> None:
    value = metrics.Estimate(0.05, 0.02, 0.08)
    limits: dict[str, Any] = {"metric": "calibration_error", "at_most": 0.03}
    assert [
        gates._compare("g", Gate(**limits, **how), value, "it").holds
        for how in ({}, {"confident": True}, {"allow_chance": True})
    ] == [False, False, True]
    assert not gates._compare("g", Gate(**limits, allow_chance=True), metrics.Estimate(0.05, 0.04, 0.06), "it").holds


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"confident": True, "allow_chance": True}, "at most one of confident and allow_chance"),
        ({"against": "champion", "by": "cutoff"}, "at most one of against and by"),
    ],
)
def test_contradictory_gates_are_refused(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Gate(metric="log_loss", above=0, **wrong)
