"""Read new messages of one source into landing: a Kafka topic, a Redis stream, a RabbitMQ queue or files on S3.

One DAG per source in the use case's YAML, `<use case>.consume_<source>`, every minute. A run reads for at most
45 seconds, and stops while the backlog in landing is above its limit.

**Reads** the server of the Airflow Connection named in the YAML. **Writes** files into landing; messages are
acknowledged only when those files are durable. Redelivered messages are recognised and count once. A broken message is
rejected later, by `process_events`.

**When it fails**: the log contains the server's error. No message is lost; the next run continues from there.
"""

from airflow.sdk import CronTriggerTimetable, task

from include.firstday.errors import SourceBusyError
from include.firstday.orchestration.dags import define_dag, each_use_case
from include.firstday.orchestration.tasks import credentials, landing_asset, report, skip
from include.firstday.use_case.use_case import UseCase, load


def define(use_case: UseCase, source: str) -> None:
    """The DAG of one source of one use case."""

    @define_dag(
        use_case,
        topic="source",
        name=f"consume_{source}",
        schedule=CronTriggerTimetable("* * * * *", timezone="UTC"),
        retries=1,
    )
    def consume_source() -> None:
        landing = landing_asset(use_case.name)

        @task(outlets=[landing])
        def consume() -> None:
            """Read new messages, make them durable in landing, and acknowledge them."""
            from include.firstday.ingest import consume_source as stage

            case = load(use_case.name)
            try:
                consumed = stage.consume_source(case, source, credentials(case.sources[source].connection))
            except SourceBusyError as error:
                skip(str(error))
            if consumed is None:
                skip("nothing new")
            report((f"{consumed} from {source}", {"messages": consumed.messages, "files": consumed.files}), landing)

        consume()


@each_use_case
def build(use_case: UseCase) -> None:
    """The DAGs of one use case."""
    for source in use_case.sources:
        define(use_case, source)
