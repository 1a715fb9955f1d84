"""Looks every hour at what came: is the data as it was, have the users drifted, and was the champion right?

**Reads** the ledger, `predictions` and, once they are known, the labels; the champion's training set from MLflow.
**Writes** the table `monitoring`, and metrics over time in the MLflow run `monitoring`. Drift is a warning in the log.

**When it fails**: usually MLflow does not answer; the next run looks at everything since the last look that succeeded.
"""

from airflow.sdk import CronTriggerTimetable, dag, task

from include.firstday import check_use_case
from include.firstday.orchestration import START, TASK_DEFAULTS, current_run, skip
from include.firstday.use_case import UseCase, load


def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @dag(
        dag_id=f"{use_case.name}.monitor_model",
        schedule=CronTriggerTimetable("7 * * * *", timezone="UTC"),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=TASK_DEFAULTS,
        tags=[use_case.name, "monitoring"],
        doc_md=__doc__,
    )
    def monitor_model() -> None:
        @task
        def look() -> None:
            """Measure data quality, drift and realised performance since the last look."""
            from include.firstday import monitor_model as stage

            if stage.monitor_model(load(use_case.name), current_run()) is None:
                skip("no new predictions")

        look()

    monitor_model()


for case in check_use_case.valid():
    build(case)
