"""Airflow's tables, made once and copied, as each look at the DAGs has an Airflow of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of Airflow."""
    folder = tmp_path_factory.mktemp("airflow")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    subprocess.run(
        [sys.executable, "-c", "from airflow.utils.db import initdb; initdb()"],
        env=environment | {"AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        capture_output=True,
        timeout=300,
        check=True,
    )
    return folder / "airflow.db"


@pytest.fixture
def airflow_tables(home: Path, new_database: Path) -> None:
    """Airflow's tables in the test's home."""
    (home / "airflow").mkdir(parents=True)
    shutil.copy(new_database, home / "airflow")
