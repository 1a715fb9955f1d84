"""Recompute all features from `events`, report how many users differ, and replace the state atomically.

**Reads** `events`. **Writes** `users` and `feature_state` where they differ. Micro-batches keep running.
**Trigger it** after a change of `measures.sql`, `registrations.sql` or the window, which the log of `process_events`
and `firstday status` report until then; or to verify the features: without a change, no user
differs. A corrected enrichment table and a changed `user_features.sql` need no rebuild.

**When it fails**: nothing was replaced; check the log. Clear the run to repeat it.
"""

from datetime import timedelta

from airflow.sdk import dag, task

from include.firstday.authoring import check_use_case
from include.firstday.orchestration.tasks import START, TASK_DEFAULTS, current_run
from include.firstday.use_case.use_case import UseCase, load


def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @dag(
        dag_id=f"{use_case.name}.rebuild_features",
        schedule=None,
        start_date=START,
        catchup=False,
        is_paused_upon_creation=use_case.starts_paused,
        max_active_runs=1,
        default_args=TASK_DEFAULTS | {"execution_timeout": timedelta(hours=6)},
        tags=[use_case.name, "lake"],
        doc_md=__doc__,
    )
    def rebuild_features() -> None:
        @task
        def recompute_and_swap() -> str:
            """Recompute every user and write those that differ."""
            from include.firstday.features import rebuild_features as stage

            return stage.describe(stage.rebuild_features(load(use_case.name), current_run()))

        recompute_and_swap()

    rebuild_features()


for case in check_use_case.valid():
    build(case)
