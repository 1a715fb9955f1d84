"""Experiments: a target's holdout has a name and dates, so that what its deliveries change can be measured.

An experiment runs from the first micro-batch that is decided with its salt and share until the target has others. Whose
due predictions reach the target is a function of user and salt, so nobody changes arm within one.
"""

from datetime import UTC, datetime
from typing import Any

from include.firstday.errors import NoLakeError
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.connectors import Holdout
from include.firstday.use_case.use_case import UseCase

TABLE = "experiments"


def join(lake: Lake, target: str, holdout: Holdout | None, moment: datetime) -> str | None:
    """Name of the target's present experiment, started and the one before ended where they are not; None without one.

    Inside a transaction. `moment`: of the decision, naive UTC.
    """
    known = lake.rows_of(TABLE, target=target)
    for row in known:
        if row["ended_at"] is None:
            if holdout and (row["salt"], row["share"]) == (holdout.salt, holdout.share):
                return str(row["experiment"])
            _end(lake, row, moment)
    if holdout is None:
        return None
    name = f"{target}-{holdout.salt}-{holdout.share:g}"
    times = sum((row["salt"], row["share"]) == (holdout.salt, holdout.share) for row in known)
    name += f"-{times + 1}" if times else ""
    about = {"salt": holdout.salt, "share": holdout.share, "horizon_days": holdout.horizon_days}
    lake.insert_row(TABLE, experiment=name, target=target, **about, started_at=moment, ended_at=None)
    return name


def end_of(lake: Lake, target: str) -> None:
    """End the experiment of a target that has no holdout any more."""
    if any(row["ended_at"] is None for row in lake.rows_of(TABLE, target=target)):
        with lake.transaction() as commit:
            commit.message = f"the experiment of {target} has ended"
            join(lake, target, None, clock.now())


def reached_by_generator(use_case: UseCase) -> dict[str, datetime]:
    """User → when the target that generated users respond to reached them, zoned; nobody where they do not respond."""
    response = use_case.generator.response if use_case.generator else None
    if response is None:
        return {}
    try:
        with open_lake(use_case, read_only=True) as lake:
            rows = lake.rows("delivery/experiments/reached_users", target=response.target)
    except NoLakeError:
        return {}
    return {row["user_id"]: row["reached_at"].replace(tzinfo=UTC) for row in rows}


def _end(lake: Lake, row: dict[str, Any], moment: datetime) -> None:
    lake.delete_rows(TABLE, experiment=row["experiment"])
    lake.insert_row(TABLE, **row | {"ended_at": moment})
