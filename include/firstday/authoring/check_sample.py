"""Check a use case on the events of a sample: what the empty tables of `check_use_case` cannot show.

Each check yields findings that name the file, the key and a remedy. A finding that is an error stops a training, or
makes features wrong without one; the others are doubts.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from include.firstday.errors import FirstdayError, UseCaseError
from include.firstday.features import labels, update_features
from include.firstday.features.model_inputs import frequent_values, inputs_of
from include.firstday.features.user_features import build_features
from include.firstday.lake import connections
from include.firstday.lake.lake import Lake
from include.firstday.models import drift, registry
from include.firstday.models.encoders import encoding_of
from include.firstday.models.training import candidates, training_set
from include.firstday.schema import create_tables
from include.firstday.use_case.recent import rules
from include.firstday.use_case.use_case import Candidate, UseCase

SQL = "authoring/check_sample"
MANY = 20  # users with a known value, of fewer a category shows nothing
OWN = 0.5  # different values by users, from which on they are ids
COMMON = 0.5  # share of users that are to have a frequent value
CHANCE = 0.001  # less probable than this, an event decides the label


@dataclass(frozen=True)
class Finding:
    """What is wrong or, where it is no error, doubtful: file, key, what was found, and a remedy."""

    text: str
    is_error: bool = True


def findings(lake: Lake, case: UseCase, with_training: bool) -> Iterator[Finding]:
    """Check a use case on the events of a lake in memory, of which the features are computed as micro-batch 1.

    `with_training`: also its labels, and whether a model can be trained.
    """
    events, state = lake.table_of("events"), lake.table_of("feature_state")
    if not events.num_rows:
        return
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: _identical_events(lake, case),
        lambda: _measures_of_ids(lake, case),
        lambda: _categories(lake, case),
        lambda: _other_rows(case, events, state),
        lambda: _training(case, events),
    )
    for check in checks if with_training else checks[:-1]:
        try:
            yield from check()
        except FirstdayError as error:
            where = "".join(f"{note}: " for note in getattr(error, "__notes__", []))
            yield Finding(f"{where}{error}")


def times(case: UseCase, rejected: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Rejected times beyond the limits, as a whole file's are where a limit or a format is wrong."""
    remedies = {
        "at least": f"{_yaml(case)}: earliest: {case.earliest}: {{rows:,}} rows are before it, the first is row "
        "{first_row:,}: {reason}; set `earliest` to a date before the first event",
        "at most": f"{_yaml(case)}: mapping.time_zone: {{rows:,}} rows are in the future, the first is row "
        "{first_row:,}: {reason}; set the `time_zone` and `time_format` of the source",
    }
    for row in rejected:
        for limit, text in remedies.items():
            if str(row["reason"]).startswith(f"event_time: expected {limit} "):
                yield Finding(text.format(**row), is_error=False)


def estimators(case: UseCase) -> Iterator[Finding]:
    """Candidates whose class does not exist, is no classifier, or takes other parameters."""
    for name, candidate in case.training.candidates.items():
        try:
            candidates.pipeline(candidate, **_first(candidate))
        except (UseCaseError, ValueError) as error:
            reason = str(error).removeprefix("training.candidates: ")
            yield Finding(f"{_yaml(case)}: training.candidates.{name}: {reason}")


def _identical_events(lake: Lake, case: UseCase) -> Iterator[Finding]:
    for row in lake.rows(f"{SQL}/identical_events"):
        if row["event_type"] not in case.repeating:
            yield Finding(
                f"{_yaml(case)}: events.{row['event_type']}: {row['uncounted']:,} of {row['event_count']:,} events "
                "equal another one in every column and are counted once; map a column to event_id if the source has "
                "one, or add `repeats: count` where each of them counts",
                is_error=False,
            )


def _measures_of_ids(lake: Lake, case: UseCase) -> Iterator[Finding]:
    made = {f"{name}_gap" for name in case.gaps} | {rule.state for rule in rules(case.recent)}
    for row in lake.rows(f"{SQL}/id_measures"):
        if row["measure"] in made:
            continue
        yield Finding(
            f"{_sql(case, 'measures')}: measure {row['measure']}: {row['different']:,} different whole numbers in "
            f"{row['value_count']:,} values look like ids, of which sums and means say nothing; remove the measure, or "
            "count different ones with the column as `item`",
            is_error=False,
        )


def _categories(lake: Lake, case: UseCase) -> Iterator[Finding]:
    """Categories whose values say nothing about other users: nearly each user has one, or most are rare."""
    users = lake.query("from user_features").to_pandas() if case.categories else pd.DataFrame()
    for name, category in case.categories.items():
        known = users[name].dropna()
        different, frequent = known.nunique(), frequent_values(users[name], category)
        if len(known) < MANY or (known.isin(frequent).mean() >= COMMON and different < len(known) * OWN):
            continue
        looks = "looks like an id" if different >= len(known) * OWN else "has too many values for the model to learn"
        yield Finding(
            f"{_yaml(case)}: categories.{name}: {different:,} different values of {len(known):,} users, "
            f"{len(frequent):,} of them frequent: the column {looks}; group values in user_features.sql, lower "
            "least_share, or remove it from `features` and `categories`",
            is_error=False,
        )


def _other_rows(case: UseCase, events: pa.Table, state: pa.Table) -> Iterator[Finding]:
    """Whether a statement depends on which other rows it is computed with, as those differ by micro-batch."""
    with _filled(case) as lake:
        lake.build_rows("sample_events", events)
        lake.build(f"{SQL}/halved_events")
        lake.insert_from("events", "halved_events")
        for batch_id in (1, 2):
            update_features.fold(lake, case, after=batch_id - 1, upto=batch_id)
            update_features.write(lake)
        lake.build_rows("whole_state", state)
        for row in lake.rows(f"{SQL}/split_measures"):
            yield Finding(
                f"{_sql(case, 'measures')}: measure {row['measure']}: {row['users']:,} users, the first is "
                f"{row['first_user']}, have other values if the sample is stored in two micro-batches; a value must "
                "follow from its own event alone, without lag(), row_number() or another window over other rows"
            )
        yield from _other_users(lake, case, _last(events))


def _other_users(lake: Lake, case: UseCase, as_of: datetime) -> Iterator[Finding]:
    build_features(lake, case, as_of, into="features_of_all")
    lake.build(f"{SQL}/half_of_users")
    for table in update_features.TABLES:
        lake.restrict_to(table, "half_of_users")
    build_features(lake, case, as_of, into="features_of_half")
    found = lake.row(f"{SQL}/dependent_features")
    if found["users"]:
        yield Finding(
            f"{_sql(case, 'user_features')}: {found['users']:,} users, the first is {found['first_user']}, have other "
            "features if other users are not there; a feature must follow from one user's rows alone, without a rank "
            "or mean over all users"
        )


def _training(case: UseCase, events: pa.Table) -> Iterator[Finding]:
    """The labels of the sample, and a fit of each candidate on its training set."""
    with tempfile.TemporaryDirectory() as folder:
        chosen, labelled = _chosen_users(case, events, Path(folder) / "chosen.parquet")
        if not labelled:
            yield _unknown_labels(case, events)
            return
        with _filled(case, events) as lake:
            training_set.build_users_rows(lake, case, 1, _last(events), False, [chosen])
            rows = lake.table_of("training_rows").to_pandas()
            if rows.empty and labels.has_horizon(case):
                yield _unknown_labels(case, events)
                return
            yield from _decided_labels(lake, case)
            if labels.has_horizon(case):
                yield from _labels_of_the_past(lake, case, _last(events))
    yield from _foreign_features(case, rows)
    yield from _fits(case, rows)


def _unknown_labels(case: UseCase, events: pa.Table) -> Finding:
    key = "label_horizon_hours" if labels.has_horizon(case) else "label_known_after_hours"
    return Finding(
        f"{_yaml(case)}: training.{key}: {getattr(case.training, key):g}: no user of the sample has a known label, "
        f"as its events cover {_span(events)}; check again with a longer sample, or lower it",
        is_error=False,
    )


def _labels_of_the_past(lake: Lake, case: UseCase, watermark: datetime) -> Iterator[Finding]:
    """Whether labels differ, and are the same without any event of the horizon."""
    seconds = min(case.training.cutoff_minutes) * 60
    lake.build("features/point_in_time/cutoff_moments", into="moments", cutoff_seconds=seconds)
    found = []
    for _ in range(2):
        labels.build_labels_at_moments(lake, case, watermark)
        found.append(lake.table_of("labels").to_pandas().sort_values("user_id", ignore_index=True))
        lake.build_like("later_events", "later_events")
    if found[0]["label"].nunique() > 1 and found[0].equals(found[1]):
        yield Finding(
            f"{_label_file(case)}: the labels of all {len(found[0]):,} users of the sample, {seconds // 60} minutes "
            "after the opening, are the same without any event after that moment; a label must follow from "
            "label_events, which are those of the horizon"
        )


def _chosen_users(case: UseCase, events: pa.Table, path: Path) -> tuple[str, int]:
    with _filled(case, events) as lake:
        training_set.label_users(lake, case, _last(events))
        lake.build("models/training_set/chosen_users", maximum_users=case.training.maximum_users)
        return str(path), lake.write_file("chosen_users", str(path))


def _decided_labels(lake: Lake, case: UseCase) -> Iterator[Finding]:
    for row in lake.rows(f"{SQL}/decided_labels"):
        if (row["users_with_label"] / row["all_users"]) ** row["users"] < CHANCE:
            yield Finding(
                f"{_yaml(case)}: window.closed_by: all {row['users']:,} users with {row['event_type']} before a moment "
                f"of training have label {row['label']}: their label is known by then, and tests are too good; "
                f"add {row['event_type']} to window.closed_by, so that they are at risk no longer",
                is_error=False,
            )


def _foreign_features(case: UseCase, rows: pd.DataFrame) -> Iterator[Finding]:
    """Features whose values at the cut-offs are not those that the bundled model was trained on."""
    path = case.folder / registry.REFERENCE_FILE
    if case.scoring.bundled_model is None or not path.exists():
        return
    references, limits = drift.read(json.loads(path.read_text(encoding="utf-8"))), case.monitoring
    rows = drift.comparable(references, rows[rows["scored_because"] == "cutoff"])
    if len(rows) < limits.minimum_rows:
        return
    for name, index in drift.beyond(references, rows, case):
        yield Finding(
            f"{_yaml(case)}: scoring.bundled_model: {case.scoring.bundled_model}: {name} of the sample differs "
            f"from what the model was trained on (population stability index {index:.2g}, limit {limits.psi:g}): "
            "its predictions are not valid; remove bundled_model and train on your own events and enrichment",
            is_error=False,
        )


def _fits(case: UseCase, rows: pd.DataFrame) -> Iterator[Finding]:
    users = rows["user_id"].nunique()
    if rows["label"].nunique() < 2:
        yield Finding(
            f"{_label_file(case)}: every user of the sample with a known label, {users:,} in all, has label "
            f"{', '.join(map(str, rows['label'].unique())) or 'null'}; a model needs some of each",
            is_error=False,
        )
        return
    if users < case.training.minimum_users:
        yield Finding(
            f"{_yaml(case)}: training.minimum_users: {case.training.minimum_users:,}: {users:,} users of the sample "
            "have a known label; train with more events, or lower it",
            is_error=False,
        )
    features, labels = inputs_of(case, rows), rows["label"]
    monotonic, encoding = candidates.monotonic_features(case), encoding_of(case, features)
    for name, candidate in case.training.candidates.items():
        try:
            candidates.pipeline(candidate, monotonic, encoding, **_first(candidate)).fit(features, labels)
        except Exception as error:  # of whatever class the YAML names
            yield Finding(f"{_yaml(case)}: training.candidates.{name}: cannot be fitted on the sample: {error}")


def _first(candidate: Candidate) -> dict[str, Any]:
    return {name: values[0] for name, values in candidate.search.items()}


@contextmanager
def _filled(case: UseCase, events: pa.Table | None = None) -> Iterator[Lake]:
    """A lake in memory with the use case's tables, and some events."""
    with connections.scratch(case.name) as lake:
        create_tables.create(lake, case)
        if events is not None:
            lake.append("events", events)
        yield lake


def _last(events: pa.Table) -> datetime:
    last: datetime = pc.max(events["event_time"]).as_py()
    return last


def _span(events: pa.Table) -> str:
    span: timedelta = _last(events) - pc.min(events["event_time"]).as_py()
    return f"{span / timedelta(hours=1):,.0f} hours"


def _yaml(case: UseCase) -> str:
    return f"include/use_cases/{case.name}/use_case.yaml"


def _sql(case: UseCase, statement: str) -> str:
    return f"sql/use_cases/{case.name}/{statement}.sql"


def _label_file(case: UseCase) -> str:
    return _sql(case, "label" if case.training.label == "derived" else "registrations")
