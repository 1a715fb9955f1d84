"""What every DAG has in common: its id, its line in Airflow's list, its docs, tags, owner and the tasks' defaults."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import dag

from include.firstday.authoring import check_use_case
from include.firstday.use_case.use_case import UseCase

OWNER = "firstday"
START = datetime(2026, 1, 1, tzinfo=UTC)
RETRIES = 3
TIMEOUT = timedelta(minutes=15)

_places: dict[str, int] = {}  # of use cases in Airflow's list


def each_use_case(build: Callable[[UseCase], None]) -> Callable[[UseCase], None]:
    """Define the DAGs of every valid use case; those that do not start paused come first in Airflow's list."""
    for place, use_case in enumerate(sorted(check_use_case.valid(), key=lambda case: case.starts_paused), start=1):
        _places[use_case.name] = place
        build(use_case)
    return build


def define_dag(
    use_case: UseCase | None,
    topic: str,
    name: str = "",
    retries: int = RETRIES,
    execution_timeout: timedelta = TIMEOUT,
    **options: Any,
) -> Callable[[Callable[[], None]], None]:
    """Define a DAG from a function of its tasks: `<use case>.<name of the function>`, or `name`.

    The docstring of the function's file is its documentation, the first line its description. `retries` and
    `execution_timeout` are those of its tasks; `options` are arguments of Airflow's `dag`.
    """

    def define(tasks: Callable[[], None]) -> None:
        own, doc = name or tasks.__name__, str(tasks.__globals__["__doc__"])
        words = own.replace("_", " ")
        dag(
            dag_id=f"{use_case.name}.{own}" if use_case else own,
            dag_display_name=f"{_places[use_case.name]}. {use_case.title}: {words}" if use_case else words.capitalize(),
            description=doc.partition("\n")[0],
            doc_md=doc,
            tags=[use_case.name, topic] if use_case else [topic],
            start_date=START,
            catchup=False,
            is_paused_upon_creation=use_case.starts_paused if use_case else None,
            default_args={
                "owner": OWNER,
                "retries": retries,
                "retry_delay": timedelta(seconds=5),
                "execution_timeout": execution_timeout,
            },
            **{"max_active_runs": 1, "schedule": None} | options,
        )(tasks)()

    return define
