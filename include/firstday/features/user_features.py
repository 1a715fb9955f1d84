"""Features as a model sees them, as of a moment: `user_features.sql` over the current users and feature state."""

from datetime import datetime

from include.firstday.lake.lake import Lake
from include.firstday.use_case.recent import as_json
from include.firstday.use_case.use_case import UseCase


def build_features(lake: Lake, use_case: UseCase, as_of: datetime, into: str = "user_features") -> None:
    """From `users`, `feature_state` and the enrichment tables to one row per registered user, as of a moment.

    `as_of` is naive UTC. Temporary tables of these names come before the lake's.
    """
    if use_case.recent:
        lake.build("lake/recent_state", as_of=as_of, recent=as_json(use_case.recent))
    else:
        lake.view("lake/no_recent_state", into="recent_state")
    lake.view("lake/feature_values")
    lake.build(f"use_cases/{use_case.name}/user_features", into=into, as_of=as_of)
