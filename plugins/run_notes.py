"""Write a note on each finished run, from its tasks' reports: Airflow shows it beside the run."""

from collections.abc import Sequence
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

OF_THE_INSTALLATION = "maintain_airflow"  # the DAG of no use case
LONGEST = 1000  # Airflow's limit for a note, in characters


def note(xcoms: list[tuple[str, Any]], failed: Sequence[str] = ()) -> str:
    """Join the reports and returned texts among the XCom keys and values of a run's tasks, in order, on one line.

    Names of failed tasks come first: the reports may fill the note.
    """
    from include.firstday.orchestration.tasks import NOTE

    reports = [value for key, value in xcoms if isinstance(value, str) and key in (NOTE, "return_value")]
    failures = [f"failed: {', '.join(failed)}; its log has the reason"] if failed else []
    return ", ".join([*failures, *reports])[:LONGEST]


class RunListener:
    """Called by Airflow's scheduler, in its transaction."""

    @hookimpl
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        """Write the note."""
        _write(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        """Write the note: which task failed, and the reports from before."""
        _write(dag_run)


def _write(dag_run: Any) -> None:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    from include.firstday.use_case.use_case import names

    session = object_session(dag_run)
    if session is None or dag_run.note or dag_run.dag_id.split(".")[0] not in {*names(), OF_THE_INSTALLATION}:
        return
    found = session.scalars(
        select(XComModel)
        .where(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id)
        .order_by(XComModel.timestamp)
    )
    failed = [task.task_id for task in dag_run.get_task_instances(state="failed", session=session)]
    text = note([(row.key, XComModel.deserialize_value(row)) for row in found], failed)
    if text:
        dag_run.note = text


class RunNotes(AirflowPlugin):
    """Registers the listener."""

    name = "run_notes"
    listeners = [RunListener()]  # noqa: RUF012 - Airflow reads a plain class attribute
