"""Labels: who had the outcome, from the moment it can be known.

Of two kinds, by the use case's `training.label`. `explicit`: `users.label`, which an event brought. `derived`:
`sql/use_cases/<name>/label.sql`, one row per user with `user_id` and `label`. It reads `mature_windows` (`user_id`,
`window_start`, `window_end`, `label_known_at`) and `label_events`, the events up to that moment. A label is 1, 0, or
null where it stays unknown. It can be known `training.label_known_after_hours` after the opening, by the events' clock.
"""

from datetime import datetime

from include.firstday.errors import UseCaseError
from include.firstday.lake.lake import Lake
from include.firstday.use_case.use_case import UseCase

NO_NUMBERS = ("VARCHAR", "ENUM", "DATE", "TIME", "INTERVAL", "BLOB", "UUID", "STRUCT", "MAP", "UNION")
ONE_OUTCOME = (
    "a model predicts one outcome, which a user has or has not. Of several classes make one 1, as in "
    "cast(class = 'a' as integer), and a use case for each; of a number what is above a limit, as in "
    "cast(amount > 100 as integer)"
)


def build_labels(lake: Lake, use_case: UseCase, watermark: datetime) -> None:
    """From `windows`, `users` and `scope_events` to `mature_windows` and `labels`, as known at the watermark.

    Raises UseCaseError where a user has two labels, or one that is not 0 or 1.
    """
    lake.build("features/labels/mature_windows", watermark=watermark, label_seconds=known_after_seconds(use_case))
    if use_case.training.label == "derived":
        lake.build("features/labels/label_events")
        lake.build(f"use_cases/{use_case.name}/label", into="labels")
    else:
        lake.build("features/labels/explicit_labels", into="labels")
    if (kind := lake.columns("labels")["label"]).startswith(NO_NUMBERS):
        raise UseCaseError(f"{use_case.name}: label: expected 0, 1 or null, found values of {kind}; {ONE_OUTCOME}")
    broken = lake.rows("features/labels/broken_labels")
    if broken:
        others = [row for row in broken if row["is_other"]]
        raise UseCaseError(
            f"{use_case.name}: label: expected one of 0, 1 or null per user; {len(broken):,} users have another, "
            f"the first is {broken[0]['user_id']} with {broken[0]['found']}" + (f"; {ONE_OUTCOME}" if others else "")
        )


def known_after_seconds(use_case: UseCase) -> float:
    """How long after the opening of its window a label can be known, in seconds."""
    return use_case.training.label_known_after_hours * 3600
