"""What the page needs of the orchestrator that serves it: who may do what, and how a DAG is scheduled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """How a DAG is scheduled. The time is naive UTC; states are Airflow's (`running`, `success`, `failed` …)."""

    is_paused: bool
    next_run_at: datetime | None
    last_state: str | None


@dataclass(frozen=True)
class Gate:
    """The orchestrator's side.

    All but `schedule` are FastAPI dependencies that answer 401 or 403 by themselves: `may_enter` wants a login,
    `may_read` and `may_edit` look at the path's `use_case`. `schedule` takes a DAG's id; None where there is none.
    """

    may_enter: Callable[..., Any]
    may_read: Callable[..., Any]
    may_edit: Callable[..., Any]
    schedule: Callable[[str], Schedule | None]
