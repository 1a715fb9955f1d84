"""The servers around the pipeline on one machine: start them, keep them alive, leave nothing behind.

`run` is what `make run` calls; `airflow` runs Airflow's command line against the same installation.
"""


def run() -> int:
    """Start everything, stay in the foreground until asked to stop; returns the exit code."""
    from include.firstday.settings import settings
    from include.firstday.stack.runner import Runner

    return Runner(settings()).run()


def airflow(arguments: list[str]) -> int:
    """Replace this process by Airflow's command line; returns only when nothing was started yet."""
    from include.firstday.stack.command import replace_by_airflow

    return replace_by_airflow(arguments)
