"""Firstday's whole path: every row checked, Parquet written by day, exact features folded, all in one commit."""

import shutil
import time
from pathlib import Path

from include.firstday import landing
from include.firstday.lake.run import Run
from include.firstday.operations import micro_batch
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests.bench.contenders import FEATURES, Rows, by_user


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    case = deliver(events)
    begun = time.perf_counter()
    process(case)
    seconds = time.perf_counter() - begun
    with open_lake(case, read_only=True) as lake:
        features = lake.query(f"select user_id, {', '.join(FEATURES)} from user_features")
        return seconds, by_user(zip(*(column.to_pylist() for column in features.columns), strict=True))


def deliver(events: str) -> UseCase:
    """Make a lake, with the enrichment table, and put a copy of the file into landing."""
    case = use_case.load("first_day_churn")
    with open_lake(case):
        pass
    landing.deliver(case.name, Path(events).name, lambda path: shutil.copyfile(events, path))
    return case


def process(case: UseCase) -> None:
    """Store what waits in landing, and fold it into the features."""
    micro_batch.process(case, Run(), lambda done: None, with_scores=False)
