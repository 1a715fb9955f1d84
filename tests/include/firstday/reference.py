"""What a feature means, event at a time, in plain Python: slow, obvious, and without a line of the pipeline's SQL.

A player is shown every event ever received of them, in any order, and answers what the lake should hold of them.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

Event = dict[str, Any]

FIRST_DAY = timedelta(hours=24)
MEASURES = {"new_purchases": ("purchase", "amount"), "new_bet": ("bet", "bet_amount"), "new_win": ("win", "win_amount")}
CONTENT = (
    "event_id", "user_id", "event_type", "event_time", "name", "date_of_birth", "street_address", "city", "country",
    "postcode", "affiliate_url", "campaign", "label", "amount", "bet_amount", "win_amount",
)  # fmt: skip


@dataclass
class Player:
    """One user and every event received of them."""

    received: list[Event] = field(default_factory=list)

    def see(self, event: Event) -> None:
        """Receive one more event, in whatever order."""
        self.received.append(event)

    @property
    def registration(self) -> Event | None:
        """The earliest registration; of several at the same moment the one with the least label, then postcode."""
        found = [event for event in self.received if event["event_type"] == "new_registration"]
        return min(
            found,
            key=lambda event: (event["event_time"], _order(event.get("label")), _order(event.get("postcode"))),
            default=None,
        )

    @property
    def opened_at(self) -> datetime | None:
        """When the first day opens: the earliest purchase at or after registration."""
        registration = self.registration
        if registration is None:
            return None
        return min(
            (
                event["event_time"]
                for event in self.received
                if event["event_type"] == "new_purchases" and event["event_time"] >= registration["event_time"]
            ),
            default=None,
        )

    def first_day(self) -> list[Event]:
        """The events inside the first day, each once."""
        opened_at = self.opened_at
        if opened_at is None:
            return []
        inside = [event for event in self.received if opened_at <= event["event_time"] <= opened_at + FIRST_DAY]
        once: dict[Any, Event] = {}
        for event in sorted(inside, key=lambda event: (event["event_time"], _content(event))):
            key = _content(event) if event.get("event_id") is None else event["event_id"]
            once.setdefault(key, event)
        return list(once.values())

    def values(self) -> dict[str, list[Decimal]]:
        """The amounts that count, by measure."""
        values: dict[str, list[Decimal]] = {}
        for event in self.first_day():
            measure, column = MEASURES.get(event["event_type"], ("", ""))
            if measure and event.get(column) is not None:
                values.setdefault(measure, []).append(event[column])
        return values

    def user(self) -> Event:
        """The row of `users`, without batch_id."""
        registration = self.registration or {}
        return {
            "registered_at": registration.get("event_time"),
            "label": registration.get("label"),
            "postcode": registration.get("postcode"),
            "opened_at": self.opened_at,
            "first_seen_at": min(event["event_time"] for event in self.received),
            "last_seen_at": max(event["event_time"] for event in self.received),
        }

    def state(self) -> dict[str, tuple[int, Decimal, Decimal]]:
        """The rows of `feature_state`, without batch_id: measure to count, sum, sum of squares."""
        return {
            measure: (len(amounts), sum(amounts, Decimal(0)), sum((amount**2 for amount in amounts), Decimal(0)))
            for measure, amounts in self.values().items()
        }

    def features(self) -> dict[str, float]:
        """The aggregates of `user_features`, from exact fractions."""
        features: dict[str, float] = {}
        for measure, _ in MEASURES.values():
            amounts = [Fraction(amount) for amount in self.values().get(measure, [])]
            count = len(amounts)
            mean = sum(amounts, Fraction(0)) / count if count else Fraction(0)
            squares = sum(((amount - mean) ** 2 for amount in amounts), Fraction(0))
            features |= {
                f"{measure}_sum": float(sum(amounts, Fraction(0))),
                f"{measure}_mean": float(mean),
                f"{measure}_count": count,
                f"{measure}_var": float(squares / (count - 1)) if count > 1 else 0.0,
            }
        return features


def _order(value: Any) -> tuple[bool, Any]:
    return (value is None, 0 if value is None else value)


def _content(event: Event) -> tuple[tuple[bool, Any], ...]:
    return tuple(_order(event.get(column)) for column in CONTENT)
