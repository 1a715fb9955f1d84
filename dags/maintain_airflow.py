"""Deletes Airflow's own old history: rows of its database with `airflow db clean`, and task logs by age.

**Reads** nothing of the lake. **Writes** Airflow's database and log folder. There is one such DAG per installation. It
runs daily and keeps `FIRSTDAY_ARTIFACT_DAYS`; the last run of each DAG stays.

**When it fails**: the log contains the output of `airflow db clean`. Nothing else depends on it, and the next run
deletes what is left. Celery workers read the database's URL from the connection `airflow_database`, which the API
server provides.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Connection, CronTriggerTimetable, Param, get_current_context, task

from include.firstday.orchestration.dags import define_dag
from include.firstday.orchestration.tasks import report
from include.firstday.settings import settings


@define_dag(
    None,
    topic="operations",
    schedule=CronTriggerTimetable("37 3 * * *", timezone="UTC"),
    execution_timeout=timedelta(hours=1),
    params={
        "keep_days": Param(
            settings().artifact_days,
            type="number",
            minimum=1,
            title="Days to keep",
            description="older runs, task logs and entries of the audit log are deleted; each DAG's last run stays",
        )
    },
)
def maintain_airflow() -> None:
    """One DAG for the installation."""

    @task
    def clean_database(params: dict[str, Any] | None = None) -> None:
        """Delete old rows with Airflow's own command."""
        from include.firstday.stack import clean_airflow

        before = get_current_context()["dag_run"].run_after - timedelta(days=(params or {})["keep_days"])
        is_worker = bool(settings().celery_broker.get_secret_value()) and not settings().airflow_database
        found = Connection.get(clean_airflow.CONNECTION).extra_dejson if is_worker else {}
        clean_airflow.clean_database(before, found.get("url", ""))
        report((f"rows from before {before:%Y-%m-%d} deleted", {}))

    @task
    def drop_logs(params: dict[str, Any] | None = None) -> None:
        """Delete old task logs."""
        from include.firstday.stack import clean_airflow

        before = get_current_context()["dag_run"].run_after - timedelta(days=(params or {})["keep_days"])
        report((f"{clean_airflow.drop_logs(before):,} task logs deleted", {}))

    clean_database() >> drop_logs()
