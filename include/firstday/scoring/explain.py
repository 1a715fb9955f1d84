"""Reasons for one user's probability, on demand: whoever is below the threshold has none stored."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from include.firstday.features.model_inputs import Value
from include.firstday.models.reasons import Explainer
from include.firstday.models.registry import Champion

Values = dict[str, Value]


@dataclass(frozen=True)
class Effect:
    """By how much features that say the same raise the probability: their values, and the typical ones in training."""

    values: Values
    typical: Values
    effect: float


@dataclass(frozen=True)
class Explanation:
    """Probability = base, that of a user with typical values, + effects, the largest first."""

    model_version: int
    probability: float
    base: float
    effects: tuple[Effect, ...]


def explain(champion: Champion, features: Values) -> Explanation:
    """Explain the champion's probability for features by name."""
    kinds = [(name, pa.string() if name in champion.categories else pa.float64()) for name in champion.features]
    row = pa.Table.from_pylist([features], schema=pa.schema(kinds))
    explainer, probability = Explainer(champion.model), champion.predict(row)
    typical = explainer.typical
    values = explainer.effects(champion.frame(row), probability)[0]
    found = [
        Effect({name: features[name] for name in group}, {name: typical[name] for name in group}, float(value))
        for group, value in zip(explainer.groups, values, strict=True)
    ]
    ordered = tuple(found[number] for number in np.argsort([-abs(one.effect) for one in found], kind="stable"))
    return Explanation(champion.version, float(probability[0]), explainer.base, ordered)
