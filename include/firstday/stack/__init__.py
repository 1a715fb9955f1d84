"""The servers around the pipeline on one machine: start, supervise and stop them.

`run` is `make run`; `airflow` runs Airflow's command line for its installation.
"""

import sys

from include.firstday.errors import SettingsError


def run() -> int:
    """Start everything, run in the foreground until stopped; return the exit code."""
    from include.firstday.settings import settings
    from include.firstday.stack.runner import Runner

    try:
        chosen = settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    return Runner(chosen).run()


def airflow(arguments: list[str]) -> int:
    """Replace this process by Airflow's command line; return only if nothing has been started yet."""
    from include.firstday.stack.command import replace_by_airflow

    return replace_by_airflow(arguments)
