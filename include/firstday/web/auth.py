"""The orchestrator's side of the page: permissions and schedules."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """A DAG's schedule. The time is naive UTC; states are Airflow's (`running`, `success`, `failed` …)."""

    is_paused: bool
    next_run_at: datetime | None
    last_state: str | None


@dataclass(frozen=True)
class Gate:
    """Permission checks and schedule look-up, provided by the orchestrator.

    `may_enter`, `may_read`, `may_edit` and `user` are FastAPI dependencies that raise 401 or 403: `may_enter` requires
    a login, `may_read` and `may_edit` check permissions for the path's `use_case`, `user` returns the user's name.
    `schedule` returns the schedule of a DAG id, or None; `failed_runs` the runs of a use case's DAGs that have failed
    since a time (naive UTC), as `dag_id/run_id`, newest first.
    """

    may_enter: Callable[..., Any]
    may_read: Callable[..., Any]
    may_edit: Callable[..., Any]
    schedule: Callable[[str], Schedule | None]
    failed_runs: Callable[[str, datetime], list[str]]
    user: Callable[..., str]
