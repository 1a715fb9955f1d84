"""Generate the events of the minutes since the last run, and write them into landing, as a source would.

**Reads** the generator's parameters in the use case's YAML. **Writes** one file per minute into landing. The same seed
and minute give the same bytes, so a repeated run changes nothing. After a pause it writes the missed minutes.

**Pause it** to use your own source: put files into landing, with `firstday ingest` or otherwise.

**When it fails**: the disk is full or landing is not writable; the log names the path. The next run writes the missing
minutes.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, task

from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import generated_asset, landing_asset, report
from include.firstday.use_case.use_case import UseCase, load


def params(use_case: UseCase) -> dict[str, Param]:
    """The form of a triggered run: the YAML's values, until they are changed."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    config = use_case.generator.model_dump()
    about = {
        "churn_share": "share of users who churn",
        "late_share": "share of events delivered in a later minute's file",
        "duplicate_share": "share of events delivered twice",
        "malformed_share": "share of rows that are broken",
    }
    return {
        "registrations_per_minute": Param(
            config["registrations_per_minute"],
            type="number",
            exclusiveMinimum=0,
            title="Registrations per minute",
            description="users who register, on average",
        ),
        **{
            name: Param(config[name], title=name.capitalize().replace("_", " "), description=text, **share)
            for name, text in about.items()
        },
    }


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAG of one use case with a generator."""
    if use_case.generator is None:
        return

    @define_dag(
        use_case,
        topic="source",
        schedule=CronTriggerTimetable("* * * * *", timezone="UTC", interval=timedelta(minutes=1)),
        params=params(use_case),
    )
    def generate_events() -> None:
        landing = landing_asset(use_case.name)

        @task(outlets=[landing, generated_asset(use_case.name)])
        def write_minutes(params: dict[str, float] | None = None) -> None:
            """Write the events of every complete minute since the last run."""
            from include.firstday.delivery import experiments
            from include.firstday.generator import generate_events as stage

            case = load(use_case.name)
            reached = experiments.reached_by_generator(case)
            written = stage.generate_missed(case, overrides=dict(params or {}), reached=reached)
            report((f"{written} written", {"rows": written.rows, "files": written.files}), landing)

        write_minutes()
