"""Registrations and properties of players: a function of (seed, minute of registration, index)."""

from dataclasses import dataclass

import numpy as np

from include.firstday.generator import season
from include.firstday.generator.chance import Floats, Ints, Keys, keys, normal, poisson, uniform
from include.firstday.generator.postcodes import FIRST, indices
from include.firstday.generator.response import Reached, returns_at
from include.firstday.use_case.generator import Generator

MINUTE = 60_000_000  # microseconds
HOUR = 60 * MINUTE
LIFE_MINUTES = 5 * 24 * 60  # nobody plays longer than this after registration


@dataclass(frozen=True)
class Players:
    """Columns of one row per player. Times are microseconds since 1970, UTC."""

    key: Keys
    registered_at: Ints
    is_churner: Ints
    postcode: Ints
    bought_at: Ints
    leaves_at: Ints
    returns_at: Ints  # from when an offer keeps who would have left
    stays_until: Ints  # then
    stake: Floats  # median bet, in the currency
    bets_per_minute: Floats
    win_share: Floats
    session_gap: Floats  # mean, in hours
    session_minutes: Floats

    def take(self, rows: Ints) -> "Players":
        """Return the players at these positions."""
        return Players(**{name: column[rows] for name, column in vars(self).items()})


def players(config: Generator, start: int, end: int, reached: Reached | None = None) -> Players:
    """Return the players who register in the minutes start <= minute < end (minutes since 1970)."""
    minutes = np.arange(start, end, dtype=np.int64)
    counts = poisson(season.registrations(config, minutes), uniform("registrations", config.seed, minutes))
    minute = np.repeat(minutes, counts)
    index = np.arange(len(minute)) - np.repeat(np.cumsum(counts) - counts, counts)
    return _traits(config, minute, keys("player", config.seed, minute, index), reached)


def _traits(config: Generator, minute: Ints, key: Keys, reached: Reached | None) -> Players:
    is_churner = (uniform("churner", key) < config.churn_share).astype(np.int64)
    # How much a player likes the game: it decides how often they come and how they do, beside whether they stay.
    liking = 0.85 * (1 - 2 * is_churner) + normal("liking", key)
    registered_at = minute * MINUTE + (uniform("registered", key) * MINUTE).astype(np.int64)
    bought_at = registered_at + ((0.02 + 3 * uniform("bought", key) ** 3) * HOUR).astype(np.int64)
    last = registered_at + (LIFE_MINUTES - 60) * MINUTE
    stake = normal("stake", key)
    return Players(
        key=key,
        registered_at=registered_at,
        is_churner=is_churner,
        postcode=_postcodes(key, is_churner),
        bought_at=bought_at,
        leaves_at=np.minimum(
            bought_at + (_stay_hours(key, is_churner) * HOUR).astype(np.int64),
            last,
        ),
        returns_at=returns_at(config, key, is_churner, stake, reached),
        stays_until=np.minimum(bought_at + (_stay_hours(key, np.zeros_like(is_churner)) * HOUR).astype(np.int64), last),
        stake=np.exp(0.7 + 0.12 * liking + 0.8 * stake),
        bets_per_minute=np.exp(1.75 + 0.05 * liking + 0.35 * normal("pace", key)),
        win_share=np.clip(0.30 + 0.018 * liking + 0.022 * normal("luck", key), 0.1, 0.5),
        session_gap=np.exp(1.45 - 0.36 * liking + 0.25 * normal("gap", key)),
        session_minutes=np.exp(3.05 + 0.08 * liking + 0.25 * normal("length", key)),
    )


def _postcodes(key: Keys, is_churner: Ints) -> Ints:
    """Two places are drawn; those who stay live in the better-off one a little more often."""
    first, second = ((uniform(f"place {turn}", key) * len(indices())).astype(np.int64) for turn in ("first", "second"))
    better = np.where(indices()[first] >= indices()[second], first, second)
    worse = first + second - better
    prefers_better = uniform("preference", key) < np.where(is_churner == 1, 0.45, 0.62)
    return FIRST + np.where(prefers_better, better, worse)


def _stay_hours(key: Keys, is_churner: Ints) -> Floats:
    """Hours from the first purchase to the last session: most churners are gone within the day or soon after."""
    gone = np.exp(np.log(20.0) + 0.9 * normal("stay", key))
    return np.where(is_churner == 1, gone, 60.0 + 48.0 * uniform("stay longer", key))
