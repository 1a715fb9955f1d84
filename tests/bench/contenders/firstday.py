"""Firstday's whole path: every row checked, Parquet written by hour, exact features folded, all in one commit."""

import shutil
import time
from pathlib import Path

from include.firstday import landing
from include.firstday.lake.run import Run
from include.firstday.operations import micro_batch
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case
from tests.bench.contenders import FEATURES, Rows, by_user


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    case = use_case.load("first_day_churn")
    with open_lake(case):  # makes the lake, with the enrichment table
        pass
    landing.deliver(case.name, Path(events).name, lambda path: shutil.copyfile(events, path))
    begun = time.perf_counter()
    micro_batch.process(case, Run(), lambda done: None, with_scores=False)
    seconds = time.perf_counter() - begun
    with open_lake(case, read_only=True) as lake:
        features = lake.query(f"select user_id, {', '.join(FEATURES)} from user_features")
        return seconds, by_user(zip(*(column.to_pylist() for column in features.columns), strict=True))
