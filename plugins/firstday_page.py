"""The Firstday page in Airflow's navigation and the API under /firstday, with Airflow's login and permissions."""

from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/firstday"


class FirstdayPage(AirflowPlugin):
    """Registers the page. All Airflow processes load plugins, only the web server uses apps: so it is built lazily."""

    name = "firstday_page"
    external_views = [  # noqa: RUF012 - Airflow reads plain class attributes
        {
            "name": "Firstday",
            "href": f"{PREFIX.removeprefix('/')}/",
            "url_route": "firstday",
            "destination": "nav",
            "nav_top_level": True,
            "icon": f"{PREFIX}/static/icon.svg",
            "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Build the app, mounted at its prefix."""
        from include.firstday.web.app import build

        return [{"name": "Firstday", "url_prefix": PREFIX, "app": build(_gate())}]


def _gate() -> Any:
    """Airflow's permissions: reading requires the right to see runs of process_events, editing to start one."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
    from fastapi import Request

    from include.firstday.web.auth import Gate

    def may(method: Any) -> Any:
        def look(use_case: str, request: Request, user: GetUserDep) -> None:
            dag_id = f"{use_case}.process_events"
            requires_access_dag(method, DagAccessEntity.RUN, dag_id)(request, user)

        return look

    def name(user: GetUserDep) -> str:
        return str(user.get_name())

    return Gate(
        may_enter=get_user,
        may_read=may("GET"),
        may_edit=may("POST"),
        schedule=_schedule,
        failed_runs=_failed_runs,
        user=name,
    )


def _failed_runs(use_case: str, since: datetime) -> list[str]:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    failed = (DagRun.dag_id.startswith(f"{use_case}.", autoescape=True), DagRun.state == "failed")
    recent = select(DagRun.dag_id, DagRun.run_id).where(*failed, DagRun.end_date >= since.replace(tzinfo=UTC))
    with create_session() as session:
        return [f"{dag}/{run}" for dag, run in session.execute(recent.order_by(DagRun.end_date.desc()).limit(100))]


def _schedule(dag_id: str) -> Any:
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from include.firstday.web.auth import Schedule

    ended = select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.end_date.is_not(None))
    with create_session() as session:
        dag = session.scalar(select(DagModel).where(DagModel.dag_id == dag_id, ~DagModel.is_stale))
        if dag is None:
            return None
        last = session.scalar(ended.order_by(DagRun.end_date.desc()).limit(1))
        next_run = dag.next_dagrun_create_after
        return Schedule(
            is_paused=bool(dag.is_paused),
            next_run_at=next_run.astimezone(UTC).replace(tzinfo=None) if next_run else None,
            last_state=str(last) if last else None,
        )
