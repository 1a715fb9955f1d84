"""Events of a span of minutes, as one table. Bulk and minute-by-minute generation give the same events."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.firstday.generator import behaviour, play
from include.firstday.generator.chance import Ints
from include.firstday.generator.people import COLUMNS, people
from include.firstday.generator.players import LIFE_MINUTES, MINUTE, Players, players
from include.firstday.generator.response import Reached
from include.firstday.use_case.generator import Generator

MONEY = pa.decimal128(18, 2)
TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("event_type", pa.string()),
        ("event_time", TIME),
        *COLUMNS.items(),
        ("postcode", pa.string()),
        ("label", pa.int32()),
        ("amount", MONEY),
        ("bet_amount", MONEY),
        ("win_amount", MONEY),
    ]
)


def events(
    config: Generator, start: datetime, end: datetime, since: datetime | None = None, reached: Reached | None = None
) -> pa.Table:
    """Return all events with start <= event_time < end, by time; null where a type has no value.

    `start`, `end` and `since` have time zones and are whole minutes. With `since`, no user registers before it.
    `reached`: by an offer, and when; they respond as the configuration says.
    """
    first, last = _minute(start), _minute(end)
    if config.behaviour is not None:
        return behaviour.events(config, config.behaviour, first, last, _minute(since) if since else None, reached)
    who = players(config, max(first - LIFE_MINUTES, _minute(since) if since else 0), last, reached)
    span = first * MINUTE, last * MINUTE
    all_sessions = play.sessions(who)
    bets, wins = play.bets_and_wins(who, all_sessions, *span)
    ids = pa.array([f"{key:016x}" for key in who.key])
    parts = [
        _registrations(who, ids, *span),
        _money(ids, "new_purchases", "amount", play.purchases(who, all_sessions).between(*span)),
        _money(ids, "new_bet", "bet_amount", bets),
        _money(ids, "new_win", "win_amount", wins),
    ]
    merged = pa.concat_tables(parts)
    by_time = [("event_time", "ascending"), ("user_id", "ascending"), ("event_type", "ascending")]
    return merged.take(pc.sort_indices(merged, by_time))


def _registrations(who: Players, ids: pa.Array, start: int, end: int) -> pa.Table:
    rows = np.nonzero((who.registered_at >= start) & (who.registered_at < end))[0]
    new = who.take(rows)
    return _table(
        len(rows),
        user_id=ids.take(pa.array(rows)),
        event_type=pa.array(["new_registration"] * len(rows), pa.string()),
        event_time=pa.array(new.registered_at).cast(TIME),
        postcode=pa.array(new.postcode).cast(pa.string()),
        label=pa.array(new.is_churner, pa.int32()),
        **people(new),
    )


def _money(ids: pa.Array, event_type: str, column: str, rows: play.Happened) -> pa.Table:
    count = len(rows.time)
    return _table(
        count,
        user_id=ids.take(pa.array(rows.player)),
        event_type=pa.repeat(event_type, count),
        event_time=pa.array(rows.time).cast(TIME),
        **{column: _decimal(rows.cents)},
    )


def _decimal(cents: Ints) -> pa.Array:
    """Cents as exact decimals: the 128-bit integers are written unchanged."""
    words = np.zeros((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents
    return pa.Array.from_buffers(MONEY, len(cents), [None, pa.py_buffer(words.tobytes())])


def _table(count: int, **columns: pa.Array) -> pa.Table:
    return pa.table(
        [columns.get(field.name, pa.nulls(count, field.type)) for field in SCHEMA],
        schema=SCHEMA,
    )


def _minute(moment: datetime) -> int:
    seconds = moment.astimezone(UTC).timestamp()
    if seconds % 60:
        raise ValueError(f"{moment}: expected a whole minute")
    return int(seconds // 60)
