"""Links on each task's page: to the Firstday page, and to the task's run or model in MLflow."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink

ROOMS = {  # of what a DAG is about; the others lead to the overview
    "train_model": "model",
    "rollback_model": "model",
    "monitor_model": "drift",
    "replay_rejected": "lake",
    "maintain_lake": "lake",
    "rebuild_features": "lake",
    "measure_effect": "experiments",
    "train_uplift": "experiments",
    "forget_user": "users",
}


class FirstdayLink(BaseOperatorLink):
    """Link to the room of the Firstday page that the task is about."""

    name = "Firstday"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the room's address for tasks of this project, an empty text for others."""
        from include.firstday.orchestration.tasks import PAGE
        from include.firstday.use_case.use_case import names

        use_case, _, dag = ti_key.dag_id.partition(".")
        if use_case not in names():
            return ""
        room = "users?only=predicted" if dag.startswith("deliver_to_") else ROOMS.get(dag, "overview")
        return f"{PAGE}#{use_case}/{room}"


class MlflowLink(BaseOperatorLink):
    """Link to the task's run or model in MLflow."""

    name = "MLflow"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL in the task's XCom; empty if there is none."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        from include.firstday.orchestration.tasks import MLFLOW_URL

        mine = (
            XComModel.dag_id == ti_key.dag_id,
            XComModel.task_id == ti_key.task_id,
            XComModel.run_id == ti_key.run_id,
            XComModel.map_index == ti_key.map_index,
            XComModel.key == MLFLOW_URL,
        )
        with create_session() as session:
            row = session.scalar(select(XComModel).where(*mine))
            return str(XComModel.deserialize_value(row)) if row else ""


class TaskLinks(AirflowPlugin):
    """Registers the links for every task."""

    name = "task_links"
    global_operator_extra_links = [FirstdayLink(), MlflowLink()]  # noqa: RUF012 - a plain class attribute
