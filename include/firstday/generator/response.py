"""How generated users respond to an offer: some of those who would leave stay instead, from a while after it.

Who responds follows from (seed, user) alone, and whether they do from the deliveries: the same deliveries give the same
events, minute by minute as in bulk.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from include.firstday.generator.chance import Floats, Ints, Keys, normal, uniform
from include.firstday.use_case.generator import Generator

Reached = Mapping[str, datetime]  # user id → when an offer reached them, zoned
DELAY = 5 * 60_000_000  # microseconds: a delivery that is committed later than its time is known by then
NEVER = np.iinfo(np.int64).max
PERSUADABLE = 0.6744897501960817  # standard normal numbers are above it in a quarter of cases


def returns_at(config: Generator, key: Keys, is_churner: Ints, trait: Floats, reached: Reached | None) -> Ints:
    """From when each user stays who would have left, in microseconds since 1970; NEVER of the others.

    `trait`: a standard normal number of each user, which those who can be persuaded have most of.
    """
    times = np.full(len(key), NEVER, dtype=np.int64)
    if config.response is None or not reached:
        return times
    known = {int(user, 16): moment for user, moment in reached.items() if _is_key(user)}
    for place in np.nonzero(_responds(config, key, is_churner, trait))[0]:
        if (moment := known.get(int(key[place]))) is not None:
            times[place] = int(moment.timestamp() * 1e6) + DELAY
    return times


def kept(config: Generator, user_ids: Sequence[str]) -> list[str]:
    """Those of some users whom an offer keeps, if it reaches them."""
    ids = [user for user in user_ids if _is_key(user)]
    key = np.array([int(user, 16) for user in ids], dtype=np.uint64)
    is_churner = (uniform("churner", key) < config.churn_share).astype(np.int64)
    responds = _responds(config, key, is_churner, normal("liking" if config.behaviour else "stake", key))
    return [user for user, stays in zip(ids, responds, strict=True) if stays]


def _responds(config: Generator, key: Keys, is_churner: Ints, trait: Floats) -> NDArray[np.bool_]:
    """Who would stay with an offer: of all users together, the configured share, all of them would leave without."""
    is_everybody = config.response is None or config.response.only == "anyone"
    can = np.full(len(key), True) if is_everybody else trait > PERSUADABLE
    return np.asarray((is_churner == 1) & can & (uniform("responds", key) < config.response_rate))


def _is_key(user_id: str) -> bool:
    """Whether an id is one that the generator makes."""
    return re.fullmatch("[0-9a-f]{16}", user_id) is not None
