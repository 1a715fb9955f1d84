"""Targets: one module per kind, each with a function `send`.

`send` returns when the target has accepted every row, and raises DeliveryError otherwise; then the same rows are sent
again with the same ids, so that a target can remove duplicates.
"""

import json
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def message(row: Row) -> Row:
    """A prediction as JSON: with its id, times as text in UTC, and reasons as a list; none below the threshold."""
    return row | {"scored_at": row["scored_at"].isoformat() + "Z", "reasons": json.loads(row["reasons"])}


def identified(use_case: str, rows: Sequence[Row]) -> list[Row]:
    """Return the rows with an `id`, which is the same in every delivery."""
    return [{"id": f"{use_case}/{row['batch_id']}/{row['user_id']}"} | row for row in rows]
