"""Outcomes: what became of the users of an experiment, from the moment it can be known; more is better.

Of two kinds, by the use case's `effect.outcome`. `label`: 1 for who has the predicted outcome where it is positive,
and for who has it not where it is negative; else 0. With `training.label_horizon_hours` the label is about the time
after the user entered the experiment. `statement`: `sql/use_cases/<name>/outcome.sql`, one row per user
with `user_id` and `outcome`, a number. It reads `outcome_users` (`user_id`, `assigned_at`, `outcome_known_at`), who do
not show their arm, and `outcome_events`, the events between these times.
"""

from datetime import datetime

from include.firstday.errors import UseCaseError
from include.firstday.features import labels
from include.firstday.features.update_features import window_seconds
from include.firstday.lake.lake import Lake
from include.firstday.use_case.use_case import UseCase


def build_outcomes(lake: Lake, use_case: UseCase, watermark: datetime) -> None:
    """From `assigned_users` to `outcomes`: those that are known at the watermark; no row where it stays unknown.

    Raises UseCaseError where a user has several.
    """
    if use_case.effect.outcome == "label":
        seconds = labels.known_after_seconds(use_case)
        spans = {"window_seconds": window_seconds(use_case), "label_seconds": seconds}
        lake.build("features/outcomes/label_windows", into="windows", watermark=watermark, **spans)
        if labels.has_horizon(use_case):
            _build_labels_since_entry(lake, use_case, watermark)
        else:
            lake.build("features/outcomes/label_events", into="scope_events", label_seconds=seconds)
            labels.build_labels(lake, use_case, watermark)
        lake.build("features/outcomes/label_outcomes", into="outcomes", is_positive=use_case.outcome.positive)
    else:
        seconds = known_after_seconds(use_case)
        lake.build("features/outcomes/outcome_users", watermark=watermark, outcome_seconds=seconds)
        lake.build("features/outcomes/outcome_events")
        lake.build(f"use_cases/{use_case.name}/outcome", into="outcomes")
    if broken := lake.rows("features/outcomes/broken_outcomes"):
        raise UseCaseError(
            f"sql/use_cases/{use_case.name}/outcome.sql: expected one row per user; {len(broken):,} users have "
            f"several, the first is {broken[0]['user_id']} with {broken[0]['found']}"
        )


def known_after_seconds(use_case: UseCase) -> float:
    """How long after a user entered an experiment, or after their window opened, the outcome is known, in seconds."""
    if use_case.effect.outcome == "label":
        return labels.known_after_seconds(use_case)
    return use_case.effect.known_after_hours * 3600


def _build_labels_since_entry(lake: Lake, use_case: UseCase, watermark: datetime) -> None:
    """From `assigned_users` and `windows` to `labels`, of the horizon after each user entered the experiment."""
    lake.build("features/outcomes/events_since_opening", into="scope_events", watermark=watermark)
    labels.build_later_events(lake, use_case, watermark)
    lake.build("features/outcomes/entry_moments", into="moments")
    labels.build_labels_at_moments(lake, use_case, watermark)
