"""A full recompute of the features from `events`, beside the running micro-batches, and the swap to its result.

It verifies the incremental features, as it reports the users that differ, and it applies changed statements
(`measures.sql`, `registrations.sql`, the window) to stored features. Users with new events meanwhile are recomputed
inside the transaction that swaps, so features are the previous or the new ones, never a mixture.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from include.firstday.features import update_features
from include.firstday.features.over_users import over_users
from include.firstday.features.partitions import load
from include.firstday.features.update_features import TABLES
from include.firstday.lake import checkpoints
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.privacy import tombstones
from include.firstday.schema import fingerprint
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "rebuild_features"


@dataclass(frozen=True)
class Rebuilt:
    """The result of a rebuild: users recomputed up to a micro-batch, the number that differed, and changed sources."""

    upto: int
    users: int
    changed: int
    sources: tuple[str, ...]


@retrying
def rebuild_features(
    use_case: UseCase,
    run: Run | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, text: log.info("%s", text),
) -> Rebuilt:
    """Recompute every user and write those that differ, in one transaction. `progress` is called at each step."""
    with open_lake(use_case, run or Run(task=STAGE)) as lake:
        after = checkpoints.of(lake, update_features.STAGE)
        recompute_all(lake, use_case, after, progress)
        with lake.transaction() as commit:
            rebuilt = _swap(lake, use_case, after)
            commit.message = describe(rebuilt)
    log.log(logging.WARNING if rebuilt.changed else logging.INFO, "%s", commit.message)
    return rebuilt


def recompute_all(lake: Lake, use_case: UseCase, upto: int, progress: Callable[[int, int, str], None]) -> None:
    """Compute all users from their events up to a micro-batch, into `rebuilt_users` and `rebuilt_feature_state`."""
    with over_users(lake, use_case, upto, progress) as partitions:
        parts = partitions.compute(update_features.recompute_partition)
        for table in TABLES:
            load(lake, f"rebuilt_{table}", f"{table}_now", parts, like=table)


def describe(rebuilt: Rebuilt) -> str:
    """Describe the result in one line."""
    done = f"{rebuilt.users:,} users recomputed up to micro-batch {rebuilt.upto}: {rebuilt.changed:,} differed"
    if rebuilt.sources:
        return f"{done}, after a change of {', '.join(rebuilt.sources)}"
    return f"{done}, although nothing had changed: please report this" if rebuilt.changed else done


def _swap(lake: Lake, use_case: UseCase, after: int) -> Rebuilt:
    upto = checkpoints.of(lake, update_features.STAGE)
    if upto > after:
        for table, newer in zip(TABLES, update_features.recompute(lake, use_case, after, upto), strict=True):
            lake.delete_users(f"rebuilt_{table}", of="touched_users")
            lake.insert_from(f"rebuilt_{table}", newer)
    for table in TABLES:
        tombstones.drop(lake, f"rebuilt_{table}")
    lake.build("features/rebuild_features/changed_users", into="touched_users")
    for table in TABLES:
        lake.build_users(f"{table}_now", f"rebuilt_{table}", of="touched_users")
    users, changed = lake.count("rebuilt_users"), lake.count("touched_users")
    rebuilt = Rebuilt(upto, users, changed, sources=fingerprint.compare(lake, use_case).changed)
    update_features.replace(lake)
    fingerprint.note(lake, use_case)
    return rebuilt
