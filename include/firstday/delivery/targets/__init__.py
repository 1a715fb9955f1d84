"""Where predictions are delivered to: one module per kind of target, each with a function `send`.

`send` returns when the target has taken every row, and raises DeliveryError otherwise; then the same rows come again,
with the same ids, so a target that keeps ids takes each once.
"""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


class DeliveryError(RuntimeError):
    """The target did not take the rows; the message says what it answered, and holds no secret."""


def message(row: Row) -> Row:
    """A prediction as it is told to the outside: with its id, and times as text in UTC."""
    return row | {"scored_at": row["scored_at"].isoformat() + "Z"}


def identified(use_case: str, rows: Sequence[Row]) -> list[Row]:
    """The rows, each with an `id` that is the same whenever it is sent."""
    return [{"id": f"{use_case}/{row['batch_id']}/{row['user_id']}"} | row for row in rows]
