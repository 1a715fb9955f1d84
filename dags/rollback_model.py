"""Puts an earlier model back: the alias `champion` moves to the version that was live before, or to the one given.

**Reads** the table `champions` and MLflow's registry. **Writes** the alias, and a row of `champions` that says when and
from which version. The next micro-batch scores with it. **Trigger it** when a promoted model turns out wrong; what was
predicted meanwhile stays in `predictions` with its version.

**When it fails**: there is no such version; the message lists the registered ones. Where there is no earlier champion
to roll back to, the run is skipped and its note lists the registered versions. Nothing has changed in either case.
"""

from typing import Any

from airflow.sdk import Param, dag, task

from include.firstday.authoring import check_use_case
from include.firstday.orchestration.tasks import START, TASK_DEFAULTS, current_run, fail_without_retry, report, skip
from include.firstday.use_case.use_case import UseCase, load


def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @dag(
        dag_id=f"{use_case.name}.rollback_model",
        schedule=None,
        start_date=START,
        catchup=False,
        is_paused_upon_creation=use_case.starts_paused,
        max_active_runs=1,
        default_args=TASK_DEFAULTS,
        params={
            "version": Param(
                None, type=["null", "integer"], minimum=1, description="version to put back; empty: the one before"
            )
        },
        tags=[use_case.name, "training"],
        doc_md=__doc__,
    )
    def rollback_model() -> None:
        @task
        def put_back(params: dict[str, Any] | None = None) -> str:
            """Move the alias `champion` back."""
            from include.firstday.models import promotion as stage

            try:
                before, now = stage.rollback_model(load(use_case.name), (params or {}).get("version"), current_run())
            except stage.NothingToRollBackError as nothing:
                report((str(nothing), {}))
                skip(str(nothing))
            except LookupError as error:
                fail_without_retry(str(error))
            return f"version {now} is the champion, version {before} no longer is"

        put_back()

    rollback_model()


for case in check_use_case.valid():
    build(case)
