"""Deliver new predictions to one target of the use case: HTTP, a queue, a PostgreSQL table or files.

One DAG per target in the use case's YAML, `<use case>.deliver_to_<target>`: a failing target delays only itself.

**Reads** `predictions` and the target's checkpoint. **Writes** to the target, the delivered rows to `deliveries`, and
what was decided before to `decided_batches` and `experiments`: at least once, in order, each prediction always with the
same id. Credentials are in the Airflow Connection named in the YAML. Runs when `predictions` change, and every minute.

**When it fails**: the log contains the target's error. The target is backed off for ten seconds, then twice as long
after each failure, up to a quarter of an hour; runs in between are skipped. No prediction is lost: pending ones are
delivered in order afterwards.
"""

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, task

from include.firstday.errors import BackedOffError
from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import credentials, current_run, lake_asset, report, skip
from include.firstday.use_case.use_case import UseCase, load


def define(use_case: UseCase, target: str) -> None:
    """The DAG of one target of one use case."""

    @define_dag(
        use_case,
        topic="target",
        name=f"deliver_to_{target}",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("* * * * *", timezone="UTC"),
            assets=[lake_asset(use_case.name, "predictions")],
        ),
        retries=1,
    )
    def deliver_predictions() -> None:
        @task(inlets=[lake_asset(use_case.name, "predictions")])
        def deliver() -> None:
            """Deliver pending predictions, by micro-batch."""
            from include.firstday.delivery import deliver_predictions as stage
            from include.firstday.delivery import orders

            case = load(use_case.name)
            known = credentials(case.targets[target].connection)
            try:
                done = stage.deliver_predictions(case, target, known, current_run(), orders.order(case, target))
            except BackedOffError as error:
                skip(str(error))
            if done is None:
                skip("no new predictions")
            report((stage.describe(target, done), {}))

        deliver()


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAGs of one use case."""
    for target in use_case.targets:
        define(use_case, target)
