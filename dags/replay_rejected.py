"""Replay rejected rows after a correction of the contract, a check, or a clock.

**Reads** `rejected_events`. **Writes** `events`, for each row that no longer breaks a rule, and marks the row with the
micro-batch that stored it (`replayed_in`); `process_events` does the rest. Rows that still break a rule remain.
**Trigger it** with the prefix of a reason, such as `event_type`, or without one for all rows.
`firstday rejected` lists the reasons. Rows with broken text need a corrected file instead.

**When it fails**: rows that were stored remain stored, once; clear the run to replay the rest.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from include.firstday.authoring import check_use_case
from include.firstday.orchestration.tasks import START, TASK_DEFAULTS, current_run, landing_asset
from include.firstday.use_case.use_case import UseCase, load


def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @dag(
        dag_id=f"{use_case.name}.replay_rejected",
        schedule=None,
        start_date=START,
        catchup=False,
        is_paused_upon_creation=use_case.starts_paused,
        max_active_runs=1,
        default_args=TASK_DEFAULTS,
        params={"reason": Param("", type="string", description="how the reason begins; empty: every refused row")},
        tags=[use_case.name, "lake"],
        doc_md=__doc__,
    )
    def replay_rejected() -> None:
        @task(outlets=[landing_asset(use_case.name)])
        def replay(params: dict[str, Any] | None = None) -> str:
            """Replay rejected rows; valid ones are stored as a micro-batch."""
            from include.firstday.ingest import replay_rejected as stage

            return stage.describe(
                stage.replay_rejected(load(use_case.name), str((params or {}).get("reason", "")), current_run())
            )

        replay()

    replay_rejected()


for case in check_use_case.valid():
    build(case)
