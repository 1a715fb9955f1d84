"""Features as of an earlier moment, by the serving statements: for drift, consistency and training.

The temporary tables take the names of the lake's, as in training, so each function opens a connection of its own.
"""

from datetime import datetime, timedelta

import pandas as pd
import pyarrow as pa

from include.firstday.features.update_features import build_windows, distinct_events, make_measures, touch_all
from include.firstday.features.user_features import build_features
from include.firstday.lake.lake import Lake
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase


def passed_cutoffs(use_case: UseCase, upto: int, from_time: datetime, to_time: datetime) -> pd.DataFrame:
    """One row per user and cut-off that the user passed between two moments: as a training set's, without a label.

    The users are all of those, scored or not, so that the rows compare with a training set's row by row.
    """
    cutoffs = sorted(use_case.training.cutoff_minutes)
    with open_lake(use_case, read_only=True) as lake:
        lake.build(
            "features/point_in_time/passing_events",
            into="scope_events",
            upto=upto,
            from_time=from_time - timedelta(minutes=cutoffs[-1]),
            to_time=to_time,
        )
        _collect(lake, use_case, upto)
        lake.build_users("open_windows", "windows", of="windows")  # a copy, as windows_at_moment replaces the name
        parts = [_at_cutoff(lake, use_case, minutes, from_time, to_time) for minutes in cutoffs]
    rows: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return rows


def features_after(use_case: UseCase, user_ids: list[str], upto: int, as_of: datetime) -> pd.DataFrame:
    """One row per user: the features after micro-batch `upto` as of a moment, recomputed from the events."""
    with open_lake(use_case, read_only=True) as lake:
        lake.build("features/point_in_time/sampled_events", into="scope_events", user_ids=user_ids, upto=upto)
        _collect(lake, use_case, upto)
        lake.build("features/update_features/window_state", into="feature_state")
        build_features(lake, use_case, as_of, into="features_at_moment")
        rows: pd.DataFrame = lake.table_of("features_at_moment").to_pandas()
    return rows.sort_values("user_id", ignore_index=True)


def enriched_features(use_case: UseCase, user_ids: list[str], as_of: datetime) -> set[str]:
    """Features of users that are others without the rows of enrichment tables, or unknown of each of these users."""
    with open_lake(use_case, read_only=True) as lake:
        lake.build_rows("compared_users", pa.table({"user_id": user_ids}))
        for table in ("users", "feature_state"):
            lake.restrict_to(table, "compared_users")
        build_features(lake, use_case, as_of, into="features_at_moment")
        enriched = lake.table_of("features_at_moment").to_pandas().set_index("user_id").sort_index()
        for table in use_case.enrichment:
            lake.build_like(table, table)
        build_features(lake, use_case, as_of, into="features_at_moment")
        bare = lake.table_of("features_at_moment").to_pandas().set_index("user_id").sort_index()
    return {name for name in use_case.features if enriched[name].isna().all() or not enriched[name].equals(bare[name])}


def collect(lake: Lake, use_case: UseCase) -> None:
    """From `scope_events` to the users' whole windows, the events in them, each once, and the tables that serve."""
    build_users(lake, use_case)
    lake.view(distinct_events(lake, use_case), into="window_events")
    make_measures(lake, use_case, lake.build)


def build_users(lake: Lake, use_case: UseCase) -> None:
    """From `scope_events` to `users` and their whole `windows`."""
    touch_all(lake, use_case)
    build_windows(lake, use_case)
    lake.build(f"use_cases/{use_case.name}/registrations")
    lake.build("features/update_features/users_now", into="users")


def build_features_at_moments(lake: Lake, use_case: UseCase, known_until: datetime) -> None:
    """From `windows` and `measures` to `features_at_moment`: each user as of their own of `moments`.

    None of these is after `known_until`.
    """
    lake.build("features/point_in_time/users_at_moment", into="users")
    lake.build("features/update_features/window_state", into="feature_state")
    build_features(lake, use_case, known_until, into="features_at_moment")


def _collect(lake: Lake, use_case: UseCase, upto: int) -> None:
    collect(lake, use_case)
    for table in use_case.enrichment:
        lake.as_of(table, upto)


def _at_cutoff(lake: Lake, use_case: UseCase, minutes: int, from_time: datetime, to_time: datetime) -> pa.Table:
    seconds = minutes * 60
    span = {"from_time": from_time, "to_time": to_time}
    lake.build("features/point_in_time/passed_windows", into="mature_windows", cutoff_seconds=seconds, **span)
    lake.build("features/point_in_time/cutoff_moments", into="moments", cutoff_seconds=seconds)
    lake.build("features/point_in_time/windows_at_moment", into="windows")
    build_features_at_moments(lake, use_case, to_time)
    return lake.table("features/point_in_time/passing_rows", cutoff_minutes=minutes)
