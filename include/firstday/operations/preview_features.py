"""Preview of changed statements: what they make of the features and of predictions.

All users are recomputed as `rebuild_features` does, and nothing is written. Of the users that differ, the features as
of now are compared, and what the champion predicts from them. Where `user_features.sql` is not the one in effect, or
has replaced another one that the catalog still has, all users are compared, by that and the present one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from include.firstday.errors import ModelError
from include.firstday.features import rebuild_features
from include.firstday.features.model_inputs import inputs_of
from include.firstday.features.update_features import STAGE, TABLES
from include.firstday.features.user_features import build_features
from include.firstday.lake import checkpoints, clock, connections
from include.firstday.lake.lake import PRESENT, Lake
from include.firstday.lake.run import Run
from include.firstday.lake.statements import statement
from include.firstday.models import registry
from include.firstday.schema import fingerprint
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

SQL = "operations/preview_features"
USERS_AT_ONCE = 100_000  # compared at once: bounds memory


@dataclass(frozen=True)
class Change:
    """A feature's change: of how many users, its mean before and after over these, and the largest difference.

    Means are of known numbers, None without any; users of whom it becomes known or unknown count as changed.
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
    path = f"use_cases/{use_case.name}/user_features"
    with open_lake(use_case, read_only=True):
        pass  # there is one
    # As it is: to open it for writing would put the present statements into effect.
    with connections.connect(use_case.name, run) as lake:
        upto = checkpoints.of(lake, STAGE)
        rebuild_features.recompute_all(lake, use_case, upto, progress)
        with lake.snapshot():
            earlier = _earlier_statement(lake, path)
            lake.build("features/rebuild_features/changed_users", into="differing_users")
            lake.build(
                f"{SQL}/compared_users",
                upto=upto,
                is_of_all=earlier is not None,
                users_at_once=USERS_AT_ONCE,
            )
            _collect(lake, use_case)
            users, sources = lake.count("rebuilt_users"), fingerprint.compare(lake, use_case).changed
        totals = _Totals(use_case)
        for before, after in _parts(lake, use_case, earlier, clock.now()):
            totals.add(before, after)
    changed_files = (*sources, f"sql/{path}.sql") if earlier else sources
    changes = list(totals.changes())
    return Preview(upto, users, totals.changed, changed_files, changes, totals.predicted, totals.largest_step)


def _earlier_statement(lake: Lake, path: str) -> str | None:
    """The statement of the features that was in effect before the present one; None where the catalog has no other."""
    moment = _normal(lake, f"select {PRESENT}").removeprefix("SELECT ")
    present = _normal(lake, statement(path).text.replace("$as_of", PRESENT))
    for row in lake.rows(f"{SQL}/view_texts"):
        if row["text"] != present:
            return str(row["text"]).replace(moment, "$as_of")
    return None


def _normal(lake: Lake, text: str) -> str:
    return str(lake.value(f"{SQL}/normal_text", text=text))


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


def _collect(lake: Lake, use_case: UseCase) -> None:
    """Copy all that the parts of `compared_users` read, to compare them after the snapshot.

    Until a transaction ends DuckDB keeps each table that was replaced in it, so memory would grow with the parts.
    """
    for table in TABLES:
        lake.build_users(f"stored_{table}", table, of="compared_users")
    for table in use_case.enrichment:
        lake.as_of(table, checkpoints.stored(lake).batch_id)


def _parts(
    lake: Lake, use_case: UseCase, earlier: str | None, as_of: datetime
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """The features of the compared users, as of a moment: of what is stored, and of what was recomputed."""
    for part in range(-(-lake.count("compared_users") // USERS_AT_ONCE)):
        lake.build(f"{SQL}/part_of_users", part=part)
        for table in TABLES:
            lake.build_users(table, f"stored_{table}", of="part_of_users")
        build_features(lake, use_case, as_of, into="features_before")
        if earlier is not None:
            lake.build_text("features_before", earlier, as_of=as_of)
        before = _frame(use_case, lake.table_of("features_before"))
        for table in TABLES:
            lake.build_users(table, f"rebuilt_{table}", of="part_of_users")
        build_features(lake, use_case, as_of, into="features_after")
        yield before.align(_frame(use_case, lake.table_of("features_after")), join="outer", axis=0)


def _frame(use_case: UseCase, table: pa.Table) -> pd.DataFrame:
    """One row per user: the features, all unknown where the statement had none of the name."""
    known = [name for name in use_case.features if name in table.column_names]
    frame = table.select(["user_id", *known]).to_pandas().set_index("user_id")
    return inputs_of(use_case, frame.reindex(columns=list(use_case.features)))


class _Totals:
    """What the parts add up to."""

    def __init__(self, use_case: UseCase) -> None:
        self._features = use_case.features
        self._is_number = np.array([name not in use_case.categories for name in use_case.features])
        self._champion = _champion(use_case)
        shape = len(use_case.features)
        self._users, self._known = np.zeros(shape, np.int64), np.zeros((2, shape), np.int64)
        self._sums, self._largest = np.zeros((2, shape)), np.full(shape, np.nan)
        self._predicted, self.largest_step = np.zeros(2, np.int64), None if self._champion is None else 0.0
        self.changed = 0

    def add(self, before: pd.DataFrame, after: pd.DataFrame) -> None:
        """Add the users of a part, with their features before and after."""
        differs = (~((before == after) | (before.isna() & after.isna()))).to_numpy()
        old, new = (self._numbers(frame) for frame in (before, after))
        changed = np.flatnonzero(differs.any(axis=1))
        self.changed += len(changed)
        self._users += differs.sum(axis=0)
        for side, values in enumerate((old, new)):
            self._known[side] += (differs & ~np.isnan(values)).sum(axis=0)
            self._sums[side] += np.nansum(np.where(differs, values, np.nan), axis=0)
        steps = np.where(np.isnan(new - old), -np.inf, np.abs(new - old)).max(axis=0, initial=-np.inf)
        self._largest = np.fmax(self._largest, np.where(np.isinf(steps), np.nan, steps))
        self._predict(before.iloc[changed], after.iloc[changed])

    def _numbers(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """The values of numbers, shape (users, features); those of categories are unknown."""
        numbers = np.full(frame.shape, np.nan)
        numbers[:, self._is_number] = frame.loc[:, self._is_number].to_numpy("float64")
        return numbers

    def changes(self) -> Iterator[Change]:
        """The features that change, those of most users first."""
        for at in sorted(np.flatnonzero(self._users), key=lambda at: -self._users[at]):
            before, after = (self._sums[side][at] / max(self._known[side][at], 1) for side in (0, 1))
            is_known = self._known[:, at] > 0
            yield Change(
                feature=self._features[at],
                users=int(self._users[at]),
                mean_before=float(before) if is_known[0] else None,
                mean_after=float(after) if is_known[1] else None,
                largest=None if np.isnan(self._largest[at]) else float(self._largest[at]),
            )

    @property
    def predicted(self) -> tuple[int, int] | None:
        """Changed users with the predicted outcome before and after; None without a champion of the features."""
        return None if self._champion is None else (int(self._predicted[0]), int(self._predicted[1]))

    def _predict(self, before: pd.DataFrame, after: pd.DataFrame) -> None:
        if (champion := self._champion) is None or before.empty:
            return
        old, new = (np.asarray(champion.model.predict_proba(frame)[:, 1]) for frame in (before, after))
        self._predicted += [int((side >= champion.threshold).sum()) for side in (old, new)]
        self.largest_step = max(self.largest_step or 0.0, float(np.abs(new - old).max()))


def _champion(use_case: UseCase) -> registry.Champion | None:
    try:
        return registry.champion(use_case)
    except ModelError:  # of other features
        return None
