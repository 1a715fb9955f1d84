"""What a feature means, event at a time, in plain Python: slow, obvious, and without a line of the pipeline's SQL.

A user is shown every event ever received of them, in any order, and answers what the lake should hold of them. What is
a business case's own is in `RULES`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

Event = dict[str, Any]
Counted = tuple[str, str | None, Decimal | None]  # measure, item, value
TimeAndValue = tuple[datetime, Decimal]
EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Rules:
    """What a business case says: which events, which window, what counts, and what a model sees."""

    registered_by: str
    opened_by: str
    window: timedelta
    kept: tuple[str, ...]  # columns of the registration that users keeps, in the order of registrations.sql
    columns: tuple[str, ...]  # columns of events, in the order of events.sql
    values: dict[str, dict[str, list[Any]]]  # event type -> column -> some values
    counts: Callable[[Event], list[Counted]]
    features: Callable[["Player", datetime], dict[str, float | str | None]]
    closed_by: tuple[str, ...] = ()
    repeating: tuple[str, ...] = ()  # event types of which each identical event without event_id counts
    gaps: dict[str, tuple[tuple[str, ...], timedelta]] = field(default_factory=dict)  # name -> event types, pause
    recent: dict[str, tuple[timedelta, tuple[timedelta, ...], tuple[int, ...]]] = field(default_factory=dict)
    """measure -> length of a tile, lengths of windows, numbers of newest values"""


@dataclass
class Player:
    """One user and every event received of them."""

    rules: Rules
    received: list[Event] = field(default_factory=list)

    def see(self, event: Event) -> None:
        """Receive one more event, in whatever order."""
        self.received.append(event)

    @property
    def registration(self) -> Event | None:
        """The earliest registration; of several at the same moment the one with the least values that are kept."""
        found = [event for event in self.received if event["event_type"] == self.rules.registered_by]
        return min(
            found,
            key=lambda event: (event["event_time"], *(_order(event.get(name)) for name in self.rules.kept)),
            default=None,
        )

    @property
    def window_start(self) -> datetime | None:
        """When the window opens: the earliest opening event at or after registration."""
        registration = self.registration
        if registration is None:
            return None
        return min(
            (
                event["event_time"]
                for event in self.received
                if event["event_type"] == self.rules.opened_by and event["event_time"] >= registration["event_time"]
            ),
            default=None,
        )

    @property
    def closed_at(self) -> datetime | None:
        """When the user's risk ends: the earliest closing event in the window."""
        if self.window_start is None:
            return None
        return min(
            (
                event["event_time"]
                for event in self.received
                if event["event_type"] in self.rules.closed_by
                and self.window_start <= event["event_time"] <= self.window_start + self.rules.window
            ),
            default=None,
        )

    def window(self) -> list[Event]:
        """The events inside the window, each once."""
        window_start = self.window_start
        if window_start is None:
            return []
        inside = [
            event for event in self.received if window_start <= event["event_time"] <= window_start + self.rules.window
        ]
        once: dict[Any, Event] = {}
        for number, event in enumerate(sorted(inside, key=lambda event: (event["event_time"], self._content(event)))):
            key = self._content(event) if event.get("event_id") is None else event["event_id"]
            is_repeating = event.get("event_id") is None and event["event_type"] in self.rules.repeating
            once.setdefault(number if is_repeating else key, event)
        return list(once.values())

    def counted(self) -> dict[tuple[str, str | None], list[tuple[datetime, Decimal]]]:
        """The times and values that count, by measure and item."""
        found: dict[tuple[str, str | None], list[tuple[datetime, Decimal]]] = {}
        for event in self.window():
            for measure, item, value in self.rules.counts(event):
                if value is not None:
                    found.setdefault((measure, item), []).append((event["event_time"], value))
        for name, (types, pause) in self.rules.gaps.items():
            times = sorted(event["event_time"] for event in self.window() if event["event_type"] in types)
            for place, time in enumerate(times):
                gap = time - times[place - 1] if place else None
                if gap is not None:
                    microseconds = Decimal(gap // timedelta(microseconds=1))
                    seconds = (microseconds / 1_000_000).quantize(Decimal("0.01"), ROUND_HALF_UP)
                    found.setdefault((f"{name}_gap", None), []).append((time, seconds))
                if gap is None or gap > pause:
                    found.setdefault((f"{name}_session", None), []).append((time, ONE))
        for measure in self.rules.recent:
            found |= self._kept(
                measure, [each for (name, _), part in found.items() if name == measure for each in part]
            )
        return found

    def _kept(self, measure: str, values: list[TimeAndValue]) -> dict[tuple[str, str | None], list[TimeAndValue]]:
        """What is kept of a measure's recent values: tiles that a later moment can have, and the newest values."""
        hop, windows, last = self.rules.recent[measure]
        kept: dict[tuple[str, str | None], list[TimeAndValue]] = {}
        tiles = {tile_of(time, hop) for time, _ in values}
        if windows:
            for time, value in values:
                if max(tiles) - tile_of(time, hop) < max(windows) // hop:
                    kept.setdefault((f"{measure}_tile", str(tile_of(time, hop))), []).append((time, value))
        if last:
            newest = sorted(values, reverse=True)[: max(last)]
            for time, value in values:  # of equal values of one moment, all are kept with the last that counts
                if (time, value) in newest:
                    item = f"{(time - EPOCH) // timedelta(microseconds=1)}/{value}"
                    kept.setdefault((f"{measure}_newest", item), []).append((time, value))
        return kept

    def recent(self, as_of: datetime) -> dict[str, list[Decimal]]:
        """The values of each measure of recent values as of a moment, of those with any."""
        found: dict[str, list[Decimal]] = {}
        moment = self.moment(as_of)
        for measure, (hop, windows, last) in self.rules.recent.items():
            values = self.of(measure)
            for window in windows:
                first = (moment - EPOCH) // hop * hop + EPOCH - window + hop if moment else EPOCH
                found[f"{measure}_{_length(window)}"] = [value for time, value in values if time >= first]
            for number in last:
                found[f"{measure}_last_{number}"] = [value for _, value in sorted(values, reverse=True)[:number]]
        return {name: values for name, values in found.items() if values}

    def of(self, *measures: str) -> list[tuple[datetime, Decimal]]:
        """The times and values of some measures, of all without any."""
        return [
            value
            for (measure, _), values in self.counted().items()
            for value in values
            if measure in (measures or (measure,))
        ]

    def items(self, measure: str) -> int:
        """How many different items of a measure there are."""
        return sum(1 for name, _ in self.counted() if name == measure)

    def moment(self, as_of: datetime) -> datetime | None:
        """As of when features are asked at `as_of`: not after the window, nor before the last event that counts."""
        if self.window_start is None:
            return None
        return max(
            min(as_of, self.window_start + self.rules.window), self.window_start, *(time for time, _ in self.of())
        )

    def open_for(self, as_of: datetime, seconds: float) -> float:
        """For how long the window has been open, in units of so many seconds."""
        moment = self.moment(as_of)
        return _units(moment - self.window_start, seconds) if moment and self.window_start else 0.0

    def since(self, as_of: datetime, seconds: float, *measures: str) -> float | None:
        """From the last event of some measures, of all without any, to the moment."""
        moment = self.moment(as_of)
        last = max((time for time, _ in self.of(*measures)), default=None)
        return _units(moment - last, seconds) if moment and last else None

    def active(self, seconds: float) -> float:
        """From the first to the last event that counts."""
        times = [time for time, _ in self.of()]
        return _units(max(times) - min(times), seconds) if times else 0.0

    def user(self) -> Event:
        """The row of `users`, without batch_id."""
        registration = self.registration or {}
        return {
            "registered_at": registration.get("event_time"),
            **{name: registration.get(name) for name in self.rules.kept},
            "window_start": self.window_start,
            "window_end": self.window_start + self.rules.window if self.window_start else None,
            "closed_at": self.closed_at,
            "first_seen_at": min(event["event_time"] for event in self.received),
            "last_seen_at": max(event["event_time"] for event in self.received if not self._is_after_window(event)),
        }

    def _is_after_window(self, event: Event) -> bool:
        return self.window_start is not None and event["event_time"] > self.window_start + self.rules.window

    def state(self) -> list[Event]:
        """The rows of `feature_state`, without batch_id."""
        return sorted(
            (
                {
                    "measure": measure,
                    "item": item,
                    "value_count": len(values),
                    "value_sum": sum((value for _, value in values), Decimal(0)),
                    "value_sum_of_squares": sum((value**2 for _, value in values), Decimal(0)),
                    "value_min": min(value for _, value in values),
                    "value_max": max(value for _, value in values),
                    "first_at": min(time for time, _ in values),
                    "last_at": max(time for time, _ in values),
                }
                for (measure, item), values in self.counted().items()
            ),
            key=by_measure_and_item,
        )

    def features(self, as_of: datetime) -> dict[str, float | str | None]:
        """What `user_features` derives from the state as of a moment; every number is the double next to the truth."""
        return self.rules.features(self, as_of)

    def _content(self, event: Event) -> tuple[tuple[bool, Any], ...]:
        return tuple(_order(event.get(column)) for column in self.rules.columns)


def _length(window: timedelta) -> str:
    minutes = window // timedelta(minutes=1)
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h"


def tile_of(time: datetime, hop: timedelta) -> int:
    """The number of the tile that a moment is in, since 1970."""
    return (time - EPOCH) // hop


def _units(span: timedelta, seconds: float) -> float:
    return float(Fraction(span // timedelta(microseconds=1), int(seconds * 1_000_000)))


def by_measure_and_item(row: Event) -> tuple[str, tuple[bool, Any]]:
    """The order in which rows of `feature_state` are compared."""
    return row["measure"], _order(row["item"])


def _order(value: Any) -> tuple[bool, Any]:
    return (value is None, 0 if value is None else value)


ONE = Decimal(1)
AMOUNTS = [Decimal("0.00"), Decimal("0.01"), Decimal("10.00"), Decimal("33.33"), Decimal("999999.99"), None]
CHURN = {"new_purchases": ("purchase", "amount"), "new_bet": ("bet", "bet_amount"), "new_win": ("win", "win_amount")}


def _churn_counts(event: Event) -> list[Counted]:
    measure, column = CHURN.get(event["event_type"], ("", ""))
    return [(measure, None, event.get(column))] if measure else []


def _churn_features(player: Player, as_of: datetime) -> dict[str, float | str | None]:
    features: dict[str, float | str | None] = {}
    for measure, _ in CHURN.values():
        amounts = [Fraction(amount) for _, amount in player.of(measure)]
        count = len(amounts)
        mean = sum(amounts, Fraction(0)) / count if count else Fraction(0)
        squares = sum(((amount - mean) ** 2 for amount in amounts), Fraction(0))
        features |= {
            f"{measure}_sum": float(sum(amounts, Fraction(0))),
            f"{measure}_mean": float(mean),
            f"{measure}_count": count,
            f"{measure}_var": float(squares / (count - 1)) if count > 1 else 0.0,
        }
    bets, wins = len(player.of("bet")), len(player.of("win"))
    open_for = max(Fraction(player.open_for(as_of, 1e-6)), Fraction(3_600_000_000))
    return features | {
        "hours_since_open": player.open_for(as_of, 3600),
        "hours_since_event": player.since(as_of, 3600),
        "win_rate": float(Fraction(wins + 6, bets + 20)),
        "bets_per_hour": float(bets * 3_600_000_000 / open_for),
    }


def _cart_counts(event: Event) -> list[Counted]:
    kind = event["event_type"]
    counted: list[Counted] = []
    if kind in ("page_viewed", "product_viewed"):
        counted.append(("view", None, ONE))
    if kind == "cart_added":
        counted.append(("add", None, event.get("price")))
    if kind == "cart_removed":
        counted.append(("remove", None, ONE))
    if kind in ("product_viewed", "cart_added"):
        counted.append(("product", event.get("product"), ONE))
    return counted


def _cart_features(player: Player, as_of: datetime) -> dict[str, float | str | None]:
    prices = [price for _, price in player.of("add")]
    return {
        "device": (player.registration or {}).get("device"),
        "view_10m_count": len(player.recent(as_of).get("view_10m", [])),
        "view_count": len(player.of("view")),
        "product_count": player.items("product"),
        "add_count": len(prices),
        "add_sum": float(sum(prices)),
        "add_min": _float(min(prices, default=None)),
        "add_max": _float(max(prices, default=None)),
        "remove_count": len(player.of("remove")),
        "minutes_active": player.active(60),
        "minutes_since_open": player.open_for(as_of, 60),
        "minutes_since_event": player.since(as_of, 60),
        "minutes_since_add": player.since(as_of, 60, "add"),
    }


def _subscription_counts(event: Event) -> list[Counted]:
    kind = event["event_type"]
    day = f"{event['event_time']:%Y-%m-%d}"
    return {
        "payment_made": [("payment", event.get("topic"), event.get("amount"))],
        "session_started": [("session", event.get("topic"), ONE), ("active_day", day, ONE)],
        "lesson_completed": [("lesson", event.get("topic"), ONE), ("active_day", day, ONE)],
        "support_contacted": [("support", event.get("topic"), ONE)],
    }.get(kind, [])


def _subscription_features(player: Player, as_of: datetime) -> dict[str, float | str | None]:
    amounts = [amount for _, amount in player.of("payment")]
    return {
        "is_yearly": _is(player, "plan", "yearly"),
        "payment_count": len(amounts),
        "payment_sum": float(sum(amounts)),
        "payment_min": _float(min(amounts, default=None)),
        "payment_max": _float(max(amounts, default=None)),
        "session_count": len(player.of("session")),
        "lesson_count": len(player.of("lesson")),
        "topic_count": player.items("lesson"),
        "active_days": player.items("active_day"),
        "support_count": len(player.of("support")),
        "hours_active": player.active(3600),
        "hours_since_open": player.open_for(as_of, 3600),
        "hours_since_event": player.since(as_of, 3600),
        "hours_since_lesson": player.since(as_of, 3600, "lesson"),
        "hours_since_session": player.since(as_of, 3600, "session"),
    }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _is(player: Player, column: str, value: str) -> int | None:
    found = (player.registration or {}).get(column)
    return None if found is None else int(found == value)


OWN = ("event_id", "user_id", "event_type", "event_time")
PRODUCTS = ["lamp", "rug", None]
TOPICS = ["words", "grammar", None]
RULES = {
    "first_day_churn": Rules(
        registered_by="new_registration",
        opened_by="new_purchases",
        window=timedelta(hours=24),
        kept=("label", "postcode"),
        columns=(
            *OWN, "name", "date_of_birth", "street_address", "city", "country", "postcode", "affiliate_url", "campaign",
            "label", "amount", "bet_amount", "win_amount",
        ),
        values={
            "new_registration": {"label": [None, 0, 1], "postcode": ["10001", "00000"]},
            **{name: {column: AMOUNTS} for name, (_, column) in CHURN.items()},
        },
        counts=_churn_counts,
        features=_churn_features,
    ),
    "cart_abandonment": Rules(
        registered_by="session_started",
        opened_by="cart_added",
        closed_by=("purchased",),
        window=timedelta(hours=1),
        recent={"view": (timedelta(minutes=1), (timedelta(minutes=10),), ())},
        kept=("device",),
        columns=(*OWN, "device", "product", "price", "amount"),
        values={
            "session_started": {"device": ["mobile", "desktop", None]},
            "page_viewed": {},
            "product_viewed": {"product": PRODUCTS},
            "cart_added": {"product": PRODUCTS, "price": AMOUNTS},
            "cart_removed": {"product": PRODUCTS},
            "purchased": {"amount": AMOUNTS},
        },
        counts=_cart_counts,
        features=_cart_features,
    ),
    "subscription_churn": Rules(
        registered_by="signed_up",
        opened_by="payment_made",
        window=timedelta(hours=168),
        kept=("plan",),
        columns=(*OWN, "plan", "amount", "topic"),
        values={
            "signed_up": {"plan": ["monthly", "yearly", None]},
            "payment_made": {"amount": AMOUNTS},
            "session_started": {},
            "lesson_completed": {"topic": TOPICS},
            "support_contacted": {},
        },
        counts=_subscription_counts,
        features=_subscription_features,
    ),
}  # fmt: skip
