"""Delivers new predictions to one target that the use case's YAML names: HTTP, a queue, a PostgreSQL table or files.

One DAG a target, `<use case>.deliver_to_<target>`, so that a target that is down delays only itself.

**Reads** `predictions` and the target's progress. **Writes** to the target, and into `deliveries` what it has taken:
at least once, in order, each prediction with the same id whenever it comes. Credentials are the Airflow Connection that
the YAML names. Runs when `predictions` change, and every minute in any case.

**When it fails**: the log says what the target answered. It is asked again after ten seconds, then twice as long each
time, up to a quarter of an hour; runs in between are skipped. Nothing is lost: what it missed is sent in order then.
"""

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from include.firstday.authoring import check_use_case
from include.firstday.orchestration.tasks import START, TASK_DEFAULTS, credentials, current_run, lake_asset, skip
from include.firstday.use_case.use_case import UseCase, load


def build(use_case: UseCase, target: str) -> None:
    """The DAG of one target of one use case."""

    @dag(
        dag_id=f"{use_case.name}.deliver_to_{target}",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("* * * * *", timezone="UTC"),
            assets=[lake_asset(use_case.name, "predictions")],
        ),
        start_date=START,
        catchup=False,
        is_paused_upon_creation=use_case.starts_paused,
        max_active_runs=1,
        default_args=TASK_DEFAULTS | {"retries": 1},
        tags=[use_case.name, "target"],
        doc_md=__doc__,
    )
    def deliver_predictions() -> None:
        @task(inlets=[lake_asset(use_case.name, "predictions")])
        def deliver() -> None:
            """Send what is new, micro-batch by micro-batch."""
            from include.firstday.delivery import deliver_predictions as stage

            case = load(use_case.name)
            known = credentials(case.targets[target].connection)
            try:
                if stage.deliver_predictions(case, target, known, current_run()) is None:
                    skip("no new predictions")
            except stage.BackedOffError as error:
                skip(str(error))

        deliver()

    deliver_predictions()


for case in check_use_case.valid():
    for name in case.targets:
        build(case, name)
