"""Features: folds new events into `users` and `feature_state`, exactly.

A user whose new events are all newer than those stored is updated from the new events alone; a user
with a late, repeated or pre-registration event is recomputed from `events`, within the span their window can touch.
Both go through the same statements, so any split of the same events into micro-batches gives the same features.
An event after the window of its user changes nothing. So only those users are read and written whose window had not
ended before the earliest new event: their files are few, however many users there have been.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa

from include.firstday.errors import CheckpointConflictError
from include.firstday.features.over_users import over_users
from include.firstday.features.partitions import load
from include.firstday.lake import checkpoints
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.lake.words import batch_range, counted
from include.firstday.privacy import tombstones
from include.firstday.schema import fingerprint
from include.firstday.schema.open_lake import open_lake
from include.firstday.schema.value_type import build_value_type
from include.firstday.settings import settings
from include.firstday.use_case.recent import rules
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "update_features"
TABLES = ("users", "feature_state")
ROW_LIMIT = 500_000  # events of the micro-batches of a step: bounds memory, and a backlog has few steps


@dataclass(frozen=True)
class Updated:
    """The result of one step: micro-batches `after < batch_id <= upto`. `is_last`: none is pending."""

    after: int
    upto: int
    users: int
    recomputed: int
    is_last: bool


def update_features(use_case: UseCase, run: Run | None = None) -> list[Updated]:
    """Update the features up to the last stored micro-batch; return the result of each step."""
    steps = []
    while (step := update_step(use_case, run or Run(task=STAGE))) is not None:
        log.info("%s", describe(step))
        steps.append(step)
        if step.is_last:
            break
    return steps


def describe(step: Updated) -> str:
    """Describe the result in one line."""
    return (
        f"{batch_range(step.after + 1, step.upto)}: {counted(step.users, 'user')} updated, "
        f"{step.recomputed:,} of them recomputed from their events"
    )


@retrying
def update_step(use_case: UseCase, run: Run) -> Updated | None:
    """Process the next micro-batches, as many as fit in memory, in one transaction; None if none is pending.

    The computation reads a snapshot, while others may write; the transaction only replaces the rows. A backlog above
    the setting `engine_events` is processed in one step, over all users.
    """
    with open_lake(use_case, run) as lake:
        with lake.snapshot():
            after = checkpoints.of(lake, STAGE)
            pending = lake.row("lake/checkpoints/next_micro_batches", after=after, row_limit=ROW_LIMIT)
            if (upto := pending["upto"]) is None:
                return None
            found = _warn_of_change(lake, use_case)
            is_large = pending["rows_pending"] > settings().engine_events
            if not is_large:
                fold(lake, use_case, after, upto)
        if is_large:  # outside the snapshot, which may be expired before the last partition is computed
            upto = pending["last_pending"]
            _fold_over_users(lake, use_case, after, upto)
        users = lake.count("touched_users")
        recomputed = users if is_large else lake.count("touched_users", is_recomputed=True)
        with lake.transaction() as commit:
            if fingerprint.noted_at(lake) != found.noted_at:
                raise CheckpointConflictError(f"{STAGE}: the features have been recomputed meanwhile")
            checkpoints.advance(lake, STAGE, after, upto)
            for table in TABLES:
                tombstones.drop(lake, f"{table}_now")
            replace(lake) if is_large else write(lake)
            step = Updated(after, upto, users, recomputed, is_last=upto == pending["last_pending"])
            commit.message = describe(step)
        return step


def update_within(lake: Lake, use_case: UseCase, batch_id: int, ingested_at: datetime) -> Updated | None:
    """Fold a micro-batch inside the transaction that stores it, from the rows as staged, which are not read again.

    None where the features are of another micro-batch than the one before, or the rows are too many.
    """
    after, rows = batch_id - 1, lake.count("staged_events")
    if checkpoints.of(lake, STAGE) != after or rows > settings().engine_events:
        return None
    _warn_of_change(lake, use_case)
    own: dict[str, Any] = {"batch_id": batch_id, "ingested_at": ingested_at}
    lake.view_like("scope_events", "events", "staged_events", **own)
    _touch(lake, use_case, after)
    if lake.count("touched_users", is_recomputed=True):
        if rows > ROW_LIMIT:
            return None
        lake.drop_view("scope_events")
        lake.build_like("scope_events", "events")
        lake.insert_from("scope_events", "staged_events", **own)
        _scope(lake, use_case, batch_id)
    compute(lake, use_case)
    checkpoints.advance(lake, STAGE, after, batch_id)
    write(lake)
    recomputed = lake.count("touched_users", is_recomputed=True)
    return Updated(after, batch_id, lake.count("touched_users"), recomputed, is_last=True)


def recompute(lake: Lake, use_case: UseCase, after: int, upto: int) -> tuple[str, ...]:
    """Compute users with an event after micro-batch `after` from all of their events, into the tables returned."""
    lake.build("features/rebuild_features/scope_events", after=after, upto=upto)
    return _recompute_scope(lake, use_case)


def recompute_partition(lake: Lake, use_case: UseCase) -> tuple[str, ...]:
    """Compute every user of a partition (`over_users`) from their events, into the tables returned."""
    lake.view("features/over_users/scope_events")
    return _recompute_scope(lake, use_case)


def touch_all(lake: Lake, use_case: UseCase) -> None:
    """From `scope_events` to `touched_users`, each of whom is computed from these events alone."""
    lake.build("features/point_in_time/touched_users", registered_by=use_case.registering)
    lake.build_like("known_users", "users")
    lake.build_like("known_state", "feature_state")


def compute(lake: Lake, use_case: UseCase) -> None:
    """From `touched_users` and `scope_events` to `users_now` and `feature_state_now`, one row per key."""
    build_windows(lake, use_case)
    aggregate(lake, use_case)
    lake.build(f"use_cases/{use_case.name}/registrations")
    lake.build("features/update_features/users_now")
    lake.build("features/update_features/feature_state_now")
    if use_case.recent:
        lake.execute("features/update_features/delete_unused_items")


def build_windows(lake: Lake, use_case: UseCase) -> None:
    """From `touched_users` and `scope_events` to `windows`, one row per user whose window is open."""
    lake.build(
        "features/update_features/windows",
        registered_by=use_case.registering,
        opened_by=use_case.opening,
        closed_by=use_case.closing,
        window_seconds=window_seconds(use_case),
    )


def aggregate(lake: Lake, use_case: UseCase) -> None:
    """From `scope_events` and `windows` to `window_state`, the exact aggregates of each window."""
    # Each is read once, by the last, so that columns no measure uses are never copied.
    lake.view(distinct_events(lake, use_case), into="window_events")
    make_measures(lake, use_case, lake.view)
    lake.build("features/update_features/window_state")


def make_measures(lake: Lake, use_case: UseCase, make: Callable[..., None]) -> None:
    """From `window_events` to `measures`, as a view or a table: of the use case, of gaps, and of recent values.

    And to `value_type`, of their values.
    """
    whole = "window_measures" if use_case.recent else "measures"
    own = "own_measures" if use_case.gaps else whole
    if use_case.recent:
        lake.build_rows("recent_rules", pa.Table.from_pylist([asdict(rule) for rule in rules(use_case.recent)]))
    make(f"use_cases/{use_case.name}/measures", into=own)
    build_value_type(lake, use_case, own)
    if use_case.gaps:
        _build_earlier_gaps(lake, use_case)
        make("features/update_features/measures_with_gaps", into=whole)
    if use_case.recent:
        make("features/update_features/measures_with_recent", into="measures")


def _build_earlier_gaps(lake: Lake, use_case: UseCase) -> None:
    """The first new event of a user follows the last one that is stored, whose time is in `feature_state`."""
    found = [
        {"gap": name, "event_type": event, "session_microseconds": round(gap.session_minutes * 60_000_000)}
        for name, gap in use_case.gaps.items()
        for event in gap.of
    ]
    lake.build_rows("gap_rules", pa.Table.from_pylist(found))
    lake.build("features/update_features/earlier_gaps")


def distinct_events(lake: Lake, use_case: UseCase) -> str:
    """The statement of `window_events` for `scope_events`: the shorter one where no event can be there twice."""
    lake.build("features/update_features/crowded_moments", repeating=use_case.repeating)
    is_distinct = not lake.has_rows("crowded_moments") and not lake.has_values("scope_events", "event_id")
    return f"features/update_features/{'unrepeated_events' if is_distinct else 'window_events'}"


def write(lake: Lake) -> None:
    """Replace the touched users' rows by `users_now` and `feature_state_now` as `fold` made them, in a transaction."""
    bounds = lake.row("features/update_features/earliest_bounds")
    lake.execute("features/update_features/delete_users", ended_from=bounds["ended_from"])
    if bounds["unopened_from"] is not None:
        lake.execute("features/update_features/delete_unopened_users", unopened_from=bounds["unopened_from"])
    lake.execute("features/update_features/delete_feature_state", opened_from=bounds["opened_from"])
    for table in TABLES:
        lake.insert_from(table, f"{table}_now")


def replace(lake: Lake) -> None:
    """Replace the rows of any users in `touched_users` by `users_now` and `feature_state_now`, in a transaction."""
    for table in TABLES:
        lake.delete_users(table, of="touched_users")
        lake.insert_from(table, f"{table}_now")


def fold(lake: Lake, use_case: UseCase, after: int, upto: int) -> None:
    """Fold the events of micro-batches `after < batch_id <= upto` into `users_now` and `feature_state_now`."""
    lake.build("features/update_features/scope_events", after=after, upto=upto)
    _touch(lake, use_case, after)
    _scope(lake, use_case, upto)
    compute(lake, use_case)


def _warn_of_change(lake: Lake, use_case: UseCase) -> fingerprint.Comparison:
    """Log where the stored features were computed from other statements than the present ones."""
    found = fingerprint.compare(lake, use_case)
    if found.changed:
        log.warning("%s", fingerprint.notice(use_case, found.changed))
    return found


def _recompute_scope(lake: Lake, use_case: UseCase) -> tuple[str, ...]:
    touch_all(lake, use_case)
    compute(lake, use_case)
    return tuple(f"{table}_now" for table in TABLES)


def _fold_over_users(lake: Lake, use_case: UseCase, after: int, upto: int) -> None:
    """As `fold`, for more events than are read at once: each touched user is computed from all of their events."""
    work = partial(recompute, after=after, upto=upto) if after else recompute_partition
    with over_users(lake, use_case, upto) as partitions:
        parts = partitions.compute(work)
        for table in TABLES:
            load(lake, f"{table}_now", f"{table}_now", parts)
    lake.build_distinct("touched_users", "users_now", "user_id")


def window_seconds(use_case: UseCase) -> float:
    """Length of the window in seconds."""
    return use_case.window.hours * 3600


def _touch(lake: Lake, use_case: UseCase, after: int) -> None:
    seconds = window_seconds(use_case)
    _find_stored(lake)
    lake.build("features/update_features/arriving_ids", window_seconds=seconds)
    lake.build(
        "features/update_features/repeated_users",
        after=after,
        **lake.row("features/update_features/arriving_ids_span"),
    )
    lake.build(
        "features/update_features/touched_users",
        registered_by=use_case.registering,
        opened_by=use_case.opening,
        window_seconds=seconds,
    )
    opened_from = lake.row("features/update_features/earliest_bounds")["opened_from"]
    lake.build("features/update_features/known_state", opened_from=opened_from)


def _find_stored(lake: Lake) -> None:
    """From `scope_events` to `known_users` and `past_users`, their users as stored."""
    lake.build_distinct("arriving_users", "scope_events", "user_id")
    from_time = lake.value("features/update_features/arrivals")
    lake.build("features/update_features/open_users", from_time=from_time)
    lake.build("features/update_features/remaining_users")
    if lake.has_rows("remaining_users"):
        lake.build("features/update_features/other_users")
    else:  # and the files of ended windows are not opened
        lake.build_like("other_users", "users")
    lake.build("features/update_features/known_users")
    lake.build("features/update_features/past_users")


def _scope(lake: Lake, use_case: UseCase, upto: int) -> None:
    lake.execute("features/update_features/delete_recomputed_events")
    for span in lake.rows("features/update_features/recomputed_spans", window_seconds=window_seconds(use_case)):
        lake.execute("features/update_features/recomputed_events", upto=upto, **span)
