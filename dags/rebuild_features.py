"""Recompute all features from `events`, report how many users differ, and replace the state atomically.

**Reads** `events`. **Writes** `users` and `feature_state` where they differ. Micro-batches keep running.
**Trigger it** after a change of `measures.sql`, `registrations.sql` or the window, which the log of `process_events`
and `firstday status` report until then; or to verify the features: without a change, no user
differs. A corrected enrichment table and a changed `user_features.sql` need no rebuild.

**When it fails**: nothing was replaced; check the log. Clear the run to repeat it.
"""

from datetime import timedelta

from airflow.sdk import task

from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import current_run
from include.firstday.use_case.use_case import UseCase, load


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="lake",
        execution_timeout=timedelta(hours=6),
    )
    def rebuild_features() -> None:
        @task
        def recompute_and_swap() -> str:
            """Recompute every user and write those that differ."""
            from include.firstday.features import rebuild_features as stage

            return stage.describe(stage.rebuild_features(load(use_case.name), current_run()))

        recompute_and_swap()
