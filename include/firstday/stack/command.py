"""Airflow's command line for the installation of `make run`."""

import os
import sys
from pathlib import Path

from include.firstday.settings import settings
from include.firstday.stack import environment
from include.firstday.stack.home import Home


def replace_by_airflow(arguments: list[str]) -> int:
    """Run `airflow ARGUMENTS`; without a database print an error and return 1. `db migrate` creates it."""
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
