"""Activity of players: sessions, and bets and wins in each minute of a session. Times: microseconds since 1970, UTC."""

from dataclasses import dataclass

import numpy as np

from include.firstday.generator.chance import Floats, Ints, keys, normal, uniform
from include.firstday.generator.players import HOUR, MINUTE, Players

SESSIONS = 24  # at most, in a life


@dataclass(frozen=True)
class Happened:
    """Columns of one row per event of one kind: position of the player, time, amount in cents."""

    player: Ints
    time: Ints
    cents: Ints

    def between(self, start: int, end: int) -> "Happened":
        """The events with start <= time < end."""
        inside = (self.time >= start) & (self.time < end)
        return Happened(self.player[inside], self.time[inside], self.cents[inside])


@dataclass(frozen=True)
class Sessions:
    """Columns of one row per session: position of the player, number in their life, start and end."""

    player: Ints
    number: Ints
    start: Ints
    end: Ints


def sessions(who: Players) -> Sessions:
    """Every session of every player's life; the first begins right after the first purchase."""
    number = np.arange(SESSIONS)
    key = who.key[:, None]
    gaps = -np.log(uniform("gap of session", key, number)) * who.session_gap[:, None]
    # Players who will churn return after increasing gaps.
    gaps = gaps * np.where(who.is_churner == 1, 1.12, 1.0)[:, None] ** number + 0.5
    gaps[:, 0] = 0.02 + 0.1 * uniform("first session", who.key)
    start = who.bought_at[:, None] + (np.cumsum(gaps, axis=1) * HOUR).astype(np.int64)
    minutes = who.session_minutes[:, None] * np.exp(0.4 * normal("length of session", key, number))
    end = start + (np.clip(minutes, 3, 120) * MINUTE).astype(np.int64)
    is_kept = (start >= who.returns_at[:, None]) & (start < who.stays_until[:, None])
    player, session = np.nonzero((start < who.leaves_at[:, None]) | is_kept)
    return Sessions(player, session, start[player, session], end[player, session])


def purchases(who: Players, all_sessions: Sessions) -> Happened:
    """The first purchase of every player, and further ones at the start of some later sessions."""
    player, number = all_sessions.player, all_sessions.number
    again = (number > 0) & (uniform("buys again", who.key[player], number) < 0.45)
    times = np.where(number == 0, who.bought_at[player], all_sessions.start - 20_000_000)
    amount = 12 * who.stake[player] ** 0.5 * np.exp(0.5 * normal("amount", who.key[player], number))
    chosen = (number == 0) | again
    return Happened(player[chosen], times[chosen], _cents(amount)[chosen])


def bets_and_wins(who: Players, all_sessions: Sessions, start: int, end: int) -> tuple[Happened, Happened]:
    """Bets in the minutes of sessions with start <= time < end, and the wins that follow within seconds."""
    player, number, minute = _cells(all_sessions, start, end)
    cell = keys("cell", who.key[player], number, minute)
    counts = np.floor(who.bets_per_minute[player] * 2 * uniform("bets", cell) + uniform("one more", cell)).astype(int)
    row = np.repeat(np.arange(len(cell)), counts)
    turn = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    bet, player = keys("bet", cell[row], turn), player[row]
    # A bet leaves three seconds of its minute to the win that may follow, so a minute is complete in itself.
    time = minute[row] * MINUTE + (uniform("time", bet) * (MINUTE - 3_000_000)).astype(np.int64)
    cents = _cents(who.stake[player] * np.exp(0.6 * normal("bet amount", bet)))
    has_won = uniform("wins", bet) < who.win_share[player]
    win_cents = _cents(cents / 100 * np.exp(0.75 + 0.6 * normal("win amount", bet)))
    win_time = time + 500_000 + (uniform("win time", bet) * 2_000_000).astype(np.int64)
    return Happened(player, time, cents), Happened(player[has_won], win_time[has_won], win_cents[has_won])


def _cells(all_sessions: Sessions, start: int, end: int) -> tuple[Ints, Ints, Ints]:
    """Player, session and minute of every whole minute of a session within start and end."""
    first = np.maximum(-(-all_sessions.start // MINUTE), start // MINUTE)
    last = np.minimum(all_sessions.end // MINUTE, end // MINUTE)
    counts = np.maximum(last - first, 0)
    row = np.repeat(np.arange(len(counts)), counts)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    return all_sessions.player[row], all_sessions.number[row], first[row] + offset


def _cents(amount: Floats) -> Ints:
    return np.clip(np.round(amount * 100), 10, 50_000_00).astype(np.int64)
