"""Process new files in micro-batches: store events, update features, score users, publish predictions.

**Reads** landing, and the checkpoint of each stage in the lake. **Writes** `events`, `rejected_events`, `users`,
`feature_state`, `predictions` and the published files.
Airflow's triggerer watches landing. It starts a run within a second of a file's arrival, and after ten minutes without
any, for users who have fallen silent; the generator's task starts one when it ends. A timer starts one every half hour,
should the triggerer be down.
One task does it all: what arrives is stored, folded into the features and scored in one transaction, and the run's note
says what each stage did, and how long it took. A stage that is behind continues after its own checkpoint, by itself. A
run with nothing to do is skipped. Held rows, of events ahead of the clock (`hold_hours`), are stored by the first run
after their time. A backlog is processed oldest first, in bounded micro-batches, for three minutes per run; the log
reports its size, and the next run continues.

**When it fails**: check the log of the task; the run's note says what was committed before. No row is lost or
duplicated: rows are committed with the checkpoints of their stages, and the next run continues from there. Where a
later stage fails, events are stored all the same. Nobody is scored without a champion, or by a bundled one whose
enrichment was replaced: the run's note says why. `firstday status` and the Firstday page show the checkpoint of each
stage. A run that takes longer than five minutes misses its deadline, which is logged as a warning. Unreadable files
are in landing's `quarantine/`, rejected rows in `rejected_events`.
"""

from datetime import timedelta

from airflow.sdk import (
    AssetAny,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    SyncCallback,
    task,
)

from include.firstday.errors import NoChampionError
from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import (
    arrivals_asset,
    current_run,
    generated_asset,
    is_retry,
    lake_asset,
    landing_asset,
    link_to_mlflow,
    report,
    skip,
)
from include.firstday.use_case.use_case import UseCase, load

LATE_AFTER = timedelta(minutes=5)


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="micro-batch",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("*/30 * * * *", timezone="UTC"),
            assets=AssetAny(arrivals_asset(use_case), generated_asset(use_case.name)),
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
        updated = {table: lake_asset(use_case.name, table) for table in ("events", "user_features", "predictions")}

        @task(inlets=[landing_asset(use_case.name)], outlets=list(updated.values()))
        def micro_batch() -> None:
            """Store events, update features, score users and publish predictions."""
            from include.firstday.ingest.store_events import TURN_SECONDS
            from include.firstday.operations import micro_batch as stages
            from include.firstday.orchestration import reports
            from include.firstday.scoring.score_users import Scored
            from include.firstday.servers import links

            case, run = load(use_case.name), current_run()
            done: list[stages.Done] = []
            before = reports.stored_before(case, run) if is_retry() else ""
            missing = ""
            try:
                stages.process(case, run, done.append, TURN_SECONDS)
            except NoChampionError as error:
                missing = str(error)
            finally:  # also of a task that fails, what was committed before
                words, numbers = reports.micro_batch(done)
                report(("; ".join(filter(None, (before, words, missing if words else ""))), {}))
            if not (done or before):
                skip(missing or "nothing new in landing, and no users to score")
            for table, asset in updated.items():
                report(("", numbers[table]), asset)
            for version in {one.result.model_version for one in done if isinstance(one.result, Scored)}:
                link_to_mlflow(links.model_version(use_case.name, version))

        micro_batch()
