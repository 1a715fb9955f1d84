"""Roll back the model: move the alias `champion` to the previous champion, or to a given version.

**Reads** the table `promotions` and MLflow's registry. **Writes** the alias, and a row of `promotions` with the time
and the previous version. Every user in their window is scored with it. **Trigger it** when a promoted model
performs badly; its predictions remain in `predictions` with its version.

**When it fails**: the error gives the reason: there is no previous champion, or no such version. Nothing was changed.
"""

from typing import Any

from airflow.sdk import Param, task

from include.firstday.errors import ModelError, NothingToRollBackError
from include.firstday.models.known_versions import known_versions
from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import current_run, fail_without_retry, lake_asset, report, rescore, skip
from include.firstday.use_case.use_case import UseCase, load


def version(name: str) -> Param:
    """The field of the form: a list of the registered versions, a number where MLflow does not answer in time."""
    known = known_versions(name)
    numbers = {str(number): title for number, title in known.items()}
    choice = {"enum": [None, *known], "values_display": {"null": "the champion before"} | numbers} if known else {}
    return Param(
        None,
        type=["null", "integer"],
        minimum=1,
        title="Version to put back",
        description_md=(
            "Empty: the champion before the present one. "
            f"[The Model room](/plugin/firstday/firstday/#{name}/model) shows each version's test and gates."
        ),
        **choice,
    )


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="training",
        params={"version": version(use_case.name)},
    )
    def rollback_model() -> None:
        @task
        def put_back(params: dict[str, Any] | None = None) -> str:
            """Move the alias `champion` to the previous or the given version."""
            from include.firstday.models import promotion as stage

            try:
                before, now = stage.rollback_model(load(use_case.name), (params or {}).get("version"), current_run())
            except NothingToRollBackError as nothing:
                report((str(nothing), {}))
                skip(str(nothing))
            except ModelError as error:
                fail_without_retry(str(error))
            return f"version {now} is the champion, version {before} no longer is"

        @task(outlets=[lake_asset(use_case.name, "predictions")])
        def rescore_users() -> None:
            """Score every user in their window with the champion."""
            rescore(load(use_case.name))

        put_back() >> rescore_users()
