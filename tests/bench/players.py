"""The workload: days of 2,000 players with 1,001 events each, all inside of each player's first day.

Plain enough that every contender can compute it: each event once, none before the registration, none late.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

PLAYERS = 2000
EVENTS = 1001  # of each player, the registration among them
START = datetime(2025, 1, 1, tzinfo=UTC)  # 500 days, the most that a benchmark loads, are over: none is rejected
PIECE_ROWS = 500_500
CHURN_SHARE = 0.7
_DAY = 24 * 3600 * 10**6  # microseconds
_TYPES = ("new_registration", "new_purchases", "new_bet", "new_win")
_COLUMNS = {"new_purchases": "amount", "new_bet": "bet_amount", "new_win": "win_amount"}


@dataclass(frozen=True)
class Day:
    """Players who register on one day, with ids in no order, and how many events each of them has.

    `labelled`: each registration says whether the player churned, by chance.
    """

    number: int = 0
    players: int = PLAYERS
    events: int = EVENTS
    labelled: bool = False

    def pieces(self) -> Iterator[pa.Table]:
        """The day's events, some players at a time."""
        step = PIECE_ROWS // self.events
        for first in range(0, self.players, step):
            yield self._of(np.arange(first, min(first + step, self.players)))

    def _of(self, who: np.ndarray) -> pa.Table:
        chance = np.random.default_rng([self.number, int(who[0])])
        kinds = chance.choice([1, 2, 3], size=(len(who), self.events), p=[0.05, 0.65, 0.3])
        kinds[:, :2] = 0, 1  # registered, then the purchase that opens the first day
        day = int((START + timedelta(days=self.number)).timestamp() * 10**6)
        registered = day + chance.integers(0, _DAY, len(who))
        # Distinct moments in order, so that no event is another's repetition: all within 20 hours.
        step = 20 * 3600 * 10**6 // self.events
        times = registered[:, None] + np.arange(self.events) * step + chance.integers(0, step, kinds.shape)
        cents = chance.integers(10, 20_000, kinds.shape)
        each = pa.array(np.repeat(np.arange(len(who)), self.events))
        ids = pa.array([_id(self.number, number) for number in who]).take(each)
        postcodes = pa.array([str(code) for code in 10_000 + who % 90_000]).take(each)
        table = _table(ids, kinds.ravel(), times.ravel(), cents.ravel(), postcodes)
        if not self.labelled:
            return table
        labels = pa.array((chance.random(len(who)) < CHURN_SHARE).astype(np.int32)).take(each)
        is_registration = pa.array(kinds.ravel() == 0)
        return table.append_column("label", pc.if_else(is_registration, labels, pa.nulls(len(table), pa.int32())))


def _id(day: int, number: int) -> str:
    return hashlib.blake2b(f"{day}-{number}".encode(), digest_size=8).hexdigest()


def _table(ids: pa.Array, kinds: np.ndarray, times: np.ndarray, cents: np.ndarray, postcodes: pa.Array) -> pa.Table:
    whole = pa.array(cents, pa.int32()).cast(pa.decimal128(12, 0))
    amounts = pc.multiply(whole, pa.scalar(Decimal("0.01"))).cast(pa.decimal128(18, 2))
    none = pa.nulls(len(ids), pa.decimal128(18, 2))
    columns = {
        "user_id": ids,
        "event_type": pa.array(_TYPES).take(pa.array(kinds)),
        "event_time": pa.array(times).cast(pa.timestamp("us")),
        "postcode": pc.if_else(pa.array(kinds == 0), postcodes, pa.nulls(len(ids), pa.string())),
    }
    for number, name in enumerate(_COLUMNS.values(), start=1):
        columns[name] = pc.if_else(pa.array(kinds == number), amounts, none)
    return pa.table(columns)


def write_parquet(day: Day, path: Path) -> None:
    """One file of the day's events."""
    pieces = day.pieces()
    first = next(pieces)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for piece in pieces:
            writer.write_table(piece)


def write_ndjson(day: Day, path: Path) -> None:
    """One file of the day's events in the order of their times, as sources write them: only what an event has."""
    events = pa.concat_tables(day.pieces()).sort_by("event_time")
    columns = [events[name].to_pylist() for name in ("user_id", "event_type", "postcode", *_COLUMNS.values())]
    times = events["event_time"].cast(pa.string()).to_pylist()
    with path.open("w", encoding="utf-8") as file:
        for user, kind, postcode, *money, time in zip(*columns, times, strict=True):
            amount = next((value for value in money if value is not None), None)
            rest = f'"postcode": "{postcode}"' if amount is None else f'"{_COLUMNS[kind]}": {amount}'
            file.write(f'{{"user_id": "{user}", "event_type": "{kind}", "event_time": "{time}", {rest}}}\n')
