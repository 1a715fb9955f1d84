"""Gives each finished run a note that says what it did, from what its tasks told: Airflow shows it beside the run."""

from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

LONGEST = 1000  # characters that Airflow keeps of a note


def note(xcoms: list[tuple[str, Any]]) -> str:
    """One line from the keys and values that a run's tasks have left, in order: what they told, or a returned text."""
    from include.firstday.orchestration.tasks import NOTE

    told = [value for key, value in xcoms if isinstance(value, str) and key in (NOTE, "return_value")]
    return ", ".join(told)[:LONGEST]


class RunListener:
    """Called by Airflow's scheduler, in its transaction."""

    @hookimpl
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        """Write the note."""
        _write(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        """Write what was done before the failure."""
        _write(dag_run)


def _write(dag_run: Any) -> None:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    from include.firstday.use_case.use_case import names

    session = object_session(dag_run)
    if session is None or dag_run.note or dag_run.dag_id.split(".")[0] not in names():
        return
    found = session.scalars(
        select(XComModel)
        .where(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id)
        .order_by(XComModel.timestamp)
    )
    text = note([(row.key, XComModel.deserialize_value(row)) for row in found])
    if text:
        dag_run.note = text


class RunNotes(AirflowPlugin):
    """Registers the listener."""

    name = "run_notes"
    listeners = [RunListener()]  # noqa: RUF012 - Airflow reads a plain class attribute
