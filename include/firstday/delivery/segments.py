"""Users of the segments in a use case's YAML: a function of the lake at a micro-batch, as delivery repeats it."""

from datetime import datetime
from typing import Any

from include.firstday.lake.lake import Lake
from include.firstday.use_case.use_case import UseCase

SQL = "delivery/segments"
LATEST = 2**62


def users(lake: Lake, use_case: UseCase, segment: str, since: datetime) -> list[str]:
    """Ids of a segment's users, by their registrations and latest predictions since a time (naive UTC)."""
    rows = lake.rows(f"{SQL}/segment_users", **_asked(use_case, segment, since, LATEST))
    return [row["user_id"] for row in rows]


def restrict_due(lake: Lake, use_case: UseCase, segment: str, batch_id: int) -> None:
    """Delete users outside a segment, as of a micro-batch, from `due_predictions`."""
    since = lake.value(f"{SQL}/earliest_registration")
    lake.build(f"{SQL}/segment_users", **_asked(use_case, segment, since, batch_id))
    lake.execute(f"{SQL}/delete_outsiders")


def _asked(use_case: UseCase, segment: str, since: datetime | None, upto: int) -> dict[str, Any]:
    conditions = use_case.segments[segment].model_dump_json()
    return {"segment": conditions, "registering": use_case.registering, "since": since, "upto": upto}
