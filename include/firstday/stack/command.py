"""Airflow's command line against the installation that `make run` started."""

import os
import sys
from pathlib import Path

from include.firstday.settings import settings
from include.firstday.stack import environment
from include.firstday.stack.home import Home


def replace_by_airflow(arguments: list[str]) -> int:
    """Become `airflow ARGUMENTS`; while there is no database say so and return 1. `db migrate` makes all there is."""
    home = Home.of(settings())
    if arguments[:2] == ["db", "migrate"]:
        home.prepare()
        home.login()
    elif not (settings().airflow_database or settings().celery_broker.get_secret_value() or home.started_before):
        print(f"Airflow has not been started in {home.root} yet; start it with: make run", file=sys.stderr)
        return 1
    airflow = str(Path(sys.executable).with_name("airflow"))
    variables = environment.build(settings(), home) | {"PYTHONWARNINGS": "ignore:Could not import graphviz"}
    os.execve(airflow, [airflow, *arguments], variables)  # noqa: S606 - no shell wanted
