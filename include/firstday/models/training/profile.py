"""The profile of a training set: ydata-profiling's reports as HTML files that open offline, and plots beside them.

Three reports: the training set, its users of the last day against all before, and users with the outcome against those
without.
Personal columns and user ids stay out. Above a row limit a sample is taken, and the title says so.
"""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from include.firstday.features.model_inputs import inputs_of
from include.firstday.models import registry
from include.firstday.models.training import plots
from include.firstday.models.training.training_set import at_cutoffs, read
from include.firstday.use_case.use_case import UseCase

SAMPLE_ROWS = 20_000  # these keep the time of the reports bounded
COMPARED_ROWS = 2_000  # on each side
LATEST = timedelta(days=1)


def profile_training_set(use_case: UseCase, training_set: dict[str, Any]) -> None:
    """Log the reports and plots to the training run."""
    import mlflow

    frame = at_cutoffs(read(training_set))
    shown = [*use_case.features, "cutoff_minutes", "label"]
    title = f"Training set of {use_case.title}, micro-batch {training_set['batch_id']}"
    with registry.start_run(use_case, "", run_id=str(training_set["run_id"])):
        some = _sample(frame, SAMPLE_ROWS)
        features = inputs_of(use_case, some)
        minutes = some["cutoff_minutes"].to_numpy("float64")
        labels = some["label"].to_numpy()
        for name, figure in plots.of_training_set(features, labels, minutes, use_case.outcome.name).items():
            plots.log(figure, name)
        with tempfile.TemporaryDirectory() as folder:
            paths: list[Path | None] = [_report(frame[shown], title, Path(folder) / "training_set.html")]
            for file, sides in _comparisons(frame, use_case.outcome.name).items():
                paths.append(_compare({side: rows[shown] for side, rows in sides.items()}, Path(folder) / file))
            for path in paths:
                if path is not None:
                    mlflow.log_artifact(str(path), "profile")


def _comparisons(frame: pd.DataFrame, outcome: str) -> dict[str, dict[str, pd.DataFrame]]:
    """File → title of each side → its rows."""
    is_latest = frame["window_start"] > frame["window_start"].max() - LATEST
    return {
        "train_and_latest_day.html": {"before": frame[~is_latest], "latest day": frame[is_latest]},
        "with_and_without_outcome.html": {
            outcome: frame[frame["label"] == 1],
            f"no {outcome}": frame[frame["label"] == 0],
        },
    }


def _report(frame: pd.DataFrame, title: str, path: Path) -> Path:
    from ydata_profiling import ProfileReport

    some = _sample(frame, SAMPLE_ROWS)
    report = ProfileReport(some, title=_sampled(title, some, frame), interactions=None, progress_bar=False)
    report.to_file(path, silent=True)
    return path


def _compare(sides: dict[str, pd.DataFrame], path: Path) -> Path | None:
    """A report of two sides, next to each other; None where one is empty."""
    from ydata_profiling import ProfileReport, compare

    if any(rows.empty for rows in sides.values()):
        return None
    reports = []
    for title, rows in sides.items():
        some = _sample(rows, COMPARED_ROWS)
        reports.append(ProfileReport(some, title=_sampled(title, some, rows), minimal=True, progress_bar=False))
    compare(reports).to_file(path, silent=True)
    return path


def _sample(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    return frame if len(frame) <= rows else frame.sample(rows, random_state=7)


def _sampled(title: str, some: pd.DataFrame, frame: pd.DataFrame) -> str:
    return title if len(some) == len(frame) else f"{title}, a sample of {len(some):,} of {len(frame):,} rows"
