"""Train models of what offers change every day, from the experiments of targets with a holdout.

**Reads** `deliveries`, `experiments`, the features logged in `predictions`, and the outcomes. **Writes** a run `uplift
of <target>` and a version of the model `<use case>_uplift_<target>` to MLflow. If it finds whom an offer changes, with
confidence and better than ordering by risk, it becomes the champion, which a target's budget may be ordered by.

**When it fails**: usually MLflow is unavailable; the next run trains on all outcomes again. With too few users it is
skipped; the log has the number that is needed.
"""

from airflow.sdk import CronTriggerTimetable, task

from include.firstday.errors import TooLittleDataError
from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import current_run, report, skip
from include.firstday.use_case.use_case import UseCase, load


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case with an experiment."""
    if not use_case.has_experiments:
        return

    @define_dag(
        use_case,
        topic="experiments",
        schedule=CronTriggerTimetable("37 3 * * *", timezone="UTC"),
    )
    def train_uplift() -> None:
        @task
        def train(target: str) -> None:
            """Train, test and promote a model of a target's uplift."""
            from include.firstday.delivery import uplift as stage

            try:
                trained = stage.train_uplift(load(use_case.name), target, current_run())
            except TooLittleDataError as error:
                skip(str(error))
            if trained is None:
                skip("no new outcomes since the last model")
            report((stage.describe(trained), {}))

        for name, target in use_case.targets.items():
            if target.when.holdout:
                train.override(task_id=f"train_{name}")(name)
