"""Moves what has arrived through the lake: events, features, predictions, publication.

**Reads** landing, and in the lake how far each stage has come. **Writes** `events`, `rejected_events`, `users`,
`feature_state`, `predictions` and the published files. Runs when landing changes, and every minute in any case.
Each task takes everything that is new to its stage; a run that finds nothing new skips all of them.

**When it fails**: the log of the failed task says why. Nothing is lost or doubled: each stage commits its rows and its
progress together, and the next run takes what this one left. `python -m include.firstday status` shows how far each
stage is. Files that cannot be read are in landing's `quarantine/`, refused rows in `rejected_events`.
"""

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from include.firstday import check_use_case
from include.firstday.orchestration import START, TASK_DEFAULTS, current_run, landing_asset, skip
from include.firstday.use_case import UseCase, load


def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @dag(
        dag_id=f"{use_case.name}.process_events",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("* * * * *", timezone="UTC"), assets=[landing_asset(use_case.name)]
        ),
        start_date=START,
        catchup=False,
        max_active_runs=2,
        default_args=TASK_DEFAULTS,
        tags=[use_case.name, "micro-batch"],
        doc_md=__doc__,
    )
    def process_events() -> None:
        @task
        def store_events() -> None:
            """Check what waits in landing and append it to `events`."""
            from include.firstday import status
            from include.firstday import store_events as stage

            case = load(use_case.name)
            if not stage.store_events(case, current_run()) and not status.is_behind(case):
                skip("nothing new in landing, and no stage is behind")

        @task
        def update_features() -> None:
            """Fold new events into the users' features."""
            from include.firstday import update_features as stage

            stage.update_features(load(use_case.name), current_run())

        @task
        def score_users() -> None:
            """Let the champion score who has new activity in their first day."""
            from include.firstday import score_users as stage

            try:
                stage.score_users(load(use_case.name), current_run())
            except stage.NoChampionError as error:
                skip(str(error))

        @task
        def publish_predictions() -> None:
            """Tell the outside who is about to churn."""
            from include.firstday import publish_predictions as stage

            stage.publish_predictions(load(use_case.name), current_run())

        store_events() >> update_features() >> score_users() >> publish_predictions()

    process_events()


for case in check_use_case.valid():
    build(case)
