"""What a user is worth if they stay, in the currency of the use case's decision."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.firstday.use_case.decision import Decision, ValueOf


def value_of(decision: Decision, users: pd.DataFrame) -> NDArray[np.float64]:
    """The value of each user, from their features where the decision names one; shape (users,)."""
    value = decision.value_of_retained
    if not isinstance(value, ValueOf):
        return np.full(len(users), float(value))
    found = users[value.feature].astype("float64").fillna(0).to_numpy() * value.times
    return np.asarray(np.maximum(found, value.minimum))
