"""The servers around the pipeline on one machine: start them, keep them alive, leave nothing behind.

`run` is what `make run` calls; `airflow` runs Airflow's command line against the same installation.
"""

import sys


def run() -> int:
    """Start everything, stay in the foreground until asked to stop; returns the exit code."""
    from pydantic import ValidationError

    from include.firstday.settings import settings
    from include.firstday.stack.runner import Runner

    try:
        return Runner(settings()).run()
    except ValidationError as error:
        for problem in error.errors():
            name = "FIRSTDAY_" + "_".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}: {problem['msg']}, found {problem['input']!r}.", file=sys.stderr)
        return 1


def airflow(arguments: list[str]) -> int:
    """Replace this process by Airflow's command line; returns only when nothing was started yet."""
    from include.firstday.stack.command import replace_by_airflow

    return replace_by_airflow(arguments)
