"""Models of uplift find whom an offer changes, and pass their gate only where it changes some more than others."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklift.metrics import qini_curve, uplift_at_k

from include.firstday.errors import UseCaseError
from include.firstday.models import registry
from include.firstday.models.encoders import Encoding
from include.firstday.models.uplift import learners, qini
from include.firstday.models.uplift.qini import Tested
from include.firstday.use_case.decision import REGRESSORS, Regressor

NAMES = [f"x{number}" for number in range(6)]


@dataclass(frozen=True)
class Population:
    """Simulated users: features, churn without and with an offer, risk as a churn model says, arm and outcome."""

    features: pd.DataFrame
    without: np.ndarray
    effect: np.ndarray
    risk: np.ndarray
    is_treated: np.ndarray
    outcome: np.ndarray

    def take(self, rows: slice) -> "Population":
        return Population(*(part[rows] for part in vars(self).values()))

    @property
    def tested(self) -> Tested:
        return Tested(self.outcome, self.is_treated)


def population(users: int, seed: int, effect: float, holdout: float = 0.3) -> Population:
    """A quarter can be persuaded, by `effect`. Those with the highest risk are others, whom no offer keeps."""
    chance = np.random.default_rng(seed)
    features = pd.DataFrame(chance.normal(size=(users, len(NAMES))), columns=NAMES)
    persuadable = features["x0"].to_numpy() > 0.6745
    risk = 1 / (1 + np.exp(-(0.2 + 1.2 * features["x1"] + 0.4 * features["x2"]).to_numpy()))
    saved = np.where(persuadable, np.minimum(effect, risk), 0.0)
    is_treated = chance.random(users) >= holdout
    stays = chance.random(users) < 1 - risk + np.where(is_treated, saved, 0)
    return Population(features, risk, saved, risk, is_treated, stays.astype(float))


def best(train: Population) -> tuple[str, object]:
    """The candidate with the highest Qini coefficient out of fold, fitted on all."""
    scores = {
        name: qini.qini(
            train.tested, learners.cross_fitted(*parts, train.features, train.outcome, train.is_treated)
        ).value
        for name, parts in learners.candidates(REGRESSORS, Encoding()).items()
    }
    name = max(scores, key=lambda each: scores[each])
    learner, unfitted = learners.candidates(REGRESSORS, Encoding())[name]
    return name, learner(unfitted, train.features, train.outcome, train.is_treated)


def test_targeting_by_uplift_saves_at_least_one_and_a_half_times_what_targeting_by_risk_saves() -> None:
    found = population(20_000, seed=1, effect=0.35)
    train, rest = found.take(slice(0, 8_000)), found.take(slice(8_000, None))
    _, model = best(train)
    budget = len(rest.effect) // 5
    saved = {
        name: rest.effect[np.argsort(-order)[:budget]].sum()
        for name, order in {"uplift": model.predict(rest.features), "risk": rest.risk}.items()  # type: ignore[attr-defined]
    }
    assert saved["uplift"] >= 1.5 * saved["risk"]
    judged = qini.judge(rest.tested, model.predict(rest.features), rest.risk)  # type: ignore[attr-defined]
    assert qini.passes(judged)


@pytest.mark.slow
@pytest.mark.parametrize("average", [0.0, 0.1], ids=["no effect", "the same effect on all"])
def test_the_gate_refuses_uplift_where_there_is_none(average: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qini, "REPEATS", 200)
    accepted = 0
    for seed in range(100):
        chance = np.random.default_rng(1000 + seed)
        found = population(2_000, seed, effect=0)
        gained = found.is_treated & (chance.random(2_000) < average)
        found = Population(**vars(found) | {"outcome": np.maximum(found.outcome, gained)}) if average else found
        train, test = found.take(slice(0, 1_500)), found.take(slice(1_500, None))
        learner, unfitted = learners.candidates(REGRESSORS, Encoding())["x_linear"]
        model = learner(unfitted, train.features, train.outcome, train.is_treated)
        accepted += qini.passes(qini.judge(test.tested, model.predict(test.features), test.risk))
    assert accepted <= 5


def test_the_interval_of_the_qini_coefficient_covers_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qini, "REPEATS", 200)
    large = population(2_000_000, seed=99, effect=0.3)
    ranks = np.argsort(np.argsort(large.features["x0"])) / len(large.effect)
    truth = float(np.cov(large.effect, ranks)[0, 1])
    covered = 0
    for seed in range(200):
        found = population(3_000, seed, effect=0.3)
        estimate = qini.qini(found.tested, found.features["x0"].to_numpy())
        covered += estimate.low <= truth <= estimate.high
    assert 0.91 <= covered / 200 <= 0.99


def test_the_mean_of_the_effects_is_the_difference_of_the_arms() -> None:
    tested = population(500, seed=3, effect=0.3).tested
    arms = tested.outcome[tested.is_treated].mean() - tested.outcome[~tested.is_treated].mean()
    assert tested.effects.mean() == pytest.approx(arms)
    assert qini.uplift_at(tested, np.arange(500.0), 1.0).value == pytest.approx(arms)
    last = qini.curve(tested, {"any": np.arange(500.0)}).iloc[-1]
    assert last["gain"] == pytest.approx(arms)


def test_the_qini_coefficient_is_the_area_between_the_curve_and_the_diagonal() -> None:
    found = population(2_000, seed=4, effect=0.4)
    gains = np.cumsum(found.tested.effects[np.argsort(-found.features["x0"].to_numpy())]) / 2_000
    diagonal = np.arange(1, 2_001) / 2_000 * gains[-1]
    value = qini.qini(found.tested, found.features["x0"].to_numpy()).value
    assert value == pytest.approx((gains - diagonal).mean(), abs=1e-3)


@pytest.mark.parametrize("name", ["t_linear", "x_linear", "t_boosting", "x_boosting"])
def test_a_learner_is_the_arithmetic_that_it_says_and_is_kept_by_skops(name: str) -> None:
    found = population(3_000, seed=5, effect=0.3)
    learner, unfitted = learners.candidates(REGRESSORS, Encoding())[name]
    model = learner(unfitted, found.features, found.outcome, found.is_treated)
    predicted = model.predict(found.features)
    treated, holdout = (
        learners._fit(unfitted, found.features[arm], found.outcome[arm])
        for arm in (found.is_treated, ~found.is_treated)
    )
    if name == "t_linear":
        assert predicted == pytest.approx(treated.predict(found.features) - holdout.predict(found.features), abs=1e-9)
    if name == "x_linear":
        differences = [
            found.outcome[found.is_treated] - holdout.predict(found.features[found.is_treated]),
            treated.predict(found.features[~found.is_treated]) - found.outcome[~found.is_treated],
        ]
        models = [
            learners._fit(unfitted, found.features[arm], each)
            for arm, each in zip((found.is_treated, ~found.is_treated), differences, strict=True)
        ]
        share = found.is_treated.mean()
        expected = (1 - share) * models[0].predict(found.features) + share * models[1].predict(found.features)
        assert predicted == pytest.approx(expected, abs=1e-9)
    assert np.corrcoef(predicted, found.effect)[0, 1] > 0.4
    kept = skops.io.dumps(model)
    assert set(skops.io.get_untrusted_types(data=kept)) <= set(registry.TRUSTED)
    assert np.array_equal(skops.io.loads(kept, trusted=list(registry.TRUSTED)).predict(found.features), predicted)
    assert list(model.feature_names_in_) == NAMES


def test_a_class_that_is_no_regressor_is_refused() -> None:
    for path in ("sklearn.linear_model.LogisticRegression", "sklearn.linear_model.Missing"):
        with pytest.raises(UseCaseError, match=r"uplift\.regressors"):
            learners.pipeline(Regressor(estimator=path), Encoding())
    with pytest.raises(ValueError, match="pattern"):
        Regressor(estimator="os.system")
    assert isinstance(
        learners.pipeline(Regressor(estimator="sklearn.linear_model.LinearRegression"), Encoding()), Pipeline
    )


@pytest.mark.filterwarnings("ignore:Function stable_cumsum is deprecated")
def test_scikit_uplift_agrees() -> None:
    found = population(4_000, seed=3, effect=0.4, holdout=0.5)
    order, is_treated = found.features["x0"].to_numpy(), found.is_treated.astype(int)
    for share in qini.SHARES:
        theirs = uplift_at_k(found.outcome, order, is_treated, strategy="overall", k=share)
        assert qini.uplift_at(found.tested, order, share).value == pytest.approx(theirs)
    users, gained = qini_curve(found.outcome, order, is_treated)
    ours = qini.curve(found.tested, {"x0": order})
    theirs = np.interp(ours["share"] * 4_000, users, gained) / found.is_treated.sum()
    assert np.abs(ours["gain"] - theirs).max() < 0.005  # theirs has the arms' shares of each part, ours those of all
