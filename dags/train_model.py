"""Train candidates on past users at cut-offs in their window, test the best, and promote it if it passes all gates.

**Reads** `events` up to a micro-batch, and the use case's YAML. **Writes** a run in the use case's MLflow experiment,
with one nested run per candidate: parameters, metrics, plots, the profile and the training set; a new version in the
model registry, alias `challenger`; and, if it passes all gates on users that no model was trained on, the alias
`champion`, a row of `promotions` and, in `predictions`, new rows of every user in their window.

**When it fails** in `build_training_set`: too few users have a known label; the log gives their number and the required
one (a scheduled run is skipped instead). Otherwise check the log of the failed task; the run can be cleared and
repeated.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, task

from include.firstday.errors import TooLittleDataError
from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import (
    current_run,
    fail_without_retry,
    lake_asset,
    link_to_mlflow,
    log_progress,
    report,
    rescore,
    run_url,
    skip,
)
from include.firstday.use_case.use_case import UseCase, load

AS_CONFIGURED = "as the use case is configured"
AS_KNOWN = {"yes": True, "no": False}
LATE = {
    AS_CONFIGURED: "As the use case is configured",
    "yes": "Leave them out, as scoring did not have them",
    "no": "Count them, as if they had arrived in time",
}


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case."""

    @define_dag(
        use_case,
        topic="training",
        schedule=CronTriggerTimetable("30 3 * * *", timezone="UTC"),
        retries=1,
        execution_timeout=timedelta(hours=1),
        params={
            "batch_id": Param(
                None,
                type=["null", "integer"],
                minimum=1,
                title="Up to micro-batch",
                description_md=(
                    "Train on what was stored up to it; empty: all. "
                    f"[The Lake room](/plugin/firstday/firstday/#{use_case.name}/lake) lists the micro-batches."
                ),
            ),
            "as_known": Param(
                AS_CONFIGURED,
                type="string",
                enum=list(LATE),
                values_display=LATE,
                title="Late events",
                description="events before a cut-off that were stored after it",
            ),
        },
    )
    def train_model() -> None:
        @task
        def build_training_set(params: dict[str, Any] | None = None) -> dict[str, Any]:
            """Build the training set: features of mature users as of each cut-off, as Parquet."""
            from include.firstday.models import registry
            from include.firstday.models.training import training_set as stage

            asked = params or {}
            as_known = AS_KNOWN.get(str(asked.get("as_known")))
            try:
                training_set = stage.build_training_set(
                    load(use_case.name),
                    batch_id=asked.get("batch_id"),
                    as_known=as_known,
                    run=current_run(),
                    progress=log_progress,
                )
            except TooLittleDataError as error:
                fail_without_retry(str(error))
            link_to_mlflow(registry.run_url(training_set["run_id"]))
            return training_set

        @task
        def profile_training_set(training_set: dict[str, Any]) -> None:
            """Log ydata-profiling's reports to the MLflow run."""
            from include.firstday.models.training.profile import profile_training_set as stage

            stage(load(use_case.name), training_set)

        @task(map_index_template="{{ candidate }}")
        def train_candidate(training_set: dict[str, Any], candidate: str) -> dict[str, Any]:
            """Cross-validate and fit one candidate, as a nested MLflow run."""
            from include.firstday.models import registry
            from include.firstday.models.training import candidates

            trained = candidates.train_candidate(load(use_case.name), training_set, candidate)
            link_to_mlflow(registry.run_url(trained["run_id"]))
            if reason := trained.get(candidates.SKIPPED):
                report((f"{candidate} was not trained: {reason}", {}))
            return trained

        @task
        def test_best(training_set: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
            """Test the best candidate on the newest users and register it as challenger."""
            from include.firstday.models.training.evaluate import evaluate_candidate as stage
            from include.firstday.servers import links

            tested = stage(load(use_case.name), training_set, list(results))
            link_to_mlflow(links.model_version(use_case.name, tested["version"]))
            report((f"{tested['name']} is the best: version {tested['version']}, AUC {tested['roc_auc']:.3f}", {}))
            return tested

        @task
        def promote_if_better(training_set: dict[str, Any], tested: dict[str, Any]) -> dict[str, Any]:
            """Promote the challenger to champion if it passes every gate; the log lists the result of each gate."""
            from include.firstday.models import registry
            from include.firstday.models.training.gates import promote_if_better as stage

            verdict = stage(load(use_case.name), training_set, tested, current_run(), run_url())
            link_to_mlflow(registry.run_url(training_set["run_id"]))
            report((f"{'promoted' if verdict['is_promoted'] else 'not promoted'}: {verdict['reason']}", {}))
            return verdict

        @task(outlets=[lake_asset(use_case.name, "predictions")])
        def rescore_users(verdict: dict[str, Any]) -> None:
            """Score every user in their window with a new champion."""
            if not verdict["is_promoted"]:
                skip("the champion is still the same")
            rescore(load(use_case.name))

        training_set = build_training_set()
        results = train_candidate.partial(training_set=training_set).expand(
            candidate=list(use_case.training.candidates)
        )
        tested = test_best(training_set, results)
        profile_training_set(training_set)
        rescore_users(promote_if_better(training_set, tested))
