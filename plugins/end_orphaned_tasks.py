"""End a task whose supervising process died: Airflow retries the task, and both must not run at the same time."""

import signal
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from include.firstday.stack import processes


class TaskListener:
    """Called by Airflow inside each task's process."""

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        """Have the kernel end this task when its supervising process ends."""
        processes.die_with_parent(signal.SIGKILL)


class EndOrphanedTasks(AirflowPlugin):
    """Registers the listener."""

    name = "end_orphaned_tasks"
    listeners = [TaskListener()]  # noqa: RUF012 - Airflow reads a plain class attribute
