"""Erase one user everywhere: lake, older snapshots, landing, published files, training sets and profiles.

**Reads and writes** all data of the use case. MLflow runs whose artifacts contained the person are tagged
`firstday.changed_after_logging`. A tombstone, which does not identify the person, prevents late files and replays from
storing them again. The lake's older snapshots are expired. **Trigger it** with the user's id, exactly as it is stored:
first as a dry run, which counts what is held, then with the id once more as confirmation. A certificate of what was
erased, which names the user by a salted hash only, is written to `certificates/` in Firstday's home.
When the run succeeds, the id is removed from the run's configuration and from Airflow's audit log. Older backups, and
logs of a proxy in front of Airflow, still contain it.

**When it fails**: the error lists the files that still contain the person. Clear the run to repeat it; repeating is
safe. With a PostgreSQL catalog, pause the other DAGs first.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, task

from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import current_run, fail_without_retry, log_progress
from include.firstday.use_case.use_case import UseCase, load


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="lake",
        params={
            "user_id": Param(type="string", minLength=1, title="User id", description="exactly as in events"),
            "dry_run": Param(
                True,
                type="boolean",
                title="Dry run",
                description="only count what would be erased: rows by table and files; the run's note lists them",
            ),
            "confirmation": Param(
                None,
                type=["null", "string"],
                title="Confirmation",
                description="without a dry run: the user id once more. An erasure cannot be undone",
            ),
        },
        execution_timeout=timedelta(hours=2),
    )
    def forget_user() -> None:
        @task
        def erase(params: dict[str, Any] | None = None) -> str:
            """Erase the user and search every file for remaining data."""
            from include.firstday.operations import forget_user as stage

            asked, case, run = params or {}, load(use_case.name), current_run()
            user_id = str(asked["user_id"])
            if asked.get("dry_run", True):
                return stage.describe_held(stage.find_user(case, user_id))
            if asked.get("confirmation") != user_id:
                fail_without_retry("confirmation: expected the user id once more; nothing was erased")
            done = stage.forget_user(case, user_id, run, log_progress)
            return f"{stage.describe(done)}; certificate: {stage.certificate(case, user_id, done, run).name}"

        erase()
