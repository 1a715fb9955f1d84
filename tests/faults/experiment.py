"""An experiment beside the stages under faults: a target with a holdout and a budget, and what must hold of it."""

import hashlib
from collections import Counter
from typing import Any

import pyarrow.parquet as pq

from include.firstday.delivery import deliver_predictions, publish_predictions
from include.firstday.errors import BackedOffError
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

TARGET = "offers"
SALT, SHARE, PER_DAY = "chaos", 0.3, 100


def with_offers(use_case: UseCase) -> UseCase:
    """The use case with a target to which every prediction is due."""
    when = {
        "probability_from": 0.0,
        "holdout": {"share": SHARE, "salt": SALT},
        "budget": {"per_day": PER_DAY},
    }
    target = {"kind": "files", "folder": TARGET, "when": when}  # Parquet, unlike the files of publish_predictions
    return UseCase.model_validate(use_case.model_dump() | {"targets": {TARGET: target}})


def deliver(use_case: UseCase, run: Run) -> None:
    """Deliver what is due. After a full disk or a jump of the clock the target is not left alone for long."""
    case = with_offers(use_case)
    try:
        deliver_predictions.deliver_predictions(case, TARGET, run=run)
    except BackedOffError:
        with open_lake(case, run) as lake, lake.transaction():
            lake.delete_rows("delivery_failures", target=TARGET)
        deliver_predictions.deliver_predictions(case, TARGET, run=run)


def violations(lake: Lake, use_case: UseCase) -> tuple[int, int]:
    """Rows of `deliveries`, and how many of them, of due users and of delivered files are not as the rules say."""
    rows = lake.query(f"from deliveries where target = '{TARGET}'").to_pylist()
    due = _keys(lake.query("select distinct batch_id, user_id from predictions").to_pylist())
    decided = Counter((row["batch_id"], row["user_id"]) for row in rows)
    treated = [row for row in rows if row["arm"] == "treated"]
    spent = lake.query("select decided_at::date as day, sum(treated)::int as spent from decided_batches group by day")
    closed = closed_users(lake)  # perhaps before it was decided, or before the file was written
    wrong = sum(user_id not in closed for _, user_id in due - decided.keys())
    wrong += len(decided.keys() - due) + sum(decided.values()) - len(decided)
    wrong += sum(row["arm"] not in (None, _arm(row["user_id"])) for row in rows)
    wrong += sum(row["spent"] > PER_DAY for row in spent.to_pylist())
    wrong += lake.query("select count(*) filter (where ended_at is null) != 1 as n from experiments").to_pylist()[0][
        "n"
    ]
    folder = publish_predictions.folder(use_case) / TARGET
    told = [row for file in folder.glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    wrong += sum(user_id not in closed for _, user_id in _keys(treated) - _keys(told))
    wrong += len(_keys(told) - _keys(treated)) + len(told) - len(_keys(told))
    return len(rows), wrong


def closed_users(lake: Lake) -> set[str]:
    """The users whose risk has ended."""
    return {row["user_id"] for row in lake.query("select user_id from users where closed_at is not null").to_pylist()}


def _keys(rows: list[dict[str, Any]]) -> set[tuple[int, str]]:
    return {(row["batch_id"], row["user_id"]) for row in rows}


def _arm(user_id: str) -> str:
    lower = int.from_bytes(hashlib.md5(f"{SALT}/{user_id}".encode()).digest()[8:], "little")
    return "holdout" if float(lower) / 2**64 < SHARE else "treated"
