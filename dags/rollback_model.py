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

LISTED = 10  # versions in the text of the form, newest first


def version(name: str) -> Param:
    """The field of the form: any version, with those registered when Airflow read the DAG as suggestions.

    Not a list to choose from: Airflow reads the DAG once a minute, and would reject a version that is younger.
    """
    known = known_versions(name)
    listed = "; ".join(list(known.values())[:LISTED])
    return Param(
        None,
        type=["null", "string", "integer"],  # the form offers suggestions for a text only
        pattern=r"^[1-9][0-9]*$",
        minimum=1,
        title="Version to put back",
        description_md=(
            f"{f'Registered: {listed}. ' if listed else ''}Empty: the champion before the present one. "
            f"[The Model room](/plugin/firstday/firstday/#{name}/model) shows each version's test and gates."
        ),
        **({"examples": [str(number) for number in known]} if known else {}),
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

            asked = (params or {}).get("version")
            number = None if asked is None else int(asked)
            try:
                before, now = stage.rollback_model(load(use_case.name), number, current_run())
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
