"""The cluster of docker-compose.yaml, started as `make cluster` starts it: Celery workers, PostgreSQL, Redis, S3.

Two workers share the tasks of a use case whose events come out of order, late, twice and broken. They are killed in
mid-task. Afterwards every table is that of a clean lake on one machine.
"""

import csv
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from include.firstday.settings import REPOSITORY
from include.firstday.stack import service
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests.faults import chaos, compare, deliveries
from tests.faults.processes import run_alone
from tests.installation import asked, below, wait_until
from tests.servers import free_port

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(580),
    pytest.mark.skipif(bool(service.missing_programs()), reason="; ".join(service.missing_programs())),
]

CASE = "cart_abandonment"
STAGES = "('store_events', 'update_features', 'score_users', 'publish_predictions')"
RUNNING = "select pid from task_instance where state = 'running' and dag_id = %s and task_id = %s"
BEHIND = (
    f"select count(*) as n from checkpoints where stage in {STAGES} "
    "and batch_id < (select coalesce(max(batch_id), 0) from micro_batches)"
)


class Cluster:
    """One `make cluster` of a copy of the project, in a home of its own, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.project = copied(folder / "project")
        self.home = folder / "home"
        self.environment = os.environ | {"FIRSTDAY_HOME": str(self.home), "FIRSTDAY_HISTORY_DAYS": "0.05"}
        self.environment |= {name: str(free_port()) for name in service.PORTS}
        self.output = folder / "output.txt"

    def start(self) -> None:
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "include.firstday.stack", "cluster"],
                cwd=self.project,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: "Ready." in self.said() or self.process.poll() is not None, 240)
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        return self.output.read_text()

    def inside(self, name: str, *command: str) -> str:
        """What a command prints in the environment of a service."""
        ran = subprocess.run(
            [sys.executable, "-m", "include.firstday.stack", "exec", name, *command],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def number(self, sql: str) -> int:
        """The only value of a query, asked as a worker would."""
        command = ("python", "-m", "include.firstday", "--use-case", CASE, "query", sql, "--output", "csv")
        (row,) = csv.DictReader(io.StringIO(self.inside("worker", *command)))
        return int(row["n"])

    @property
    def var(self) -> Path:
        """What the services share."""
        return self.home / "cluster" / "var"

    def variables(self, name: str) -> dict[str, str]:
        """The environment of a service."""
        lines = (line.partition("=") for line in self.inside(name, "env").splitlines())
        return {key: value for key, _, value in lines if key.startswith("FIRSTDAY_") or key == "PGPASSWORD"}

    def workers(self) -> dict[int, str]:
        """Each Celery worker's main process, and its name."""
        started = below(psutil.Process(self.process.pid))
        titles = {process.pid: " ".join(asked(process, psutil.Process.cmdline, [])) for process in started}
        found = {pid: re.match(r"\[celeryd: worker@(worker-\d):MainProcess\]", title) for pid, title in titles.items()}
        return {pid: match[1] for pid, match in found.items() if match}

    def at_work(self, task: str) -> tuple[str, psutil.Process]:
        """The worker that runs a task of the use case, by name and main process, as soon as one does."""
        database = self.variables("scheduler")["FIRSTDAY_AIRFLOW_DATABASE"].replace("+psycopg2", "")
        with closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            give_up = time.monotonic() + 150
            while time.monotonic() < give_up:
                cursor.execute(RUNNING, (f"{CASE}.process_events", task))
                workers = self.workers()
                for process in (process for (pid,) in cursor.fetchall() for process in above(pid)):
                    if process.pid in workers:
                        return workers[process.pid], process
                time.sleep(0.05)
        raise AssertionError(f"no worker ran {task}")

    def kill(self, worker: psutil.Process) -> None:
        for process in [*below(worker), worker]:
            asked(process, psutil.Process.kill, None)

    def wait_until_done(self, seconds: float) -> None:
        """Wait until nothing of the use case is in landing and no stage is behind."""
        landing = self.var / "landing" / CASE
        wait_until(lambda: not any(landing.glob("[!.]*.*")), seconds, every=1)
        wait_until(lambda: self.number(BEHIND) == 0, seconds, every=2)


def copied(project: Path) -> Path:
    """A copy of the project."""
    left_out = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ("dags", "include", "plugins", "sql", "config"):
        shutil.copytree(REPOSITORY / name, project / name, ignore=left_out)
    for name in ("docker-compose.yaml", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, project)
    return project


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        if made.process.poll() is None:
            made.process.send_signal(signal.SIGINT)
            made.process.wait(120)


@pytest.fixture(scope="module")
def case() -> UseCase:
    return use_case.load(CASE)


def test_workers_that_are_killed_change_nothing(cluster: Cluster, case: UseCase, tmp_path: Path) -> None:
    rng = random.Random(3)
    source = deliveries.source(case, rng, 60_000)
    plan = deliveries.faulty(case, source, rng, 40)
    compare.remember(tmp_path, plan)
    for delivery in deliveries.clean(source, 4):
        chaos.deliver(tmp_path / "clean", case, delivery)
    for stage in ("store_events", "update_features"):
        run_alone(stage, CASE, tmp_path / "clean")
    half = len(plan.deliveries) // 2

    for delivery in plan.deliveries[:half]:
        chaos.deliver(cluster.var, case, delivery)
    airflow = ("python", "-m", "include.firstday.stack", "airflow")
    cluster.inside("scheduler", *airflow, "dags", "unpause", f"{CASE}.process_events")
    name, worker = cluster.at_work("micro_batch")
    time.sleep(rng.uniform(0.2, 0.8))  # into its work
    cluster.kill(worker)
    killed = time.monotonic()
    cluster.wait_until_done(90)
    assert time.monotonic() - killed < 75  # a minute, and what a look takes
    wait_until(lambda: f"{name} had ended and was started again" in cluster.said(), 60)

    for delivery in plan.deliveries[half:]:
        chaos.deliver(cluster.var, case, delivery)
    _, worker = cluster.at_work("micro_batch")
    time.sleep(rng.uniform(0.2, 0.8))
    cluster.kill(worker)
    cluster.wait_until_done(120)

    found = compare.compare(case, tmp_path, cluster.variables("worker"))
    chaos.say_found(found, print)
    assert [one for one in found if one.differing] == []
    assert {one.what: one.rows for one in found}["predictions (each step's users and features)"] > 0


def test_both_workers_shared_the_work_and_the_files_are_in_the_store(cluster: Cluster) -> None:
    logs = [(cluster.home / "cluster" / "logs" / f"worker-{number}.log").read_text() for number in (1, 2)]
    assert all("execute_workload" in log and "succeeded" in log for log in logs)
    assert not list((cluster.var / "lake").rglob("*.parquet"))


def test_it_stops_all(cluster: Cluster) -> None:
    started = below(psutil.Process(cluster.process.pid))
    cluster.process.send_signal(signal.SIGINT)
    assert cluster.process.wait(120) == 0
    assert not [process for process in started if process.is_running()]


def above(pid: int) -> list[psutil.Process]:
    """The processes that a process is a child of; none where it has ended."""
    try:
        return psutil.Process(pid).parents()
    except psutil.Error:
        return []
