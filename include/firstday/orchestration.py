"""What the DAG files share: the names of assets, the arguments of every task, who a run is, and what it tells Airflow.

Only DAG files and plugins import this module; everything it hands to a stage is plain.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.firstday.lake import Run

OWNER = "firstday"
NOTE = "note"  # keys of what a task tells Airflow, among its XComs
MLFLOW_URL = "mlflow_url"
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


def lake_asset(use_case: str, table: str) -> Asset:
    """A table of the lake: the task that writes it updates it."""
    return Asset(name=f"{use_case}.{table}", uri=f"firstday://{use_case}/{table}")


def tell(told: tuple[str, dict[str, Any]], asset: Asset | None = None) -> None:
    """Put words into the note of the running task's run, and numbers into the event of an asset that it updates."""
    words, numbers = told
    context = get_current_context()
    if words:
        context["ti"].xcom_push(NOTE, words)
        logging.getLogger(__name__).info("%s", words)
    if asset is not None:
        context["outlet_events"][asset].extra = numbers


def link_to_mlflow(url: str) -> None:
    """Give the running task a link to what it made or used in MLflow."""
    get_current_context()["ti"].xcom_push(MLFLOW_URL, url)


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
