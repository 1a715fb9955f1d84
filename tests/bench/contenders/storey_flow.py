"""MLRun's storey: its documented way to aggregate by key, an event at a time, in windows of a day.

https://github.com/mlrun/storey: a flow of a source, a map and AggregateByKey into a table held in memory. The flow
gives sums, averages, counts and standard deviations of the window at each event; the last ones are the features.
"""

import json
import time
from datetime import datetime

import pyarrow.parquet as pq
import storey
from storey.dtypes import FieldAggregator, SlidingWindows

from tests.bench.contenders import MEASURES, Rows, by_user


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    table = pq.read_table(postcodes)
    known = dict(zip(table["postcode"].to_pylist(), table["socioeconomic_idx"].to_pylist(), strict=True))
    begun = time.perf_counter()
    indices: dict[str, object] = {}
    last: dict[str, dict] = {}

    def keep(event: dict) -> dict:
        last[event["user_id"]] = event
        return event

    flow = storey.build_flow(
        [
            storey.SyncEmitSource(key_field="user_id"),
            storey.AggregateByKey(
                [
                    FieldAggregator(measure, column, ["sum", "avg", "count", "stddev"], SlidingWindows(["24h"], "1h"))
                    for measure, column in MEASURES.items()
                ],
                storey.Table("features", storey.NoopDriver()),
                time_field="event_time",
            ),
            storey.Map(keep),
            storey.Reduce(0, lambda count, _: count + 1),
        ]
    ).run()
    with open(events, encoding="utf-8") as file:  # noqa: PTH123 - as plain as can be
        for line in file:
            event = json.loads(line)
            event["event_time"] = datetime.fromisoformat(event["event_time"]).astimezone()
            if event["event_type"] == "new_registration":
                indices[event["user_id"]] = known.get(event["postcode"])
            flow.emit(event, key=event["user_id"])
    flow.terminate()
    flow.await_termination()
    seconds = time.perf_counter() - begun
    return seconds, by_user((user, indices.get(user), *_features(event)) for user, event in last.items())


def _features(event: dict) -> list[float]:
    return [
        value
        for measure in MEASURES
        for value in (
            event[f"{measure}_sum_24h"],
            event[f"{measure}_avg_24h"],
            event[f"{measure}_count_24h"],
            event[f"{measure}_stddev_24h"] ** 2,
        )
    ]
