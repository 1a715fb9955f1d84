"""Top drivers of one user's current churn probability: Shapley values against the training median."""

from typing import Any

from include.firstday.errors import NothingToExplainError
from include.firstday.models import registry
from include.firstday.scoring.explain import Effect, explain
from include.firstday.web import schemas
from include.firstday.web.cache import Memory
from include.firstday.web.reader import Reader

METHOD = (
    "Shapley values against the median of the training set. Features that say the same have one effect; the effects "
    "add up to the difference from the probability of a user with median features."
)
MODEL_SECONDS = 60.0  # how long the champion is cached

_MODELS = Memory()  # not the reader's: the first load takes seconds and must not block queries of the lake


def drivers(reader: Reader, user_id: str) -> schemas.Drivers:
    """Return the effects of a user's features on the champion's probability. Raises NothingToExplainError."""
    use_case = reader.use_case
    champion = _MODELS.get(lambda: registry.champion(use_case), use_case.name, MODEL_SECONDS)
    rows = reader.ask(lambda lake: lake.rows_of("user_features", user_id=user_id))
    if champion is None or not rows:
        raise NothingToExplainError(
            "no champion yet: trigger train_model" if champion is None else f"user {user_id} has no features"
        )
    found = explain(champion, {name: _number(rows[0][name]) for name in use_case.features})
    return schemas.Drivers(
        method=METHOD,
        model_version=found.model_version,
        churn_probability=found.churn_probability,
        base_probability=found.base,
        drivers=[_driver(one) for one in found.effects],
    )


def _driver(one: Effect) -> schemas.Driver:
    features = [
        schemas.FeatureValue(feature=name, value=value, median=one.medians[name]) for name, value in one.values.items()
    ]
    return schemas.Driver(features=features, effect=one.effect)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
