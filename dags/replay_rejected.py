"""Replay rejected rows after a correction of the contract, a check, or a clock.

**Reads** `rejected_events`. **Writes** `events` and `micro_batches`, for the rows that no longer break a rule, and
marks each with the micro-batch that stored it (`replayed_in`); `process_events` does the rest. Rows that still break a
rule remain.
**Trigger it** with the prefix of a reason, such as `event_type`, or without one for all rows. The action `try` is
a dry run, which stores nothing. With `dismiss` the rows stay in the table, but are no longer pending.
`firstday rejected` lists the reasons. Rows with broken text need a corrected file instead.

**When it fails**: rows that were stored remain stored, once; clear the run to replay the rest.
"""

from typing import Any

from airflow.sdk import Param, task

from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import current_run, landing_asset
from include.firstday.use_case.use_case import UseCase, load

ACTIONS = {
    "try": "Dry run: how many rows would be stored",
    "replay": "Replay: store rows that break no rule any more",
    "dismiss": "Dismiss: list the rows no longer as pending",
}


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="lake",
        params={
            "reason": Param(
                None,
                type=["null", "string"],
                title="Reason",
                description_md=(
                    "Prefix of the rule that the rows broke, such as `event_type`; empty: all rejected rows. "
                    f"[The Lake room](/plugin/firstday/firstday/#{use_case.name}/lake) lists the rules."
                ),
            ),
            "action": Param(
                "replay",
                type="string",
                enum=list(ACTIONS),
                values_display=ACTIONS,
                title="Action",
                description="a dry run is reported in the run's note",
            ),
        },
    )
    def replay_rejected() -> None:
        @task(outlets=[landing_asset(use_case.name)])
        def replay(params: dict[str, Any] | None = None) -> str:
            """Replay rejected rows; valid ones are stored as a micro-batch."""
            from include.firstday.ingest import replay_rejected as stage
            from include.firstday.ingest import try_rejected as dry_run

            asked = params or {}
            reason, case = str(asked.get("reason") or ""), load(use_case.name)
            if asked.get("action") == "try":
                return dry_run.describe(dry_run.try_rejected(case, reason))
            if asked.get("action") == "dismiss":
                return stage.describe_dismissed(stage.dismiss_rejected(case, reason, current_run()))
            return stage.describe(stage.replay_rejected(case, reason, current_run()))

        replay()
