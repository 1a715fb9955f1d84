"""The synthetic source of any business case: users who register, return in sessions and leave, as configured.

Each user's life follows from (seed, minute of registration, index) alone, so any span can be drawn on its own.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.firstday.generator import season
from include.firstday.generator.chance import Floats, Ints, Keys, keys, normal, poisson, uniform
from include.firstday.generator.response import Reached, returns_at
from include.firstday.use_case.generator import Behaviour, ByOutcome, EventRate, Generator

MINUTE = 60_000_000  # microseconds
DAY_MINUTES = 24 * 60
LARGEST_CENTS = 99_999_999
MONEY = pa.decimal128(18, 2)
TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Users:
    """Columns of one row per user. Times are microseconds since 1970, UTC; `liking` scales their activity."""

    key: Keys
    registered_at: Ints
    leaves_at: Ints
    returns_at: Ints  # from when an offer keeps who would have left
    stays_until: Ints  # then
    is_churner: Ints
    liking: Floats

    def of(self, fates: ByOutcome) -> Floats:
        """A number per user, by their outcome."""
        return np.where(self.is_churner == 1, fates.leaves, fates.stays)


@dataclass(frozen=True)
class Sessions:
    """Columns of one row per session: position of the user, number in their life, start and length."""

    user: Ints
    number: Ints
    start: Ints
    length: Ints


def events(
    config: Generator,
    behaviour: Behaviour,
    start: int,
    end: int,
    since: int | None,
    reached: Reached | None = None,
) -> pa.Table:
    """All events with start <= time < end (minutes since 1970), by time; of users who registered from `since` on."""
    longest = int(behaviour.longest_life_days * DAY_MINUTES)
    who = _users(config, behaviour, max(start - longest - 1, since or 0), end, reached)
    visits = _sessions(behaviour, who, start * MINUTE, end * MINUTE)
    ids = pa.array([f"{key:016x}" for key in who.key], pa.string())
    schema = _schema(behaviour)
    parts = [
        _rows(schema, ids, name, happens, who, visits, (start * MINUTE, end * MINUTE))
        for name, happens in behaviour.events.items()
    ]
    merged = pa.concat_tables(parts)
    return merged.take(
        pc.sort_indices(merged, [(name, "ascending") for name in ("event_time", "user_id", "event_type")])
    )


def _users(config: Generator, behaviour: Behaviour, first: int, last: int, reached: Reached | None) -> Users:
    minutes = np.arange(first, last, dtype=np.int64)
    counts = poisson(season.registrations(config, minutes), uniform("registrations", config.seed, minutes))
    minute = np.repeat(minutes, counts)
    index = np.arange(len(minute)) - np.repeat(np.cumsum(counts) - counts, counts)
    key = keys("user", config.seed, minute, index)
    is_churner = (uniform("churner", key) < config.churn_share).astype(np.int64)
    registered_at = minute * MINUTE + (uniform("registered", key) * MINUTE).astype(np.int64)
    life = np.exp(0.5 * normal("life", key))

    def ends(mean: Floats | float) -> Ints:
        days = np.minimum(mean * life, behaviour.longest_life_days)
        return registered_at + (days * DAY_MINUTES * MINUTE).astype(np.int64)

    liking = normal("liking", key)
    return Users(
        key=key,
        registered_at=registered_at,
        leaves_at=ends(np.where(is_churner == 1, behaviour.life_days.leaves, behaviour.life_days.stays)),
        returns_at=returns_at(config, key, is_churner, liking, reached),
        stays_until=ends(behaviour.life_days.stays),
        is_churner=is_churner,
        liking=np.exp(0.35 * liking),
    )


def _sessions(behaviour: Behaviour, who: Users, start: int, end: int) -> Sessions:
    """Sessions that overlap the time span; the first one starts at the registration."""
    often = max(behaviour.sessions_per_day.stays, behaviour.sessions_per_day.leaves)
    number = np.arange(int(3 * often * behaviour.longest_life_days) + 2)
    rate = np.maximum(who.of(behaviour.sessions_per_day) * who.liking, 1e-6)
    gaps = -np.log(uniform("gap", who.key[:, None], number)) / rate[:, None]
    gaps[:, 0] = 0
    starts = who.registered_at[:, None] + (np.cumsum(gaps, axis=1) * DAY_MINUTES * MINUTE).astype(np.int64)
    longest = int(4 * behaviour.session_minutes * MINUTE)
    is_kept = (starts >= who.returns_at[:, None]) & (starts < np.minimum(who.stays_until, end)[:, None])
    near = ((starts < np.minimum(who.leaves_at, end)[:, None]) | is_kept) & (starts + longest >= start)
    near[:, 0] |= (starts[:, 0] < end) & (starts[:, 0] + longest >= start)
    user, session = np.nonzero(near)
    spread = np.exp(0.4 * normal("length", who.key[user], session))
    length = np.clip(behaviour.session_minutes * MINUTE * spread, MINUTE, longest).astype(np.int64)
    return Sessions(user, session, starts[user, session], length)


def _rows(
    schema: pa.Schema,
    ids: pa.Array,
    name: str,
    happens: EventRate,
    who: Users,
    visits: Sessions,
    span: tuple[int, int],
) -> pa.Table:
    user, time, key = _once(name, happens, who) if happens.once else _in_sessions(name, happens, who, visits)
    inside = (time >= span[0]) & (time < span[1])
    user, time, key = user[inside], time[inside], key[inside]
    columns = {
        "user_id": ids.take(pa.array(user)),
        "event_type": pa.repeat(name, len(user)).cast(pa.string()),
        "event_time": pa.array(time).cast(TIME),
    }
    for column, amounts in happens.amounts.items():
        columns[column] = _money(amounts.median * np.exp(amounts.spread * normal(column, key)))
    for column, choices in happens.choices.items():
        chosen = (uniform(column, key) * len(choices)).astype(np.int64)
        columns[column] = pa.array(choices, pa.string()).take(pa.array(chosen))
    return pa.table([columns.get(field.name, pa.nulls(len(user), field.type)) for field in schema], schema=schema)


def _once(name: str, happens: EventRate, who: Users) -> tuple[Ints, Ints, Keys]:
    rates = happens.once or ByOutcome(stays=0, leaves=0)
    draw = uniform(f"{name} happens", who.key)
    key = keys(name, who.key)
    minutes = happens.after_minutes * (0.5 + uniform("after", key))
    time = who.registered_at + (minutes * MINUTE).astype(np.int64)
    user = np.nonzero((draw < who.of(rates)) | ((draw < rates.stays) & (time >= who.returns_at)))[0]
    return user, time[user], key[user]


def _in_sessions(name: str, happens: EventRate, who: Users, visits: Sessions) -> tuple[Ints, Ints, Keys]:
    mean = (who.of(happens.per_session or ByOutcome(stays=0, leaves=0)) * who.liking)[visits.user]
    visit = keys(name, who.key[visits.user], visits.number)
    counts = np.floor(2 * mean * uniform("count", visit) + uniform("one more", visit)).astype(np.int64)
    row = np.repeat(np.arange(len(counts)), counts)
    turn = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    key = keys("turn", visit[row], turn)
    return visits.user[row], visits.start[row] + (uniform("time", key) * visits.length[row]).astype(np.int64), key


def _money(amount: Floats) -> pa.Array:
    """Amounts as exact decimals: the 128-bit integers of cents are written unchanged."""
    words = np.zeros((len(amount), 2), dtype=np.int64)
    words[:, 0] = np.clip(np.round(amount * 100), 1, LARGEST_CENTS).astype(np.int64)
    return pa.Array.from_buffers(MONEY, len(amount), [None, pa.py_buffer(words.tobytes())])


def _schema(behaviour: Behaviour) -> pa.Schema:
    columns: dict[str, pa.DataType] = {"user_id": pa.string(), "event_type": pa.string(), "event_time": TIME}
    for happens in behaviour.events.values():
        columns |= dict.fromkeys(happens.choices, pa.string()) | dict.fromkeys(happens.amounts, MONEY)
    return pa.schema(list(columns.items()))
