"""A compressed month of Airflow's history: `make soak` fills the installed Airflow's database as a run a minute does.

Each simulated day gets the rows that its runs of process_events leave (runs, task instances, XComs, audit log, asset
events) and their task logs, stamped with that day; then what `maintain_airflow` does runs as of that day's end. It
fails where the database, its rows or the logs grow on after the retention.
"""

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.firstday.settings import settings
from include.firstday.stack import clean_airflow, environment
from include.firstday.stack.home import Home

DAG = "first_day_churn.process_events"
TASKS = ("store_events", "update_features", "score_users", "publish_predictions")
BOUND = 1.2
START = datetime(2025, 1, 1, tzinfo=UTC)
TABLES = ("dag_run", "task_instance", "xcom", "log", "asset_event")
LOG_LINES = 40


@dataclass(frozen=True)
class Day:
    """How things stood after a simulated day and its cleaning."""

    day: int
    runs: int
    rows: int
    database_mb: float
    log_files: int


def soak(days: int, runs_a_day: int, keep_days: int, is_cleaned: bool, say: Callable[[str], None]) -> list[Day]:
    """Fill and clean day by day; one row a day."""
    home = Home.of(settings())
    _make_database(home)
    done: list[Day] = []
    for number in range(1, days + 1):
        begins = START + timedelta(days=number - 1)
        moments = [begins + timedelta(days=run / runs_a_day) for run in range(runs_a_day)]
        _fill(home.airflow / "airflow.db", moments)
        _write_logs(home.airflow / "logs", moments)
        if is_cleaned:
            before = begins + timedelta(days=1 - keep_days)
            clean_airflow.clean_database(before)
            clean_airflow.drop_logs(before)
        done.append(_state(home, number))
        say(_line(done[-1]) if done[1:] else f"{_heading()}\n{_line(done[-1])}")
    return done


def failures(days: list[Day], keep_days: int) -> Iterator[str]:
    """What was not bounded once the retention was reached."""
    settled = [day for day in days if day.day > keep_days]
    middle = len(settled) // 2
    if middle < 1:
        raise ValueError(f"expected at least {keep_days + 2} days, found {len(days)}")
    for name in ("runs", "rows", "database_mb", "log_files"):
        early, late = (max(getattr(day, name) for day in part) for part in (settled[:middle], settled[middle:]))
        if late > BOUND * early:
            yield f"{name}: at most {early:,.0f} in the days before the middle, but {late:,.0f} after it"


def _make_database(home: Home) -> None:
    home.prepare()
    home.login()
    airflow = str(Path(sys.executable).with_name("airflow"))
    variables = environment.build(settings(), home)
    subprocess.run([airflow, "db", "migrate"], env=variables, check=True, capture_output=True)
    with closing(sqlite3.connect(home.airflow / "airflow.db")) as database, database:
        database.execute("insert or ignore into dag_bundle (name) values ('dags-folder')")
        database.execute(
            "insert into dag (dag_id, is_paused, is_stale, bundle_name, timetable_type, partition_mapper_info, "
            "max_active_tasks, max_consecutive_failed_dag_runs, has_task_concurrency_limits) "
            "values (?, 0, 0, 'dags-folder', 'AssetOrTimeSchedule', '{}', 16, 0, 0)",
            [DAG],
        )


def _fill(path: Path, moments: list[datetime]) -> None:
    with closing(sqlite3.connect(path, timeout=30)) as database, database:
        for moment in moments:
            run, at = f"scheduled__{moment.isoformat()}", _text(moment)
            added = database.execute(
                "insert into dag_run (dag_id, run_id, run_type, state, queued_at, start_date, end_date, run_after, "
                "logical_date, created_at, updated_at) values (?, ?, 'scheduled', 'success', ?, ?, ?, ?, ?, ?, ?)",
                [DAG, run, *[at] * 7],
            )
            for task in TASKS:
                _fill_task(database, added.lastrowid, run, task, at)


def _fill_task(database: sqlite3.Connection, number: int | None, run: str, task: str, at: str) -> None:
    database.execute(
        "insert into task_instance (id, task_id, dag_id, run_id, try_number, pool, pool_slots, state, start_date, "
        "end_date, queued_dttm, updated_at) values (?, ?, ?, ?, 1, 'default_pool', 1, 'success', ?, ?, ?, ?)",
        [uuid.uuid4().hex, task, DAG, run, *[at] * 4],
    )
    database.execute(
        "insert into xcom (dag_run_id, task_id, key, dag_id, run_id, value, timestamp) "
        "values (?, ?, 'note', ?, ?, ?, ?)",
        [number, task, DAG, run, '"35,000 events stored, 12 rejected, from 1 file"', at],
    )
    database.executemany(
        "insert into log (dttm, dag_id, task_id, event, run_id, owner, extra) values (?, ?, ?, ?, ?, 'firstday', '{}')",
        [(at, DAG, task, event, run) for event in ("running", "success")],
    )
    database.execute(
        "insert into asset_event (asset_id, extra, source_task_id, source_dag_id, source_run_id, timestamp) "
        "values (1, '{}', ?, ?, ?, ?)",
        [task, DAG, run, at],
    )


def _write_logs(folder: Path, moments: list[datetime]) -> None:
    for moment in moments:
        for task in TASKS:
            run = folder / f"dag_id={DAG}" / f"run_id=scheduled__{moment.isoformat()}"
            file = run / f"task_id={task}" / "attempt=1.log"
            file.parent.mkdir(parents=True)
            file.write_text('{"event": "micro-batch stored"}\n' * LOG_LINES)
            os.utime(file, (moment.timestamp(), moment.timestamp()))


def _state(home: Home, number: int) -> Day:
    path = home.airflow / "airflow.db"
    with closing(sqlite3.connect(path)) as database:
        # The statement is made of the constant names above.
        counts = [database.execute(f"select count(*) from {table}").fetchone()[0] for table in TABLES]
    logs = sum(1 for file in (home.airflow / "logs").rglob("*.log"))
    return Day(number, counts[0], sum(counts), path.stat().st_size / 1e6, logs)


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def _heading() -> str:
    return "  ".join(f"{field.name.replace('_', ' '):>12}" for field in fields(Day))


def _line(day: Day) -> str:
    values = [getattr(day, field.name) for field in fields(Day)]
    return "  ".join(f"{value:>12,.2f}" if isinstance(value, float) else f"{value:>12,}" for value in values)


def main() -> int:
    """Run it in a home of its own; 0 where everything is bounded."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak_airflow", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--runs-a-day", type=int, default=1440)
    parser.add_argument("--keep-days", type=int, default=7)
    parser.add_argument("--without-maintenance", action="store_true", help="to see it fail")
    options = parser.parse_args()
    if options.days < options.keep_days + 2:
        parser.error("expected two days more than are kept")
    home = Path(tempfile.mkdtemp(prefix="firstday-soak-airflow-"))
    os.environ["FIRSTDAY_HOME"] = str(home)
    try:
        days = soak(
            options.days, options.runs_a_day, options.keep_days, not options.without_maintenance,
            lambda text: print(text, flush=True),
        )  # fmt: skip
        found = list(failures(days, options.keep_days))
    finally:
        shutil.rmtree(home)
    print("\n".join(f"NOT BOUNDED: {failure}" for failure in found) or "everything is bounded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
