"""Reasons: exact Shapley values of the model's score, scaled so that they add up to its probability."""

import json
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.model_selection import GroupKFold

from include.firstday.features.model_inputs import inputs_of
from include.firstday.models import reasons, registry
from include.firstday.models.reasons import Explainer
from include.firstday.models.training import candidates
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import Candidate

ENSEMBLE = "sklearn.ensemble."
CANDIDATES = {
    "linear": Candidate(estimator="sklearn.linear_model.LogisticRegression", scale=True),
    "boosting": Candidate(
        estimator=f"{ENSEMBLE}HistGradientBoostingClassifier", parameters={"max_iter": 8, "max_leaf_nodes": 31}
    ),
    "forest": Candidate(
        estimator=f"{ENSEMBLE}RandomForestClassifier", parameters={"n_estimators": 6, "max_leaf_nodes": 40}
    ),
    "deep": Candidate(estimator=f"{ENSEMBLE}ExtraTreesClassifier", parameters={"n_estimators": 2}),
    "ada": Candidate(estimator=f"{ENSEMBLE}AdaBoostClassifier", parameters={"n_estimators": 12}),
    "gradient": Candidate(estimator=f"{ENSEMBLE}GradientBoostingClassifier", parameters={"n_estimators": 6}),
}


def players(rows: int = 400) -> tuple[pd.DataFrame, "np.typing.NDArray[np.int64]"]:
    """Bets, wins in proportion to them, silence, and an index that is unknown for some."""
    chance = np.random.default_rng(1)
    bets = np.floor(chance.gamma(1.0, 40, rows))
    frame = pd.DataFrame(
        {
            "index": np.where(np.arange(rows) % 7, chance.normal(50, 10, rows), np.nan),
            "bets": bets,
            "silence": chance.exponential(2, rows),
            "wins": chance.binomial(bets.astype("int64"), 0.3).astype("float64"),
            "rate": chance.normal(0, 1, rows),
        }
    )
    risk = 0.8 * frame["silence"] - 0.03 * frame["bets"] - frame["rate"] * (frame["silence"] > 1)
    return frame, (risk + chance.normal(0, 0.5, rows) > 0).astype("int64").to_numpy()


def trained(name: str) -> tuple[Any, pd.DataFrame]:
    features, labels = players()
    folds = list(GroupKFold(3).split(features, labels, np.arange(len(labels)) // 2))
    return candidates.fit_calibrated(candidates.pipeline(CANDIDATES[name]), features, labels, folds), features


def by_definition(explainer: Explainer, row: "np.typing.NDArray[np.float64]") -> "np.typing.NDArray[np.float64]":
    """Shapley's formula over every coalition of groups, with the score of the estimator itself."""
    count, estimator = len(explainer.groups), explainer._estimator
    masks = np.arange(2**count)
    mixed = np.array([np.where(mask >> explainer._group & 1, row, explainer._reference) for mask in masks])
    score = getattr(estimator, "decision_function", lambda each: estimator.predict_proba(each)[:, 1])(mixed)
    values = np.zeros(count)
    for group in range(count):
        for mask in masks[masks >> group & 1 == 0]:
            size = int(mask).bit_count()
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            values[group] += weight * (score[mask | 1 << group] - score[mask])
    return values


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("bits", [3, reasons.BITS])
@pytest.mark.parametrize("name", CANDIDATES)
def test_values_are_those_of_the_definition_and_add_up_to_the_probability(
    name: str, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However trees are divided into blocks; up to the scale of the score, which the probability's replaces."""
    monkeypatch.setattr(reasons, "BITS", bits)
    model, features = trained(name)
    explainer = Explainer(model)
    assert explainer.groups == (("index",), ("bets", "wins"), ("silence",), ("rate",))
    probability = model.predict_proba(features)[:, 1]
    effects = explainer.effects(features, probability)
    assert np.abs(explainer.base + effects.sum(axis=1) - probability).max() < 1e-6
    rows = np.asarray(explainer._inputs.transform(features), dtype="float64")
    for number in range(0, 400, 37):
        exact = by_definition(explainer, rows[number])
        if abs(exact.sum()) < 1e-9:  # as likely as the median: nothing to share
            continue
        scale = (probability[number] - explainer.base) / exact.sum()
        assert effects[number] == pytest.approx(exact * scale, abs=1e-9)
    assert effects[features["index"].isna(), 0] == pytest.approx(0)  # unknown is as the median
    assert np.allclose(explainer.effects(features.iloc[5:6], probability[5:6]), effects[5:6], rtol=0, atol=1e-12)


def test_a_model_of_no_such_form_is_explained_on_demand_and_adds_up_too() -> None:
    features, labels = players()
    folds = list(GroupKFold(3).split(features, labels, np.arange(len(labels)) // 2))
    unfitted = candidates.pipeline(Candidate(estimator="sklearn.naive_bayes.GaussianNB", scale=True))
    model = candidates.fit_calibrated(unfitted, features, labels, folds)
    explainer, some = Explainer(model), features.iloc[:3]
    assert not explainer.has_own_form
    probability = model.predict_proba(some)[:, 1]
    assert np.abs(explainer.base + explainer.effects(some, probability).sum(axis=1) - probability).max() < 1e-6


def test_groups_are_kept_with_the_model_and_one_without_has_each_feature_alone(tmp_path: Path) -> None:
    model, features = trained("linear")
    skops.io.dump(model, tmp_path / "model.skops")
    loaded = registry._load(tmp_path / "model.skops")
    assert Explainer(loaded).groups == Explainer(model).groups
    del model.feature_groups_
    assert Explainer(model).groups == tuple((name,) for name in features)


def test_constant_and_single_features_are_groups_of_their_own() -> None:
    features, _ = players()
    assert reasons.groups_of(features[["bets"]]) == (("bets",),)
    assert reasons.groups_of(features[["bets", "wins"]].assign(never=0.0)) == (("bets", "wins"), ("never",))


def test_the_largest_are_stored_as_json() -> None:
    groups = (("a",), ("b", "c"), ("d",), ("e",))
    stored = reasons.as_json(groups, np.array([[0.01, -0.3, 0.0000001, 0.2], [0.0, 0.0, 0.0, 0.5]])).to_pylist()
    assert json.loads(stored[0]) == [
        {"features": ["b", "c"], "effect": -0.3},
        {"features": ["e"], "effect": 0.2},
        {"features": ["a"], "effect": 0.01},
    ]
    assert json.loads(stored[1])[0] == {"features": ["e"], "effect": 0.5}
    assert json.loads(reasons.as_json((("a",),), np.array([[1e-6]]))[0].as_py()) == [
        {"features": ["a"], "effect": 1e-6}
    ]


@pytest.mark.parametrize("name", use_case.names())
def test_bundled_models_can_be_explained(name: str) -> None:
    case = use_case.load(name)
    model = registry._load(case.folder / str(case.scoring.bundled_model))
    explainer = Explainer(model)
    assert explainer.has_own_form
    typical = explainer.typical
    rows = [
        {key: value if isinstance(value, str) else (value or 0) * factor + factor for key, value in typical.items()}
        for factor in (0, 1, 3, 9)
    ]
    users = inputs_of(case, pd.DataFrame(rows))
    probability = model.predict_proba(users)[:, 1]
    assert np.abs(explainer.base + explainer.effects(users, probability).sum(axis=1) - probability).max() < 1e-6
