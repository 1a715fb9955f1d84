"""Airflow's own history, kept for so long and no longer: its database by `airflow db clean`, task logs by their age.

At a run a minute a year of both would be some 15 GB of SQLite and 4.5 million files.
"""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

from include.firstday.errors import StackError
from include.firstday.settings import settings
from include.firstday.stack import environment
from include.firstday.stack.home import Home

CONNECTION = "airflow_database"  # a worker's way to the URL
BATCH_ROWS = 5000  # deleted in one transaction: the scheduler waits for it, on SQLite
_URL = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


class CleaningError(StackError):
    """Airflow's command failed; the message has the end of what it wrote."""


def clean_database(before: datetime, database: str = "") -> None:
    """Delete Airflow's rows from before a moment (with a time zone), keeping each DAG's last run.

    `database` is a SQLAlchemy URL, by default that of the settings: a worker has none. Raises CleaningError.
    """
    home = Home.of(settings())
    variables = environment.build(settings(), home) | ({_URL: database} if database else {})
    airflow = str(Path(sys.executable).with_name("airflow"))
    ran = subprocess.run(  # noqa: S603 - a fixed command
        [airflow, "db", "clean", "--clean-before-timestamp", before.isoformat(), "--batch-size", str(BATCH_ROWS),
         "--skip-archive", "--error-on-cleanup-failure", "--yes"],
        env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise CleaningError(f"airflow db clean ended with {ran.returncode}: {(ran.stdout + ran.stderr)[-2000:]}")


def drop_logs(before: datetime) -> int:
    """Delete task logs last written before a moment (with a time zone), and folders left empty; the number of logs."""
    folder, oldest = Home.of(settings()).airflow / "logs", before.timestamp()
    old = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    emptied = {parent for path in old for parent in path.parents if folder in parent.parents}
    for parent in sorted(emptied, reverse=True):
        if not any(parent.iterdir()):
            parent.rmdir()
    return len(old)
