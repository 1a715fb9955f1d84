"""Airflow's share: from the minute's tick to that minute's predictions committed, and what the idle stack costs.

A whole installation with its usual history. The tick is the time at which the minute's events are due; the predictions
are committed when `score_users` ends. Idle means that the generator is paused: `process_events` looks every minute and
finds nothing.
"""

import sqlite3
import time
from contextlib import closing
from datetime import datetime

import psutil

from tests.bench.measures import Claim, Section, median, percentile_95, scratch
from tests.installation import Installation

SETTLE_SECONDS = 150
IDLE_MINUTES = 3
LATENCIES = """
select g.logical_date, min(t.end_date)
from dag_run g
join task_instance t
    on t.dag_id = 'first_day_churn.process_events' and t.task_id = 'score_users' and t.state = 'success'
    and t.end_date > g.logical_date
where g.dag_id = 'first_day_churn.generate_events' and g.run_type = 'scheduled' and g.logical_date > ?
group by g.logical_date
order by g.logical_date
"""


def run(quick: bool = False, minutes: int = 30) -> Section:
    """Run an installation for that many minutes. `quick`: two."""
    minutes = 2 if quick else minutes
    section = Section(
        "airflow",
        "From the minute's tick to predictions committed",
        f"`make run` for {minutes} minutes on its usual history, nothing else triggered; then {IDLE_MINUTES} minutes "
        "without events.",
    )
    with scratch() as folder, Installation(folder / "home", "0.1" if quick else "3") as installation:
        time.sleep(SETTLE_SECONDS)
        begun = datetime.utcnow().isoformat(sep=" ")
        busy = _cpu_share(installation, minutes)
        seconds = _latencies(installation, begun)
        _pause(installation, "first_day_churn.generate_events")
        time.sleep(60)
        idle = _cpu_share(installation, 1 if quick else IDLE_MINUTES)
    if not seconds:
        raise SystemExit("no minute was seen through")
    section.rows = [
        {"what": "tick to predictions, median", "value": round(median(seconds), 2), "unit": "s"},
        {"what": "tick to predictions, 95 %", "value": round(percentile_95(seconds), 2), "unit": "s"},
        {"what": "minutes measured", "value": len(seconds), "unit": ""},
        {"what": "processor time at work", "value": round(100 * busy, 1), "unit": "% of one core"},
        {"what": "processor time idle", "value": round(100 * idle, 1), "unit": "% of one core"},
    ]
    section.claims = [Claim("the median is at most 6 s", f"{median(seconds):.1f} s", median(seconds) <= 6)]
    return section


def _pause(installation: Installation, dag: str) -> None:
    installation.command("include.firstday.stack", "airflow", "dags", "pause", "--yes", dag)


def _latencies(installation: Installation, begun: str) -> list[float]:
    with closing(sqlite3.connect(f"file:{installation.home}/airflow/airflow.db?mode=ro", uri=True)) as database:
        rows = database.execute(LATENCIES, [begun]).fetchall()
    return [(datetime.fromisoformat(end) - datetime.fromisoformat(tick)).total_seconds() for tick, end in rows]


def _cpu_share(installation: Installation, minutes: int) -> float:
    """Processor time of all of the installation's processes, those that ended meanwhile too, by the clock's time."""
    root, begun = psutil.Process(installation.process.pid), time.monotonic()
    before = _cpu_seconds(root)
    time.sleep(60 * minutes)
    return (_cpu_seconds(root) - before) / (time.monotonic() - begun)


def _cpu_seconds(root: psutil.Process) -> float:
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system + used.children_user + used.children_system
    return total
