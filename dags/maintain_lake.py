"""Maintain the lake: merge small files, rewrite files with deleted rows, expire old snapshots, delete unused files.

**Reads and writes** the lake's files and catalog; query results do not change. Runs every hour concurrently with the
micro-batches, within a time budget; remaining work is done in the next hour. Consumed landing files older than the
retention are deleted.

**When it fails**: the log names the step. Each step is atomic, and the next run starts again. Until then the lake works
with more and smaller files.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, task

from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import current_run, report
from include.firstday.use_case.use_case import UseCase, load


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="lake",
        schedule=CronTriggerTimetable("17 * * * *", timezone="UTC"),
        execution_timeout=timedelta(minutes=30),
        params={
            "budget_seconds": Param(
                300,
                type="number",
                minimum=1,
                title="Time budget",
                description="seconds; the next hour's run does the rest",
            )
        },
    )
    def maintain_lake() -> None:
        @task
        def run_steps(params: dict[str, float] | None = None) -> None:
            """Merge and rewrite files, expire snapshots, delete unused files."""
            from include.firstday.operations import maintain_lake as stage

            seconds = (params or {}).get("budget_seconds", 300)
            done = stage.maintain_lake(load(use_case.name), current_run(), seconds)
            report((f"{len(done):,} steps done", {}))

        run_steps()
