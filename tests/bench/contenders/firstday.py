"""Firstday's whole path: every row checked, Parquet written by hour, exact features folded, both committed."""

import shutil
import time

from include.firstday import landing
from include.firstday.features import update_features
from include.firstday.ingest import store_events
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case
from tests.bench.contenders import FEATURES, Rows, by_user


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    case = use_case.load("first_day_churn")
    with open_lake(case):  # makes the lake, with the enrichment table
        pass
    landing.deliver(case.name, "events.ndjson", lambda path: shutil.copyfile(events, path))
    begun = time.perf_counter()
    store_events.store_events(case)
    update_features.update_features(case)
    seconds = time.perf_counter() - begun
    with open_lake(case, read_only=True) as lake:
        features = lake.query(f"select user_id, {', '.join(FEATURES)} from user_features")
        return seconds, by_user(zip(*(column.to_pylist() for column in features.columns), strict=True))
