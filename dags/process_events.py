"""Process new files in micro-batches: store events, update features, score users, publish predictions.

**Reads** landing, and the checkpoint of each stage in the lake. **Writes** `events`, `rejected_events`, `users`,
`feature_state`, `predictions` and the published files.
Airflow's triggerer watches landing. It starts a run within a second of a file's arrival, and after ten minutes without
any, for users who have fallen silent. A timer starts one every half hour, should the triggerer be down.
Each task processes everything after its stage's checkpoint; a run without new events skips all tasks. A backlog is
processed oldest first, in bounded micro-batches, for three minutes per run; the log reports its size, and the next run
continues.

**When it fails**: check the log of the failed task. No row is lost or duplicated: each stage commits its rows and its
checkpoint together, and the next run continues from there. `firstday status` and the Firstday page
show the checkpoint of each stage. A run that takes longer than five minutes misses its deadline, which is logged as a
warning. Unreadable files are in landing's `quarantine/`, rejected rows in `rejected_events`.
"""

import time
from datetime import timedelta

from airflow.sdk import (
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    SyncCallback,
    chain,
    task,
)

from include.firstday.errors import NoChampionError
from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import (
    arrivals_asset,
    current_run,
    lake_asset,
    landing_asset,
    link_to_mlflow,
    report,
    skip,
)
from include.firstday.use_case.use_case import UseCase, load

LATE_AFTER = timedelta(minutes=5)
ALWAYS_UNLESS_FAILED = "none_failed"  # users fall silent without new events


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="micro-batch",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("*/30 * * * *", timezone="UTC"), assets=[arrivals_asset(use_case)]
        ),
        max_active_runs=2,
        deadline=DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=LATE_AFTER,
            callback=SyncCallback("include.firstday.orchestration.deadline.warn", kwargs={"use_case": use_case.name}),
            name="late",
        ),
    )
    def process_events() -> None:
        events, features, predictions = (
            lake_asset(use_case.name, table) for table in ("events", "user_features", "predictions")
        )

        @task(inlets=[landing_asset(use_case.name)], outlets=[events])
        def store_events() -> None:
            """Check pending files and append their rows to `events`."""
            from include.firstday.ingest import store_events as stage
            from include.firstday.operations import status
            from include.firstday.orchestration import reports

            case = load(use_case.name)
            batches = stage.store_events(case, current_run(), seconds=stage.TURN_SECONDS)
            if not batches and not status.is_behind(case):
                skip("nothing new in landing, and no stage is behind")
            report(reports.stored(batches), events)

        @task(inlets=[events], outlets=[features])
        def update_features() -> None:
            """Merge new events into the users' features."""
            from include.firstday.features import update_features as stage
            from include.firstday.orchestration import reports

            report(reports.updated(stage.update_features(load(use_case.name), current_run())), features)

        @task(inlets=[features], outlets=[predictions], trigger_rule=ALWAYS_UNLESS_FAILED)
        def score_users() -> None:
            """Score users with new activity in their window."""
            from include.firstday.orchestration import reports
            from include.firstday.scoring import score_users as stage
            from include.firstday.servers import links

            begun = time.perf_counter()
            try:
                step = stage.score_users(load(use_case.name), current_run())
            except NoChampionError as error:
                skip(str(error))
            report(reports.scored(step, time.perf_counter() - begun), predictions)
            if step is not None:
                link_to_mlflow(links.model_version(use_case.name, step.model_version))

        @task(inlets=[predictions])
        def publish_predictions() -> None:
            """Publish users with predicted churn for other systems."""
            from include.firstday.delivery import publish_predictions as stage
            from include.firstday.orchestration import reports

            report(reports.published(stage.publish_predictions(load(use_case.name), current_run())))

        chain(store_events(), update_features(), score_users(), publish_predictions())
