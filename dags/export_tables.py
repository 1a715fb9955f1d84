"""Export features and predictions as plain Parquet to `<home>/exports/`, for tools that do not read a DuckLake.

**Reads** `user_features` and `predictions`. **Writes** one file with the current features, and one file per day with
that day's predictions; the file of a past day is not written again. Each file is replaced atomically.

**When it fails**: the disk is full or the folder is not writable; the log names the path. The next run repeats the
export.
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from include.firstday.authoring import check_use_case
from include.firstday.orchestration.tasks import START, TASK_DEFAULTS, current_run
from include.firstday.use_case.use_case import UseCase, load


def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @dag(
        dag_id=f"{use_case.name}.export_tables",
        schedule=CronTriggerTimetable("47 * * * *", timezone="UTC"),
        start_date=START,
        catchup=False,
        is_paused_upon_creation=use_case.starts_paused,
        max_active_runs=1,
        default_args=TASK_DEFAULTS,
        tags=[use_case.name, "lake"],
        doc_md=__doc__,
    )
    def export_tables() -> None:
        @task
        def write_files() -> str:
            """Export current features and new predictions, each file atomically."""
            from include.firstday.operations import export_tables as stage

            return stage.describe(stage.export_tables(load(use_case.name), current_run()))

        write_files()

    export_tables()


for case in check_use_case.valid():
    build(case)
