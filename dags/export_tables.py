"""Export features and predictions as plain Parquet to `<home>/exports/`, for tools that do not read a DuckLake.

**Reads** `user_features` and `predictions`. **Writes** one file with the current features, and one file per day with
that day's predictions; the file of a past day is not written again. Each file is replaced atomically.

**When it fails**: the disk is full or the folder is not writable; the log names the path. The next run repeats the
export.
"""

from airflow.sdk import CronTriggerTimetable, task

from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import current_run
from include.firstday.use_case.use_case import UseCase, load


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="lake",
        schedule=CronTriggerTimetable("47 * * * *", timezone="UTC"),
    )
    def export_tables() -> None:
        @task
        def write_files() -> str:
            """Export current features and new predictions, each file atomically."""
            from include.firstday.operations import export_tables as stage

            return stage.describe(stage.export_tables(load(use_case.name), current_run()))

        write_files()
