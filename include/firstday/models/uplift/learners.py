"""Learners of uplift from the two arms of an experiment, by scikit-learn regressors.

A T-learner is the difference of a model of each arm's outcome. An X-learner (Künzel, Sekhon, Bickel and Yu, PNAS 2019)
models the difference of each user from what the other arm's model expects of them, which suits a small holdout.

Both are a fitted `VotingRegressor`, the weighted mean of two regressors: so skops stores and loads them as
scikit-learn's own types, and nothing of this project.
"""

import importlib
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import RegressorMixin, clone
from sklearn.ensemble import VotingRegressor
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from include.firstday.errors import UseCaseError
from include.firstday.models.encoders import Encoding, input_steps
from include.firstday.use_case.decision import Regressor

Values = NDArray[np.float64]
Arms = NDArray[np.bool_]  # whether each user is treated
Learner = Callable[[Pipeline, pd.DataFrame, Values, Arms], VotingRegressor]
FOLDS = 5
SEED = 7


def t_learner(unfitted: Pipeline, features: pd.DataFrame, outcome: Values, is_treated: Arms) -> VotingRegressor:
    """Outcomes are doubled, and those of the holdout negated, so that the mean of both models is their difference."""
    return _mean(
        ("treated", _fit(unfitted, features[is_treated], 2 * outcome[is_treated]), 0.5),
        ("holdout", _fit(unfitted, features[~is_treated], -2 * outcome[~is_treated]), 0.5),
    )


def x_learner(unfitted: Pipeline, features: pd.DataFrame, outcome: Values, is_treated: Arms) -> VotingRegressor:
    """Each arm's model of differences has the weight of the other arm's share."""
    ours, theirs = features[is_treated], features[~is_treated]
    of_treated = _fit(unfitted, ours, outcome[is_treated])
    of_holdout = _fit(unfitted, theirs, outcome[~is_treated])
    share = float(is_treated.mean())
    return _mean(
        ("treated", _fit(unfitted, ours, outcome[is_treated] - of_holdout.predict(ours)), 1 - share),
        ("holdout", _fit(unfitted, theirs, of_treated.predict(theirs) - outcome[~is_treated]), share),
    )


LEARNERS: dict[str, Learner] = {"t": t_learner, "x": x_learner}


def cross_fitted(
    learner: Learner, unfitted: Pipeline, features: pd.DataFrame, outcome: Values, is_treated: Arms
) -> Values:
    """Uplift of each user by models that have not seen them, shape (users,); each fold has both arms' shares."""
    found = np.empty(len(features))
    with threadpool_limits(1):
        for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(features, is_treated):
            model = learner(unfitted, features.iloc[train], outcome[train], is_treated[train])
            found[test] = model.predict(features.iloc[test])
    return found


def candidates(regressors: Mapping[str, Regressor], encoding: Encoding) -> dict[str, tuple[Learner, Pipeline]]:
    """Every learner with every regressor of the use case, by a name of both."""
    return {
        f"{name}_{kind}": (learner, pipeline(regressor, encoding))
        for kind, regressor in regressors.items()
        for name, learner in LEARNERS.items()
    }


def pipeline(regressor: Regressor, encoding: Encoding) -> Pipeline:
    """The unfitted pipeline of a regressor, with a model's inputs. Raises UseCaseError for another class."""
    module, _, name = regressor.estimator.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
        estimator = found(**regressor.parameters)
    except (ImportError, AttributeError, TypeError) as error:
        raise UseCaseError(f"uplift.regressors: {regressor.estimator}: {error}") from error
    if not isinstance(estimator, RegressorMixin):
        raise UseCaseError(f"uplift.regressors: expected a regressor, found {regressor.estimator}")
    if estimator.get_params().get("random_state", SEED) is None:
        estimator.set_params(random_state=SEED)
    return Pipeline([*input_steps(encoding, regressor.scale), ("estimate", estimator)])


def _fit(unfitted: Pipeline, features: pd.DataFrame, target: Values) -> Pipeline:
    return clone(unfitted).fit(features, target)


def _mean(*parts: tuple[str, Pipeline, float]) -> VotingRegressor:
    """The weighted mean of fitted regressors, as a fitted estimator."""
    model = VotingRegressor([(name, part) for name, part, _ in parts], weights=[weight for *_, weight in parts])
    model.estimators_ = [part for _, part, _ in parts]
    model.feature_names_in_ = parts[0][1].feature_names_in_
    return model
