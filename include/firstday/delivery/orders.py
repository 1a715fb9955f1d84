"""The order in which a target's budget is spent, where it is by uplift or gain."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from include.firstday.delivery.decisions import RISK, Order
from include.firstday.features.model_inputs import inputs_of
from include.firstday.models.uplift import store
from include.firstday.models.value import value_of
from include.firstday.use_case.use_case import UseCase

MEAN = "mean"  # the outcome of a model that is in the currency itself


def order(use_case: UseCase, target: str) -> Order | None:
    """The priorities of a target's budget; None where it is ordered by risk, or no model has passed its gates.

    By gain: uplift times value, less the offer's cost. An outcome that is not 0 or 1 is in the currency itself.
    """
    budget, decision = use_case.targets[target].when.budget, use_case.decision
    if budget is None or budget.order_by == RISK or (champion := store.champion(use_case, target)) is None:
        return None

    def priorities(rows: pa.Table) -> NDArray[np.float64]:
        features = inputs_of(use_case, rows.select(list(use_case.features)).to_pandas())
        uplift = np.asarray(champion.model.predict(features))
        if budget.order_by == "uplift" or decision is None:
            return uplift
        value = 1.0 if champion.outcome == MEAN else value_of(decision, features)
        return np.asarray(uplift * value - decision.offer_cost)

    return priorities
