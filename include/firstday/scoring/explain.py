"""Reasons for one user's probability, on demand: whoever is below the threshold has none stored."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from include.firstday.models.reasons import Explainer
from include.firstday.models.registry import Champion

Numbers = dict[str, float | None]


@dataclass(frozen=True)
class Effect:
    """By how much features that say the same raise the probability: their values, and their medians in training."""

    values: Numbers
    medians: Numbers
    effect: float


@dataclass(frozen=True)
class Explanation:
    """Probability = base, that of the training median, + effects, the largest first."""

    model_version: int
    probability: float
    base: float
    effects: tuple[Effect, ...]


def explain(champion: Champion, features: Numbers) -> Explanation:
    """Explain the champion's probability for features by name."""
    row = pa.Table.from_pylist([features], schema=pa.schema([(name, pa.float64()) for name in champion.features]))
    explainer, probability = Explainer(champion.model), champion.predict(row)
    medians = explainer.medians
    values = explainer.effects(champion.frame(row), probability)[0]
    found = [
        Effect({name: features[name] for name in group}, {name: medians[name] for name in group}, float(value))
        for group, value in zip(explainer.groups, values, strict=True)
    ]
    ordered = tuple(found[number] for number in np.argsort([-abs(one.effect) for one in found], kind="stable"))
    return Explanation(champion.version, float(probability[0]), explainer.base, ordered)
