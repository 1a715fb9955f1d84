"""Plain Python: an event at a time into a dict of sums, as a stream processor without a framework would."""

import json
import time
from datetime import datetime

import pyarrow.parquet as pq

from tests.bench.contenders import MEASURES, Rows, by_user


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    table = pq.read_table(postcodes)
    known = dict(zip(table["postcode"].to_pylist(), table["socioeconomic_idx"].to_pylist(), strict=True))
    begun = time.perf_counter()
    users: dict[str, list[list[float]]] = {}
    indices: dict[str, object] = {}
    with open(events, encoding="utf-8") as file:  # noqa: PTH123 - as plain as can be
        for line in file:
            event = json.loads(line)
            datetime.fromisoformat(event["event_time"])
            user = event["user_id"]
            if event["event_type"] == "new_registration":
                indices[user] = known.get(event["postcode"])
            state = users.get(user)
            if state is None:
                state = users[user] = [[0.0, 0, 0.0] for _ in MEASURES]
            for number, column in enumerate(MEASURES.values()):
                if column in event:
                    amount = event[column]
                    state[number][0] += amount
                    state[number][1] += 1
                    state[number][2] += amount * amount
    rows = by_user((user, indices.get(user), *_features(state)) for user, state in users.items())
    return time.perf_counter() - begun, rows


def _features(state: list[list[float]]) -> list[float]:
    features: list[float] = []
    for total, count, squares in state:
        mean = total / count if count else 0.0
        features += [total, mean, count, (squares - total * mean) / (count - 1) if count > 1 else 0.0]
    return features
