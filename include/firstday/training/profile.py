"""The profile of a training set: ydata-profiling's report as one HTML file that opens offline."""

import tempfile
from pathlib import Path

from include.firstday import registry
from include.firstday.training.training_set import read
from include.firstday.use_case import UseCase

SAMPLE_ROWS = 20_000  # keeps the report's time bounded; its title says so


def profile_training_set(use_case: UseCase, training_set: dict[str, object]) -> None:
    """Log the report to the training run. User ids stay out of it."""
    import mlflow
    from ydata_profiling import ProfileReport

    frame = read(training_set)[[*use_case.features, "cutoff_minutes", "label"]]
    title = f"Training set of {use_case.title}, micro-batch {training_set['batch_id']}"
    if len(frame) > SAMPLE_ROWS:
        title += f", a sample of {SAMPLE_ROWS:,} of {len(frame):,} rows"
        frame = frame.sample(SAMPLE_ROWS, random_state=7)
    report = ProfileReport(frame, title=title, minimal=False, interactions=None, progress_bar=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training_set.html"
        report.to_file(path, silent=True)
        with registry.start_run(use_case, "", run_id=str(training_set["run_id"])):
            mlflow.log_artifact(str(path), "profile")
