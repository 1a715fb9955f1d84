"""Measure data quality, feature drift and the champion's performance every hour, and raise alerts.

**Reads** the ledger, `events`, `predictions` and known labels; the champion and its reference from MLflow. **Writes**
the table `monitoring`, and metrics over time to the MLflow run `monitoring`. A measurement beyond its limit in the use
case's YAML raises an alert: in the log, and with the notifiers in the YAML. Confirmed drift triggers `train_model`, at
most once in the configured time.

**When it fails**: usually MLflow or a notifier is unavailable; the next run covers everything since the last successful
run.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, task

from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import current_run, notify, report, skip
from include.firstday.use_case.use_case import UseCase, load


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="monitoring",
        schedule=CronTriggerTimetable("7 * * * *", timezone="UTC"),
    )
    def monitor_model() -> None:
        @task
        def run_checks() -> list[str]:
            """Measure data quality, drift, performance and consistency since the last run; return alerts to send."""
            from include.firstday.monitoring import monitor_model as stage

            seen = stage.monitor_model(load(use_case.name), current_run())
            if seen is None:
                skip("no new predictions")
            report((stage.describe(seen), {}))
            return list(seen.unsilenced)

        @task
        def alert(alerts: list[str]) -> None:
            """Send alerts with the use case's notifiers."""
            if not alerts:
                skip("nothing to tell")
            notify(load(use_case.name), "\n".join(alerts))

        @task.short_circuit(trigger_rule="none_failed")
        def drift_is_confirmed() -> int | None:
            """Continue if confirmed drift requires a training; return the micro-batch of the drift."""
            from include.firstday.monitoring import monitor_model as stage

            return stage.retraining_asked(load(use_case.name))

        train = TriggerDagRunOperator(
            task_id="train_model",
            doc_md="Trigger training; once for each time that drift asked, however often this runs.",
            trigger_dag_id=f"{use_case.name}.train_model",
            trigger_run_id="drift__micro_batch_{{ ti.xcom_pull('drift_is_confirmed') }}",
            skip_when_already_exists=True,
        )
        alerts = run_checks()
        alert(alerts)
        alerts >> drift_is_confirmed() >> train
