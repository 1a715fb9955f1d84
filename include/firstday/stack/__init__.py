"""The servers around the pipeline on one machine: start them, keep them alive, leave nothing behind.

`run` is what `make run` calls, `run_cluster` what `make cluster` calls; `airflow` runs Airflow's command line against
the installation of the first, `execute` any command against that of the second.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.firstday.stack.runner import Runner


def run() -> int:
    """Start everything, stay in the foreground until asked to stop; returns the exit code."""
    from include.firstday.stack.runner import Runner

    return _run(Runner)


def run_cluster() -> int:
    """The same with the services of docker-compose.yaml."""
    from include.firstday.stack.cluster import ClusterRunner

    return _run(ClusterRunner)


def execute(service: str, command: list[str]) -> int:
    """Replace this process by a command in the environment of a cluster's service; returns where it cannot."""
    from include.firstday.settings import settings
    from include.firstday.stack.checks import PreflightError
    from include.firstday.stack.compose import ComposeError
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
    """Replace this process by Airflow's command line; returns only when nothing was started yet."""
    from include.firstday.stack.command import replace_by_airflow

    return replace_by_airflow(arguments)


def _run(runner: "type[Runner]") -> int:
    from pydantic import ValidationError

    from include.firstday.settings import settings

    try:
        chosen = settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "FIRSTDAY_" + "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}: {problem['msg']}, found {problem['input']!r}.", file=sys.stderr)
        return 1
    return runner(chosen).run()
