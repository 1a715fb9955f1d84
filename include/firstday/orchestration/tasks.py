"""What the tasks of DAG files share: the names of assets, the run as an author of commits, and reports to Airflow.

Only DAG files and plugins import this module; everything it hands to a stage is plain.
"""

import importlib
import logging
import time
from typing import Any, NoReturn

from airflow.configuration import conf
from airflow.sdk import Asset, AssetWatcher, BaseNotifier, Connection, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.firstday.lake.run import Run
from include.firstday.orchestration.arrivals import FilesArrived
from include.firstday.servers import Credentials, links
from include.firstday.use_case.use_case import UseCase

PAGE = "/plugin/firstday/firstday/"  # in Airflow
NOTE = "note"  # keys of what a task tells Airflow, among its XComs
MLFLOW_URL = "mlflow_url"


def landing_asset(use_case: str) -> Asset:
    """The landing folder of a use case: whoever delivers a file there updates it."""
    return Asset(name=f"{use_case}.landing", uri=f"firstday://{use_case}/landing")


def generated_asset(use_case: str) -> Asset:
    """Files of the generator: its task starts a run at once, without a way through the triggerer."""
    return Asset(name=f"{use_case}.generated", uri=f"firstday://{use_case}/generated")


def arrivals_asset(use_case: UseCase) -> Asset:
    """Files that wait in the landing folder, whoever put them there: Airflow's triggerer watches it."""
    watcher = AssetWatcher(name=use_case.name, trigger=FilesArrived(use_case.name, sorted(use_case.enrichment)))
    return Asset(name=f"{use_case.name}.arrivals", uri=f"firstday://{use_case.name}/arrivals", watchers=[watcher])


def lake_asset(use_case: str, table: str) -> Asset:
    """A table of the lake: the task that writes it updates it. Airflow lists it with its address in the Lake room."""
    page = f"{_base_url()}{PAGE}#{use_case}/lake/tables/{table}"
    return Asset(name=f"{use_case}.{table}", uri=f"firstday://{use_case}/{table}", extra={"page": page})


def report(told: tuple[str, dict[str, Any]], asset: Asset | None = None) -> None:
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


class LogNotifier(BaseNotifier):
    """Writes alerts into the task's log."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def notify(self, context: Any) -> None:
        """Write it."""
        logging.getLogger(__name__).warning("ALERT %s", self.message)


def notify(use_case: UseCase, message: str) -> None:
    """Send an alert to the log and to every notifier of the use case; their credentials are Airflow's connections."""
    context = get_current_context()
    LogNotifier(message)(context)
    for one in use_case.monitoring.notifiers:
        arguments = {
            name: value.replace("{message}", message) if isinstance(value, str) else value
            for name, value in one.arguments.items()
        }
        module, _, name = one.notifier.rpartition(".")
        getattr(importlib.import_module(module), name)(**arguments)(context)


def log_progress(done: int, total: int, text: str) -> None:
    """Write a step of a long task into its log."""
    logging.getLogger(__name__).info("step %s of %s: %s", done, total, text)


def current_run() -> Run:
    """Who the running task is, the same over its retries."""
    task = get_current_context()["ti"]
    return Run(dag=task.dag_id, run=task.run_id, task=task.task_id)


def is_retry() -> bool:
    """Whether the running task was tried before; Airflow has dropped what that try reported."""
    return bool(get_current_context()["ti"].try_number > 1)


def run_url() -> str:
    """Where a browser finds the running task's run in Airflow."""
    task = get_current_context()["ti"]
    path = links.airflow_run(Run(dag=task.dag_id, run=task.run_id).id)
    return f"{_base_url()}{path}"


def _base_url() -> str:
    """Where a browser finds Airflow."""
    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


def rescore(use_case: UseCase) -> None:
    """Score every user in their window with the champion, and report it."""
    from include.firstday.orchestration import reports
    from include.firstday.scoring import score_users

    begun = time.perf_counter()
    step = score_users.score_users(use_case, current_run(), rescore=True)
    report(reports.scored(step, time.perf_counter() - begun))


def credentials(connection: str) -> Credentials:
    """What an Airflow Connection says, as plain values; nothing where no connection is named."""
    if not connection:
        return Credentials()
    found = Connection.get(connection)
    return Credentials(
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        schema=found.schema or "",
        extra=found.extra_dejson,
    )


def skip(reason: str) -> NoReturn:
    """End the task as skipped, saying why, also in the run's note."""
    get_current_context()["ti"].xcom_push(NOTE, reason)
    raise AirflowSkipException(reason)


def fail_without_retry(reason: str) -> NoReturn:
    """End the task as failed, as no retry can mend it; where nobody asked for the run, as skipped."""
    if get_current_context()["dag_run"].run_type == "scheduled":
        skip(reason)
    raise AirflowFailException(reason) from None  # or Airflow would log the traceback of what was caught, too
