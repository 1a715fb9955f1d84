"""The training set: for each user whose label is known, the features as they stood at several cut-offs.

Built by the statements that also serve (`update_features`, `user_features.sql`), so training and scoring cannot differ.
A function of the use case and a `batch_id`: the same `batch_id` gives the same bytes, whatever was compacted since.

By default the features are those of all events that had happened by the cut-off. `as_known` leaves out those that had
not been stored by then: what the model would really have seen, late arrivals and all.
"""

import hashlib
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from include.firstday.errors import TooLittleDataError
from include.firstday.features import labels, point_in_time
from include.firstday.lake import checkpoints
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.models import registry
from include.firstday.privacy import tombstones
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

TEST_SHARE = 0.25
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
    use_case: UseCase, batch_id: int | None = None, as_known: bool | None = None, run: Run | None = None
) -> dict[str, object]:
    """Build the training set up to a micro-batch (default: the last) and open the MLflow run that it is logged to.

    `as_known` defaults to the use case's. Raises TooLittleDataError.
    """
    as_known = use_case.training.as_known if as_known is None else as_known
    with open_lake(use_case, run) as lake:
        upto = batch_id or checkpoints.stored(lake).batch_id
        table = rows(lake, use_case, upto, as_known)
    users = len(set(table["user_id"].to_pylist()))
    if users < use_case.training.minimum_users:
        raise TooLittleDataError(
            f"{use_case.name}: {users:,} users have a known label up to micro-batch {upto}, at least "
            f"{use_case.training.minimum_users:,} are needed; a label is known "
            f"{use_case.training.label_known_after_hours:g} hours after the window opened"
            + ("; as known at the cut-off, events that were stored later do not count" if as_known else "")
        )
    folder = f"batch-{upto:09}" + ("-as-known" if as_known else "")
    path = settings().training / use_case.name / folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    run_id = _log(use_case, path, upto, sha256)
    sha256 = _without_erased(use_case, path, run_id) or sha256
    return asdict(TrainingSet(str(path), upto, table.num_rows, users, as_known, sha256, run_id))


def rows(lake: Lake, use_case: UseCase, upto: int, as_known: bool = False) -> pa.Table:
    """Up to micro-batch `upto`, one row per user and moment: its features and label."""
    watermark = checkpoints.stored(lake, upto).watermark
    if watermark is None:
        raise TooLittleDataError(f"{use_case.name}: no event is stored up to micro-batch {upto}")
    lake.as_of("events", upto, into="scope_events")
    point_in_time.collect(lake, use_case)
    labels.build_labels(lake, use_case, watermark)
    # From here on, the names that user_features.sql reads are those of temporary tables, which come first.
    for table in use_case.enrichment:
        lake.as_of(table, upto)
    moments = [*_cutoff_moments(use_case), *_sampled_moments(lake, use_case)]
    parts = [_at_moments(lake, use_case, moment, watermark, upto if as_known else None) for moment in moments]
    lake.build_rows("training_rows", pa.concat_tables(parts))
    tombstones.drop(lake, "training_rows")
    # In a fixed order, so that the same rows give the same bytes.
    order = ("window_start", "user_id", "as_of", "cutoff_minutes")
    return lake.table_of("training_rows").sort_by([(name, "ascending") for name in order])


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test: by user and by time. The newest quarter of users, by the opening of their window, is the test."""
    opened = frame.groupby("user_id")["window_start"].min().sort_values(kind="stable")
    newest = opened.index[int(len(opened) * (1 - TEST_SHARE)) :]
    is_test = frame["user_id"].isin(newest)
    return frame[~is_test], frame[is_test]


def read(training_set: dict[str, object]) -> pd.DataFrame:
    """The rows of a built training set."""
    return pd.read_parquet(str(training_set["path"]))


def trained_users(use_case: UseCase, version: int) -> set[str]:
    """Ids of the users that a version was trained on; none where it has no training set here, as the bundled model."""
    store = registry.client()
    run = store.get_run(store.get_model_version(use_case.name, str(version)).run_id)
    owner = run.data.tags.get("mlflow.parentRunId", run.info.run_id)
    if not store.list_artifacts(owner, FOLDER):
        return set()
    with tempfile.TemporaryDirectory() as folder:
        path = store.download_artifacts(owner, f"{FOLDER}/{FILE}", folder)
        frame = pd.read_parquet(path, columns=["user_id", "window_start"])
    is_refitted = run.data.tags.get(registry.REFITTED) == "true"
    return set((frame if is_refitted else split(frame)[0])["user_id"])


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


def _at_moments(
    lake: Lake, use_case: UseCase, moments: Moments, watermark: datetime, known_upto: int | None
) -> pa.Table:
    """Rows at one moment of each user; with `known_upto`, from nothing but what was stored by then."""
    lake.build(moments.statement, into="moments", **moments.parameters)
    if known_upto is None:
        lake.build("features/point_in_time/windows_at_moment", into="windows")
    else:
        lake.build("models/training_set/known_events", into="scope_events", batch_id=known_upto)
        point_in_time.collect(lake, use_case)
    point_in_time.build_features_at_moments(lake, use_case, watermark)
    return lake.table("models/training_set/rows_at_moment")


def _without_erased(use_case: UseCase, path: Path, run_id: str) -> str | None:
    """Rewrite a training set, also as logged, without users erased while it was built; its new hash, or None."""
    with open_lake(use_case, read_only=True) as lake:
        user_ids = pq.read_table(path, columns=["user_id"])["user_id"].unique().to_pylist()
        if not tombstones.scrub_written(lake, path, user_ids):
            return None
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    registry.client().log_artifact(run_id, str(path), FOLDER)
    registry.client().set_tag(run_id, "firstday.training_set_sha256", sha256)
    return sha256


def _log(use_case: UseCase, path: Path, batch_id: int, sha256: str) -> str:
    import mlflow

    frame = pd.read_parquet(path)
    with registry.start_run(use_case, f"training set of micro-batch {batch_id}") as run:
        mlflow.set_tags({"firstday.batch_id": batch_id, "firstday.training_set_sha256": sha256})
        mlflow.log_params({"batch_id": batch_id, "rows": len(frame), "users": frame["user_id"].nunique()})
        mlflow.log_metric("label_rate", float(frame.groupby("user_id")["label"].first().mean()))
        mlflow.log_artifact(str(path), FOLDER)
        with warnings.catch_warnings():  # of whole numbers, and of a path that two equal kinds of sources can read
            warnings.simplefilter("ignore", UserWarning)
            dataset = mlflow.data.from_pandas(frame, source=str(path), name=f"batch-{batch_id}", targets="label")
        mlflow.log_input(dataset, context="training")
    return str(run.info.run_id)
