"""pandas: the file into one DataFrame, a groupby, a merge."""

import time

import pandas as pd

from tests.bench.contenders import AGGREGATES, MEASURES, Rows, by_user


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    known = pd.read_parquet(postcodes).set_index("postcode")["socioeconomic_idx"]
    begun = time.perf_counter()
    frame = pd.read_json(events, lines=True, dtype={"user_id": str, "postcode": str}, convert_dates=["event_time"])
    users = frame.groupby("user_id")
    features = users[list(MEASURES.values())].agg(list(AGGREGATES))
    features.insert(0, "socioeconomic_idx", users["postcode"].first().map(known))
    seconds = time.perf_counter() - begun
    return seconds, by_user(features.itertuples())
