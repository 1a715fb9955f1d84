"""The training set: for each user whose label is known, the features as they stood at several cut-offs.

Built by the statements that also serve (`update_features`, `user_features.sql`), so training and scoring cannot differ.
A function of the use case and a `batch_id`: the same `batch_id` gives the same bytes, whatever was compacted since.

By default the features are those of all events that had happened by the cut-off. `as_known` leaves out those that had
not been stored by then: what the model would really have seen, late arrivals and all.

With `training.label_horizon_hours` a row has the label of its own moment, and is there once its own horizon is over.
"""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.firstday.errors import TooLittleDataError
from include.firstday.features import labels, point_in_time
from include.firstday.features.over_users import over_users
from include.firstday.features.partitions import PARTITION_USERS, Progress, load, nothing
from include.firstday.lake import checkpoints
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.lake.written_files import file_sha256
from include.firstday.models import registry
from include.firstday.privacy import tombstones
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

TEST_SHARE = 0.25
ROW_GROUP_PIECES = 10  # of 100,000 rows: the rows of the file that are in memory at a time
SORTED_AT_ONCE = 500_000  # rows
SORTED_ROWS = "models/training_set/sorted_rows"
KNOWN_AT = "label_known_at"  # the column of training sets with a horizon: when it is over
FOLDER, FILE = "training_set", "training_set.parquet"  # of the run's artifacts


@dataclass(frozen=True)
class Moments:
    """A statement that has at most one moment of each user, and its parameters."""

    statement: str
    parameters: dict[str, object]


@dataclass(frozen=True)
class TrainingSet:
    """Where a training set is, what it was made from, and the MLflow run it belongs to."""

    path: str
    batch_id: int
    rows: int
    users: int
    as_known: bool
    sha256: str
    run_id: str


def build_training_set(
    use_case: UseCase,
    batch_id: int | None = None,
    as_known: bool | None = None,
    run: Run | None = None,
    progress: Progress = nothing,
) -> dict[str, object]:
    """Build the training set up to a micro-batch (default: the last) and open the MLflow run that it is logged to.

    `as_known` defaults to the use case's. `progress` is called at each step. Raises TooLittleDataError.
    """
    as_known = use_case.training.as_known if as_known is None else as_known
    with open_lake(use_case, run) as lake:
        upto = batch_id or checkpoints.stored(lake).batch_id
        with computed_rows(lake, use_case, upto, as_known, progress):
            extent = lake.row("models/training_set/extent")
            users = extent["user_count"]
            if users < use_case.training.minimum_users:
                raise TooLittleDataError(
                    f"{use_case.name}: {users:,} users have a known label up to micro-batch {upto}, at least "
                    f"{use_case.training.minimum_users:,} are needed; a label is known "
                    f"{labels.known_after_seconds(use_case) / 3600:g} hours after "
                    + ("its moment" if labels.has_horizon(use_case) else "the window opened")
                    + ("; as known at the cut-off, events that were stored later do not count" if as_known else "")
                )
            folder = f"batch-{upto:09}" + ("-as-known" if as_known else "")
            path = settings().training / use_case.name / folder / FILE
            path.parent.mkdir(parents=True, exist_ok=True)
            write(lake, path)
    _check_split(use_case, path)
    sha256 = file_sha256(path)
    run_id = _log(use_case, path, upto, sha256, extent)
    sha256 = _without_erased(use_case, path, run_id) or sha256
    return asdict(TrainingSet(str(path), upto, extent["row_count"], users, as_known, sha256, run_id))


def rows(lake: Lake, use_case: UseCase, upto: int, as_known: bool = False) -> pa.Table:
    """Up to micro-batch `upto`, one row per user and moment: its features and label."""
    with computed_rows(lake, use_case, upto, as_known):
        return sorted_rows(lake)


def sorted_rows(lake: Lake) -> pa.Table:
    """The rows of `training_rows` in their order."""
    schema, pieces = _read_sorted(lake)
    return pa.Table.from_batches(pieces, schema)


def write(lake: Lake, path: Path) -> None:
    """Write `training_rows` in their order as a Parquet file."""
    schema, pieces = _read_sorted(lake)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(pieces, ROW_GROUP_PIECES)):
            writer.write_table(pa.Table.from_batches(group))


def _read_sorted(lake: Lake) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema of `training_rows`, and its rows in their order, sorted some at a time: that bounds memory."""
    schema, _ = lake.read(SORTED_ROWS, from_start=None, to_start=None)
    slices = lake.rows("models/training_set/slices", rows=SORTED_AT_ONCE)
    return schema, chain.from_iterable(lake.read(SORTED_ROWS, **one)[1] for one in slices)


def label_users(lake: Lake, use_case: UseCase, watermark: datetime) -> tuple[str]:
    """From `events` to `labelled_users`, one row per user whose label can be known at the watermark.

    With a horizon it is that of the opening, by which users are sampled; each of their rows has its own.
    """
    lake.view("features/over_users/scope_events")
    point_in_time.build_users(lake, use_case)
    if labels.has_horizon(use_case):
        labels.build_later_events(lake, use_case, watermark)
        lake.build("features/point_in_time/cutoff_moments", into="moments", cutoff_seconds=0)
        labels.build_labels_at_moments(lake, use_case, watermark)
        lake.build("models/training_set/users_by_first_label", into="labelled_users")
    else:
        labels.build_labels(lake, use_case, watermark)
        lake.build("models/training_set/labelled_users")
    return ("labelled_users",)


def build_users_rows(
    lake: Lake, use_case: UseCase, upto: int, watermark: datetime, as_known: bool, chosen: Sequence[str]
) -> tuple[str]:
    """From `events` to `training_rows`, one row per moment of each user in some files, in no order."""
    lake.build_files("chosen_users", chosen)
    lake.build_users("scope_events", "events", of="chosen_users")
    point_in_time.collect(lake, use_case)
    if labels.has_horizon(use_case):
        labels.build_later_events(lake, use_case, watermark)
    else:
        labels.build_labels(lake, use_case, watermark)
    # From here on, the names that statements read are those of temporary tables, which come first.
    if as_known:
        lake.build_users("events", "scope_events", of="chosen_users")  # read at each moment
    for table in use_case.enrichment:
        lake.as_of(table, upto)
    moments = [*_cutoff_moments(use_case), *_sampled_moments(lake, use_case)]
    for number, moment in enumerate(moments):
        _build_at_moments(lake, use_case, moment, watermark, upto if as_known else None)
        if number == 0:
            lake.build_like("training_rows", "rows_at_moment")
        lake.insert_from("training_rows", "rows_at_moment")
    return ("training_rows",)


@contextmanager
def computed_rows(
    lake: Lake, use_case: UseCase, upto: int, as_known: bool = False, progress: Progress = nothing
) -> Iterator[None]:
    """`training_rows` of the users with a label, of at most `training.maximum_users` of them: a view within this."""
    watermark = checkpoints.stored(lake, upto).watermark
    if watermark is None:
        raise TooLittleDataError(f"{use_case.name}: no event is stored up to micro-batch {upto}")
    with over_users(lake, use_case, upto, progress) as partitions:
        parts = partitions.compute(partial(label_users, watermark=watermark))
        load(lake, "labelled_users", "labelled_users", parts)
        lake.build("models/training_set/chosen_users", maximum_users=use_case.training.maximum_users)
        labelled, count = lake.count("labelled_users"), max(1, lake.count("chosen_users"))
        chosen = [partitions.share("chosen_users")]
        work = partial(build_users_rows, upto=upto, watermark=watermark, as_known=as_known, chosen=chosen)
        together = min(labelled // count, PARTITION_USERS * partitions.count // count)
        paths = [part.path for part in partitions.compute(work, max(1, together))]
        lake.view_files("training_rows", paths)
        lake.view_files("training_rows", paths, without=tombstones.erased_in(lake, "training_rows"))
        yield


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test: by user and by time. The newest quarter of users, by the opening of their window, is the test.

    Rows with a horizon that ends after the first of these windows opened are in neither: their labels are from the time
    that is tested.
    """
    opened = frame.groupby("user_id")["window_start"].min().sort_values(kind="stable")
    newest = opened.index[int(len(opened) * (1 - TEST_SHARE)) :]
    is_test = frame["user_id"].isin(newest)
    train, test = frame[~is_test], frame[is_test]
    if KNOWN_AT in frame:
        train = train[train[KNOWN_AT] <= test["window_start"].min()]
    return train, test


def read(training_set: dict[str, object]) -> pd.DataFrame:
    """The rows of a built training set."""
    return pd.read_parquet(str(training_set["path"]))


def give_back() -> None:
    """Give the memory of rows that were read and are no longer used back to the system.

    Arrow keeps it otherwise: 1.4 GB of 3.6 million rows.
    """
    pa.default_memory_pool().release_unused()


def trained_users(use_case: UseCase, version: int) -> set[str]:
    """Ids of the users that a version was trained on; none where it has no training set here, as the bundled model."""
    store = registry.client()
    run = store.get_run(store.get_model_version(use_case.name, str(version)).run_id)
    owner = run.data.tags.get("mlflow.parentRunId", run.info.run_id)
    if not store.list_artifacts(owner, FOLDER):
        return set()
    with tempfile.TemporaryDirectory() as folder:
        path = store.download_artifacts(owner, f"{FOLDER}/{FILE}", folder)
        frame = _read_split_columns(Path(path))
    is_refitted = run.data.tags.get(registry.REFITTED) == "true"
    return set((frame if is_refitted else split(frame)[0])["user_id"])


def _read_split_columns(path: Path) -> pd.DataFrame:
    """What the split of a training set depends on."""
    names = pq.read_schema(path).names
    return pd.read_parquet(path, columns=[name for name in ("user_id", "window_start", KNOWN_AT) if name in names])


def _check_split(use_case: UseCase, path: Path) -> None:
    """Raise TooLittleDataError where too few users have a row whose horizon was over before the test begins."""
    if not labels.has_horizon(use_case):
        return
    train, test = split(_read_split_columns(path))
    users, needed = train["user_id"].nunique(), int(use_case.training.minimum_users * (1 - TEST_SHARE))
    if users < needed:
        raise TooLittleDataError(
            f"{use_case.name}: {users:,} users have a row whose label was known before {test['window_start'].min()}, "
            f"when the window of the first test user opened; at least {needed:,} are needed. A row is trained on if "
            f"its horizon, {use_case.training.label_horizon_hours:g} hours, was over by then: train with events of a "
            "longer time, or lower training.minimum_users or training.label_horizon_hours"
        )


def at_cutoffs(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a training set at its cut-offs: the same for every user, so what is measured on them compares."""
    return frame[frame["cutoff_minutes"].notna()]


def _cutoff_moments(use_case: UseCase) -> Iterator[Moments]:
    for minutes in sorted(use_case.training.cutoff_minutes):
        yield Moments("features/point_in_time/cutoff_moments", {"cutoff_seconds": minutes * 60})


def _sampled_moments(lake: Lake, use_case: UseCase) -> Iterator[Moments]:
    """Moments at which users are scored, activity and silence alike: as many of each user, so that all count the same.

    A model of active moments alone would not know what silence means.
    """
    scoring, edges = use_case.scoring, [0, *sorted(use_case.training.cutoff_minutes)]
    lake.build(
        "models/training_set/scored_moments",
        scored_measures=list(scoring.measures),
        silence_minutes=list(scoring.rescore_after_silence_minutes),
    )
    draws = use_case.training.sampled_moments
    lake.build("models/training_set/sampled_moments", edges=edges, draws=draws)
    for draw in range(1, draws * len(use_case.training.cutoff_minutes) + 1):
        yield Moments("models/training_set/moments_of_draw", {"draw": draw})


def _build_at_moments(
    lake: Lake, use_case: UseCase, moments: Moments, watermark: datetime, known_upto: int | None
) -> None:
    """Rows at one moment of each user; with `known_upto`, from nothing but what was stored by then."""
    lake.build(moments.statement, into="moments", **moments.parameters)
    if labels.has_horizon(use_case):
        labels.build_labels_at_moments(lake, use_case, watermark)
        lake.build_users("moments", "moments", of="label_moments")
    if known_upto is None:
        lake.build("features/point_in_time/windows_at_moment", into="windows")
    else:
        lake.build("models/training_set/known_events", into="scope_events", batch_id=known_upto)
        point_in_time.collect(lake, use_case)
    point_in_time.build_features_at_moments(lake, use_case, watermark)
    if labels.has_horizon(use_case):
        lake.build("models/training_set/rows_with_horizon", into="rows_at_moment")
    else:
        lake.build("models/training_set/rows_at_moment")


def _without_erased(use_case: UseCase, path: Path, run_id: str) -> str | None:
    """Rewrite a training set, also as logged, without users erased while it was built; its new hash, or None."""
    with open_lake(use_case, read_only=True) as lake:
        user_ids = pq.read_table(path, columns=["user_id"])["user_id"].unique().to_pylist()
        if not tombstones.scrub_written(lake, path, user_ids):
            return None
    sha256 = file_sha256(path)
    registry.client().log_artifact(run_id, str(path), FOLDER)
    registry.client().set_tag(run_id, "firstday.training_set_sha256", sha256)
    return sha256


def _log(use_case: UseCase, path: Path, batch_id: int, sha256: str, extent: Mapping[str, Any]) -> str:
    import mlflow

    frame = pq.ParquetFile(path).read_row_group(0).to_pandas()  # MLflow keeps a digest of its first rows
    with registry.start_run(use_case, f"training set of micro-batch {batch_id}") as run:
        mlflow.set_tags({"firstday.batch_id": batch_id, "firstday.training_set_sha256": sha256})
        mlflow.log_params({"batch_id": batch_id, "rows": extent["row_count"], "users": extent["user_count"]})
        mlflow.log_metric("label_rate", extent["label_rate"])
        mlflow.log_artifact(str(path), FOLDER)
        with warnings.catch_warnings():  # of whole numbers, and of a path that two equal kinds of sources can read
            warnings.simplefilter("ignore", UserWarning)
            dataset = mlflow.data.from_pandas(frame, source=str(path), name=f"batch-{batch_id}", targets="label")
        mlflow.log_input(dataset, context="training")
    return str(run.info.run_id)
