"""The servers around the pipeline on one machine: start, supervise and stop them.

`run` is `make run`, `run_cluster` is `make cluster`; `airflow` runs Airflow's command line for the installation of the
first, `execute` any command for that of the second.
"""

import sys
from typing import TYPE_CHECKING

from include.firstday.errors import ComposeError, PreflightError, SettingsError

if TYPE_CHECKING:
    from include.firstday.stack.runner import Runner


def run() -> int:
    """Start everything, run in the foreground until stopped; return the exit code."""
    from include.firstday.stack.runner import Runner

    return _run(Runner)


def run_cluster() -> int:
    """Do the same with the services of docker-compose.yaml."""
    from include.firstday.stack.cluster import ClusterRunner

    return _run(ClusterRunner)


def execute(service: str, command: list[str]) -> int:
    """Replace this process by a command in the environment of a cluster's service; return only on failure."""
    from include.firstday.settings import settings
    from include.firstday.stack.service import become, home_of

    try:
        if not (home_of(settings()).stack / "secrets.env").exists():
            raise PreflightError(
                f"No cluster has been started in {home_of(settings()).root} yet; start it with: make cluster"
            )
        become(service, 1, command)
    except (ComposeError, FileNotFoundError, PreflightError) as error:
        print(error, file=sys.stderr)
    return 1


def airflow(arguments: list[str]) -> int:
    """Replace this process by Airflow's command line; return only if nothing has been started yet."""
    from include.firstday.stack.command import replace_by_airflow

    return replace_by_airflow(arguments)


def _run(runner: "type[Runner]") -> int:
    from include.firstday.settings import settings

    try:
        chosen = settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    return runner(chosen).run()
