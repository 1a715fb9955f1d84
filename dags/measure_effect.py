"""Measure every hour what a target's deliveries change, in the experiments of targets with a holdout.

**Reads** `deliveries`, `experiments`, `decided_batches`, the features logged in `predictions`, and the outcomes: known
labels, or the use case's `outcome.sql`. **Writes** the table `effects`, and metrics over time to the MLflow run
`experiment <name>`. The run's note says what each experiment has shown. A broken randomisation or a contaminated
holdout raises an alert, in the log and with the notifiers in the YAML.

**When it fails**: usually MLflow or a notifier is unavailable, or `outcome.sql` has several rows of a user, which the
log names; the next run measures all again.
"""

from airflow.sdk import CronTriggerTimetable, task

from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import current_run, notify, report, skip
from include.firstday.use_case.use_case import UseCase, load


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case with an experiment."""
    if not use_case.has_experiments:
        return

    @define_dag(
        use_case,
        topic="experiments",
        schedule=CronTriggerTimetable("17 * * * *", timezone="UTC"),
    )
    def measure_effect() -> None:
        @task
        def measure() -> list[str]:
            """Measure each experiment whose result is not final; return the alerts."""
            from include.firstday.delivery import effects
            from include.firstday.delivery import measure_effect as stage

            case = load(use_case.name)
            measured = stage.measure_effect(case, current_run())
            if not measured:
                skip("no experiment is without its final result")
            report(("; ".join(effects.describe(case, one) for one in measured), {}))
            return [alert for one in measured for alert in effects.alerts(one)]

        @task
        def alert(alerts: list[str]) -> None:
            """Send alerts with the use case's notifiers."""
            if not alerts:
                skip("no alerts")
            notify(load(use_case.name), "\n".join(alerts))

        alert(measure())
