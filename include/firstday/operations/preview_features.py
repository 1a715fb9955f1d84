"""Preview of a rebuild: what changed statements would make of the stored features and of predictions.

All users are recomputed as `rebuild_features` does, and nothing is written. Of the users that differ, the features as
of now are compared, by the present `user_features.sql`, and what the champion predicts from them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from include.firstday.errors import ModelError
from include.firstday.features import rebuild_features
from include.firstday.features.model_inputs import inputs_of
from include.firstday.features.update_features import STAGE, TABLES
from include.firstday.features.user_features import build_features
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.models import registry
from include.firstday.schema import fingerprint
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase


@dataclass(frozen=True)
class Change:
    """A feature's change: of how many users, its mean before and after over these, and the largest difference.

    Means are of known values, None without any; users of whom it becomes known or unknown count as changed.
    """

    feature: str
    users: int
    mean_before: float | None
    mean_after: float | None
    largest: float | None


@dataclass(frozen=True)
class Preview:
    """What a rebuild would do: users in all and those that would change, the statements changed, and the features.

    `predicted`: of the users that would change, those with the predicted outcome before and after; None without a
    champion of these features. `largest_step`: the largest change of a probability.
    """

    upto: int
    users: int
    changed: int
    sources: tuple[str, ...]
    features: list[Change]
    predicted: tuple[int, int] | None
    largest_step: float | None


def preview_features(use_case: UseCase, run: Run, progress: Callable[[int, int, str], None]) -> Preview:
    """Recompute every user beside the stored ones, and compare. Raises EngineError as `rebuild_features` does."""
    with open_lake(use_case, run) as lake:
        upto = checkpoints.of(lake, STAGE)
        rebuild_features.recompute_all(lake, use_case, upto, progress)
        with lake.snapshot():
            lake.build("features/rebuild_features/changed_users", into="differing_users")
            lake.build("operations/preview_features/settled_users", upto=upto)
            users, changed = lake.count("rebuilt_users"), lake.count("settled_users")
            sources = fingerprint.compare(lake, use_case).changed
            before, after = _features(lake, use_case, clock.now())
    predicted, largest = _predictions(use_case, before, after)
    return Preview(upto, users, changed, sources, list(_changes(use_case, before, after)), predicted, largest)


def describe(preview: Preview, use_case: UseCase) -> str:
    """Describe the preview in one line."""
    why = f", after a change of {', '.join(preview.sources)}" if preview.sources else ""
    line = f"{preview.changed:,} of {preview.users:,} users would change up to micro-batch {preview.upto}{why}"
    if preview.predicted is None:
        return f"{line}; no champion of these features predicts from them"
    before, after = preview.predicted
    return (
        f"{line}; {before:,} of them have predicted {use_case.outcome.name} now, {after:,} afterwards, and a "
        f"probability changes by at most {preview.largest_step or 0:.3f}"
    )


def _features(lake: Lake, use_case: UseCase, as_of: datetime) -> tuple[pa.Table, pa.Table]:
    """The features of the users that differ, as of a moment: from what is stored, and from what was recomputed."""
    for table in TABLES:
        lake.restrict_to(table, "settled_users")
    build_features(lake, use_case, as_of, into="features_before")
    for table in TABLES:
        lake.build_users(table, f"rebuilt_{table}", of="settled_users")
    build_features(lake, use_case, as_of, into="features_after")
    before, after = lake.table_of("features_before"), lake.table_of("features_after")
    return before.sort_by("user_id"), after.sort_by("user_id")


def _changes(use_case: UseCase, before: pa.Table, after: pa.Table) -> list[Change]:
    old, new = (_frame(use_case, table) for table in (before, after))
    old, new = old.align(new, join="outer", axis=0)
    changes = [_change(name, old[name], new[name]) for name in use_case.features]
    return sorted((change for change in changes if change.users), key=lambda change: -change.users)


def _change(name: str, old: "pd.Series[Any]", new: "pd.Series[Any]") -> Change:
    """A changed feature; a category has no means."""
    differs = ~((old == new) | (old.isna() & new.isna()))
    if old.dtype == object:
        return Change(name, int(differs.sum()), None, None, None)
    old, new = old[differs], new[differs]
    return Change(name, int(differs.sum()), _known(old.mean()), _known(new.mean()), _known((new - old).abs().max()))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _frame(use_case: UseCase, table: pa.Table) -> pd.DataFrame:
    return inputs_of(use_case, table.select(["user_id", *use_case.features]).to_pandas().set_index("user_id"))


def _predictions(use_case: UseCase, before: pa.Table, after: pa.Table) -> tuple[tuple[int, int] | None, float | None]:
    try:
        champion = registry.champion(use_case)
    except ModelError:  # of other features
        return None, None
    if champion is None:
        return None, None
    old, new = (
        pd.Series(champion.predict(table) if table.num_rows else [], index=table["user_id"].to_pylist(), dtype=float)
        for table in (before, after)
    )
    steps = (new - old).abs()
    counts = int((old >= champion.threshold).sum()), int((new >= champion.threshold).sum())
    return counts, _known(steps.max()) if len(steps) else None
