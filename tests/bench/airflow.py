"""Airflow's share: from the minute's tick, or a file's arrival, to predictions committed, and what the stack costs.

A whole installation with its usual history. The tick is the time at which the minute's events are due. Events and
predictions are one commit, which the task logs; it ends when the predictions are published, too. Idle means that the
generator is paused, so that nothing arrives.
"""

import json
import re
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psutil

from tests.bench.measures import Claim, Section, median, percentile_95, scratch
from tests.installation import Installation

SETTLE_SECONDS = 150
IDLE_MINUTES = 3
DAG = "first_day_churn.process_events"
TICKS = """
select logical_date from dag_run
where dag_id = 'first_day_churn.generate_events' and run_type = 'scheduled' and state = 'success' and logical_date > ?
order by logical_date
"""
ENDS = """
select end_date from task_instance
where dag_id = 'first_day_churn.process_events' and task_id = 'micro_batch' and state = 'success' and end_date > ?
order by end_date
"""
SKIPPED = """
select count(distinct r.run_id), count(distinct case when t.state = 'skipped' then r.run_id end)
from dag_run r join task_instance t on t.dag_id = r.dag_id and t.run_id = r.run_id
where r.dag_id = 'first_day_churn.process_events' and r.run_after > ?
"""
DROPS = 20
STORED = re.compile(r"micro-batch [\d,]+: [\d,]+ events? stored")


def run(quick: bool = False, minutes: int = 30) -> Section:
    """Run an installation for that many minutes. `quick`: two."""
    minutes = 2 if quick else minutes
    section = Section(
        "airflow",
        "From the minute's tick to predictions committed",
        f"`make run` for {minutes} minutes on its usual history, nothing else triggered; then {IDLE_MINUTES} minutes "
        f"without events; then {DROPS} files, one after the other, moved into landing as any program may.",
    )
    with scratch() as folder, Installation(folder / "home", "0.1" if quick else "3") as installation:
        time.sleep(SETTLE_SECONDS)
        begun = datetime.utcnow().isoformat(sep=" ")
        busy = _cpu_share(installation, minutes)
        ticks = _times(installation, TICKS, begun)
        seconds = _latencies(ticks, _commits(installation))
        whole = _latencies(ticks, _times(installation, ENDS, begun))
        ((runs, skipping),) = _asked(installation, SKIPPED, begun)
        triggerer = _memory(installation.server("triggerer"))
        _pause(installation, "first_day_churn.generate_events")
        time.sleep(60)
        idle = _cpu_share(installation, 1 if quick else IDLE_MINUTES)
        dropped = [_drop(installation, number) for number in range(2 if quick else DROPS)]
    if not seconds:
        raise SystemExit("no minute was seen through")
    section.rows = [
        {"what": "tick to predictions, median", "value": round(median(seconds), 2), "unit": "s"},
        {"what": "tick to predictions, 95 %", "value": round(percentile_95(seconds), 2), "unit": "s"},
        {"what": "tick to the end of the task, median", "value": round(median(whole), 2), "unit": "s"},
        {"what": "file dropped to predictions, median", "value": round(median(dropped), 2), "unit": "s"},
        {"what": "minutes measured", "value": len(seconds), "unit": ""},
        {"what": "runs with a skipped task", "value": round(100 * skipping / runs, 1), "unit": "%"},
        {"what": "memory of the triggerer", "value": round(triggerer / 10**6), "unit": "MB"},
        {"what": "processor time at work", "value": round(100 * busy, 1), "unit": "% of one core"},
        {"what": "processor time idle", "value": round(100 * idle, 1), "unit": "% of one core"},
    ]
    section.claims = [
        Claim("tick to predictions, median: at most 2 s", f"{median(seconds):.1f} s", median(seconds) <= 2),
        Claim("95 %: at most 3 s", f"{percentile_95(seconds):.1f} s", percentile_95(seconds) <= 3),
        Claim("file dropped to predictions, median: at most 6 s", f"{median(dropped):.1f} s", median(dropped) <= 6),
        Claim("at most 5 % of runs skip a task", f"{skipping} of {runs}", skipping <= 0.05 * runs),
        Claim("idle: at most 20 % of one core", f"{100 * idle:.0f} %", idle <= 0.2),
    ]
    return section


def _pause(installation: Installation, dag: str) -> None:
    installation.command("include.firstday.stack", "airflow", "dags", "pause", "--yes", dag)


def _asked(installation: Installation, text: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of a query of Airflow's database."""
    with closing(sqlite3.connect(f"file:{installation.home}/airflow/airflow.db?mode=ro", uri=True)) as database:
        return database.execute(text, values).fetchall()


def _times(installation: Installation, text: str, *values: object) -> list[datetime]:
    return [datetime.fromisoformat(time) for (time,) in _asked(installation, text, *values)]


def _commits(installation: Installation) -> list[datetime]:
    """When micro-batches, with their predictions, were committed, by the lines of the tasks' logs; UTC, in order."""
    logs = (installation.home / "airflow" / "logs" / f"dag_id={DAG}").glob("run_id=*/task_id=micro_batch/*.log")
    lines = (json.loads(line) for log in logs for line in log.read_text(encoding="utf-8").splitlines())
    stored = (line["timestamp"] for line in lines if STORED.match(str(line.get("event"))))
    return sorted(datetime.fromisoformat(time).astimezone(UTC).replace(tzinfo=None) for time in stored)


def _latencies(begun: list[datetime], ended: list[datetime]) -> list[float]:
    """Seconds from each time to the first after it, of those that have one."""
    after = ((time, next((end for end in ended if end > time), None)) for time in begun)
    return [(end - time).total_seconds() for time, end in after if end]


def _drop(installation: Installation, number: int) -> float:
    """Move a file of a new player into landing; seconds until the player is scored."""
    now = datetime.now(UTC).replace(tzinfo=None)
    about = {"user_id": f"dropped-{number}", "event_time": now.isoformat()}
    events = [about | {"event_type": "new_registration"}, about | {"event_type": "new_purchases", "amount": 10}]
    path = installation.home / "landing" / "first_day_churn" / f"dropped-{number}.ndjson"
    path.with_suffix(".part").write_text("\n".join(map(json.dumps, events)))
    path.with_suffix(".part").rename(path)
    deadline = time.monotonic() + 120
    while path.exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"{path} was not processed")
        time.sleep(0.2)
    time.sleep(5)  # the run ends
    return _latencies([now], _commits(installation))[0]


def _memory(process: psutil.Process) -> int:
    """Bytes of a server and the processes below it, what they share counted once."""
    return sum(one.memory_full_info().pss for one in (process, *process.children(recursive=True)))


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
