"""Erases the id of a forgotten user from Airflow's own database when the run of forget_user has ended.

Airflow keeps a run's configuration with the run, and again, with the request or the command line, in its audit log.
"""

from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

ERASED = '{"erased": "held the id of a user to be forgotten"}'


class ForgetUserListener:
    """Called by Airflow's scheduler, in its transaction."""

    @hookimpl
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        """Erase the configuration and the audit log's copies of it."""
        if _is_of_forget_user(dag_run):
            _erase_audit_log(dag_run)
            dag_run.conf = {}

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        """Erase the audit log's copies: the run itself keeps the id, so that it can be cleared and repeated."""
        if _is_of_forget_user(dag_run):
            _erase_audit_log(dag_run)


def _is_of_forget_user(dag_run: Any) -> bool:
    from include.firstday.use_case.use_case import names

    use_case, _, name = dag_run.dag_id.partition(".")
    return name == "forget_user" and use_case in names()


def _erase_audit_log(dag_run: Any) -> None:
    from airflow.models.log import Log
    from sqlalchemy import update
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is not None:
        held = (Log.dag_id == dag_run.dag_id, Log.extra.contains("user_id"))
        session.execute(update(Log).where(*held).values(extra=ERASED), execution_options={"synchronize_session": False})


class EraseAuditLog(AirflowPlugin):
    """Registers the listener."""

    name = "erase_audit_log"
    listeners = [ForgetUserListener()]  # noqa: RUF012 - Airflow reads a plain class attribute
