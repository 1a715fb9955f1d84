"""Top drivers of one user's churn probability, by model-agnostic local ablation.

Each feature in turn is replaced by the median of the users scored over the last day; the difference in probability is
its effect (Robnik-Šikonja and Kononenko: Explaining Classifications For Individual Instances, 2008). Effects do not add
up, and features of one measure share theirs. It costs one call of the model with a few rows.
"""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from include.firstday.errors import NothingToExplainError
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.models import registry
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import schemas
from include.firstday.web.cache import Memory
from include.firstday.web.reader import Reader

METHOD = (
    "Each feature in turn is replaced by the median of the users scored over the last 24 hours; the effect is the "
    "resulting decrease in probability (local ablation). Effects of related features overlap and do not add up."
)
POPULATION = 5000  # maximum number of predictions for the medians
MODEL_SECONDS = 60.0  # how long the champion is cached
MEDIAN_SECONDS = 300.0

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
    medians = reader.ask(lambda lake: _medians(lake, use_case), "medians", seconds=MEDIAN_SECONDS)
    features = {name: _number(rows[0][name]) for name in use_case.features}
    probability = champion.predict(_ablated(features, medians))
    effects = probability[0] - probability[1:]
    found = [
        schemas.Driver(feature=name, value=features[name], median=medians[name], effect=float(effect))
        for name, effect in zip(features, effects, strict=True)
    ]
    return schemas.Drivers(
        method=METHOD,
        model_version=champion.version,
        churn_probability=float(probability[0]),
        drivers=sorted(found, key=lambda driver: -abs(driver.effect)),
    )


def _ablated(features: dict[str, float | None], medians: dict[str, float | None]) -> pa.Table:
    """One row with the user's features, then one row per feature with that feature at its median."""
    rows = [features, *(features | {name: medians[name]} for name in features)]
    schema = pa.schema([(name, pa.float64()) for name in features])
    return pa.Table.from_pylist(rows, schema=schema)


def _medians(lake: Lake, use_case: UseCase) -> dict[str, float | None]:
    since = clock.now() - timedelta(days=1)
    rows = lake.table("web/drivers/recent_features", since=since, row_limit=POPULATION)
    return {name: _median(rows[name]) for name in use_case.features}


def _median(column: Any) -> float | None:
    known = column.cast(pa.float64()).drop_null().to_numpy()
    return float(np.median(known)) if len(known) else None


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
