"""What the DAG files share: the names of assets, the arguments of every task, and who a run is.

Only DAG files import this module; everything it hands to a stage is plain.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.firstday.lake import Run

OWNER = "firstday"
START = datetime(2026, 1, 1, tzinfo=UTC)

TASK_DEFAULTS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "execution_timeout": timedelta(minutes=15),
}


def landing_asset(use_case: str) -> Asset:
    """The landing folder of a use case: whoever delivers a file there updates it."""
    return Asset(name=f"{use_case}.landing", uri=f"firstday://{use_case}/landing")


def current_run() -> Run:
    """Who the running task is, the same over its retries."""
    task = get_current_context()["ti"]
    return Run(dag=task.dag_id, run=task.run_id, task=task.task_id)


def skip(reason: str) -> NoReturn:
    """End the task as skipped, saying why."""
    raise AirflowSkipException(reason)


def give_up(reason: str) -> NoReturn:
    """End the task as failed, as no retry can mend it; where nobody asked for the run, as skipped."""
    if get_current_context()["dag_run"].run_type == "scheduled":
        raise AirflowSkipException(reason)
    raise AirflowFailException(reason)
