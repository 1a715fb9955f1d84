"""Labels: who had the outcome, from the moment it can be known.

Of two kinds, by the use case's `training.label`. `explicit`: `users.label`, which an event brought. `derived`:
`sql/use_cases/<name>/label.sql`. A label is 1, 0, or null where it stays unknown.

Without `training.label_horizon_hours` a user has one label, which can be known `training.label_known_after_hours` after
the opening, by the events' clock. `label.sql` has one row per user with `user_id` and `label`. It reads
`mature_windows` (`user_id`, `window_start`, `window_end`, `label_known_at`) and `label_events`, the events up to that
moment.

With it a user has a label at each moment, which is about the horizon after it. `label.sql` has one row per user and
moment with `user_id`, `as_of` and `label`. It reads `label_moments` (`user_id`, `as_of`, `label_known_at`,
`window_start`, `window_end`), those whose horizon is over, and `label_events`, one row per moment and event after the
moment and up to `label_known_at`, each event once.
"""

from datetime import datetime

from include.firstday.errors import UseCaseError
from include.firstday.features.update_features import distinct_events, window_seconds
from include.firstday.lake.lake import Lake
from include.firstday.use_case.use_case import UseCase

NO_NUMBERS = ("VARCHAR", "ENUM", "DATE", "TIME", "INTERVAL", "BLOB", "UUID", "STRUCT", "MAP", "UNION")
ONE_OUTCOME = (
    "a model predicts one outcome, which a user has or has not. Of several classes make one 1, as in "
    "cast(class = 'a' as integer), and a use case for each; of a number what is above a limit, as in "
    "cast(amount > 100 as integer)"
)


def has_horizon(use_case: UseCase) -> bool:
    """Whether a label is about a time after each moment, and not about the user."""
    return use_case.training.label_horizon_hours is not None


def build_labels(lake: Lake, use_case: UseCase, watermark: datetime) -> None:
    """From `windows`, `users` and `scope_events` to `mature_windows` and `labels`, as known at the watermark.

    Of a use case without a horizon. Raises UseCaseError where a user has two labels, or one that is not 0 or 1.
    """
    _build_mature_windows(lake, use_case, watermark)
    if use_case.training.label == "derived":
        lake.build("features/labels/label_events")
        lake.build(f"use_cases/{use_case.name}/label", into="labels")
    else:
        lake.build("features/labels/explicit_labels", into="labels")
    _check(lake, use_case, "broken_labels", "user")


def build_later_events(lake: Lake, use_case: UseCase, watermark: datetime) -> None:
    """From `windows` and `scope_events` to `mature_windows` and `later_events`, from which labels of moments are made.

    Of a use case with a horizon. Replaces `windows`.
    """
    _build_mature_windows(lake, use_case, watermark)
    lake.build("features/labels/watched_windows", into="windows", watermark=watermark)
    lake.build(distinct_events(lake, use_case), into="later_events")


def build_labels_at_moments(lake: Lake, use_case: UseCase, watermark: datetime) -> None:
    """From `moments`, `mature_windows` and `later_events` to `label_moments` and `labels`, as known at the watermark.

    Raises UseCaseError where a user has two labels at a moment, or one that is not 0 or 1.
    """
    lake.build("features/labels/label_moments", watermark=watermark, horizon_seconds=known_after_seconds(use_case))
    # A view, as of many moments of each user there are many times their events.
    lake.view("features/labels/horizon_events", into="label_events")
    lake.build(f"use_cases/{use_case.name}/label", into="labels")
    _check(lake, use_case, "broken_labels_at_moments", "user and moment")


def known_after_seconds(use_case: UseCase) -> float:
    """How long after the opening of its window, or after a moment with a horizon, a label can be known, in seconds."""
    training = use_case.training
    return (training.label_horizon_hours or training.label_known_after_hours or 0) * 3600


def all_known_after_seconds(use_case: UseCase) -> float:
    """How long after the opening of its window all labels of a user can be known, in seconds."""
    return known_after_seconds(use_case) + (window_seconds(use_case) if has_horizon(use_case) else 0)


def _build_mature_windows(lake: Lake, use_case: UseCase, watermark: datetime) -> None:
    lake.build("features/labels/mature_windows", watermark=watermark, label_seconds=known_after_seconds(use_case))


def _check(lake: Lake, use_case: UseCase, statement: str, grain: str) -> None:
    columns = lake.columns("labels")
    for name in ("user_id", "label", *(["as_of"] if has_horizon(use_case) else [])):
        if name not in columns:
            why = "that of label_moments, as training.label_horizon_hours is set" if name == "as_of" else "of labels"
            raise UseCaseError(
                f"in sql/use_cases/{use_case.name}/label.sql: expected a column {name}, {why}; "
                f"found {', '.join(columns)}"
            )
    if columns["label"].startswith(NO_NUMBERS):
        raise UseCaseError(
            f"{use_case.name}: label: expected 0, 1 or null, found values of {columns['label']}; {ONE_OUTCOME}"
        )
    if broken := lake.rows(f"features/labels/{statement}"):
        users, others = {row["user_id"] for row in broken}, [row for row in broken if row["is_other"]]
        raise UseCaseError(
            f"{use_case.name}: label: expected one of 0, 1 or null per {grain}; {len(users):,} users have another, "
            f"the first is {broken[0]['user_id']} with {broken[0]['found']}" + (f"; {ONE_OUTCOME}" if others else "")
        )
