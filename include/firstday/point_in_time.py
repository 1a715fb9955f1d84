"""Features as they stood at an earlier moment, by the statements that serve: what drift and consistency are judged by.

The temporary tables take the names of the lake's, as in training, so each function opens a connection of its own.
"""

from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa

from include.firstday.lake import Lake
from include.firstday.prepare import open_lake
from include.firstday.training import training_set
from include.firstday.use_case import UseCase

SQL = "stages/monitor_model"
TRAINING = training_set.SQL
SERVING = training_set.SERVING


def passed_cutoffs(use_case: UseCase, upto: int, from_time: datetime, to_time: datetime) -> pd.DataFrame:
    """One row per user and cut-off that the user passed between two moments: as a training set's, without a label.

    The users are all of those, scored or not, so that the rows compare with a training set's row by row.
    """
    cutoffs = sorted(use_case.training.cutoff_minutes)
    with open_lake(use_case, read_only=True) as opened:
        opened.build(
            f"{SQL}/passing_events",
            into="scope_events",
            upto=upto,
            from_time=from_time - timedelta(minutes=cutoffs[-1]),
            to_time=to_time,
        )
        _collect(opened, use_case, upto)
        opened.build(f"{SQL}/open_windows")
        parts = [_at_cutoff(opened, use_case, minutes, from_time, to_time) for minutes in cutoffs]
    rows: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return rows


def features_after(use_case: UseCase, user_ids: list[str], upto: int) -> pd.DataFrame:
    """One row per user: the features as they stood after micro-batch `upto`, computed anew from the events."""
    with open_lake(use_case, read_only=True) as opened:
        opened.build(f"{SQL}/sampled_events", into="scope_events", user_ids=user_ids, upto=upto)
        _collect(opened, use_case, upto)
        opened.build(f"{SERVING}/window_state", into="feature_state")
        opened.build(f"use_cases/{use_case.name}/user_features", into="features_at_cutoff")
        rows: pd.DataFrame = opened.table(f"{SQL}/recomputed_features").to_pandas()
    return rows


def _collect(opened: Lake, use_case: UseCase, upto: int) -> None:
    training_set.collect(opened, use_case)
    for table in use_case.enrichment:
        opened.shadow(table, upto)


def _at_cutoff(opened: Lake, use_case: UseCase, minutes: int, from_time: datetime, to_time: datetime) -> pa.Table:
    opened.build(
        f"{SQL}/passed_windows",
        into="mature_windows",
        cutoff_seconds=minutes * 60,
        from_time=from_time,
        to_time=to_time,
    )
    opened.build(f"{TRAINING}/windows_at_cutoff", into="windows", cutoff_seconds=minutes * 60)
    opened.build(f"{SERVING}/window_state", into="feature_state")
    opened.build(f"use_cases/{use_case.name}/user_features", into="features_at_cutoff")
    return opened.table(f"{SQL}/passing_rows", cutoff_minutes=minutes)
