"""The cluster of docker-compose.yaml, started as `make cluster` starts it: Celery workers, PostgreSQL, Redis, S3.

Two workers share two shards of a use case whose events come out of order, late, twice and broken. Workers are killed in
mid-task. Afterwards every table is that of a clean lake on one machine.
"""

import csv
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from include.firstday import use_case
from include.firstday.settings import REPOSITORY
from include.firstday.stack import service
from include.firstday.use_case import UseCase
from tests.faults import chaos, compare, deliveries
from tests.faults.processes import run_alone
from tests.servers import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(580),
    pytest.mark.skipif(bool(service.missing_programs()), reason="; ".join(service.missing_programs())),
]

CASE = "cart_abandonment"
STAGES = "('store_events', 'update_features', 'score_users', 'publish_predictions')"
BEHIND = (
    f"select count(*) as n from progress where stage in {STAGES} "
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
        command = ("python", "-m", "include.firstday", "--use-case", CASE, "query", sql, "--format", "csv")
        (row,) = csv.DictReader(io.StringIO(self.inside("worker", *command)))
        return int(row["n"])

    @property
    def var(self) -> Path:
        """What the services share."""
        return self.home / "cluster" / "var"

    def lake(self) -> dict[str, str]:
        """The variables that lead to the cluster's lake."""
        lines = (line.partition("=") for line in self.inside("worker", "env").splitlines())
        return {name: value for name, _, value in lines if name.startswith("FIRSTDAY_") or name == "PGPASSWORD"}

    def workers(self) -> dict[str, psutil.Process]:
        """Each Celery worker's main process, by its name."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return {
            name: process
            for name in ("worker@worker-1", "worker@worker-2")
            for process in reversed(below)
            if name in cmdline(process)
        }

    def at_work(self) -> tuple[str, psutil.Process, str]:
        """The worker of which a task reads a landing file of the use case, as soon as one does, and the file's name."""
        landing, give_up = f"{self.var}/landing/{CASE}/", time.monotonic() + 150
        while time.monotonic() < give_up:
            for name, worker in self.workers().items():
                for child in children(worker):
                    for path in open_files(child):
                        if path.startswith(landing) and Path(path).parent.name == CASE:
                            return name, worker, Path(path).name
            time.sleep(0.01)
        raise AssertionError("no worker read a file")

    def kill(self, worker: psutil.Process) -> None:
        for process in [*children(worker), worker]:
            with_process(process, psutil.Process.kill)

    def wait_until_done(self, seconds: float) -> None:
        """Wait until nothing of the use case is in landing and no stage is behind."""
        landing = self.var / "landing" / CASE
        wait_until(lambda: not any(landing.glob("[!.]*.*")), seconds, every=1)
        wait_until(lambda: self.number(BEHIND) == 0, seconds, every=2)


def copied(project: Path) -> Path:
    """A copy of the project in which the use case has two shards."""
    left_out = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ("dags", "include", "plugins", "sql", "config"):
        shutil.copytree(REPOSITORY / name, project / name, ignore=left_out)
    shutil.copy(REPOSITORY / "docker-compose.yaml", project)
    file = project / "include" / "use_cases" / CASE / "use_case.yaml"
    file.write_text(file.read_text() + "\nshards: 2\n")
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
    compare.remember(tmp_path, plan.good_rows, plan.malformed, plan.faults.truncated_files)
    for delivery in deliveries.clean(source, 4):
        chaos.deliver(tmp_path / "clean", case, delivery)
    for stage in ("store_events", "update_features"):
        run_alone(stage, CASE, tmp_path / "clean")
    half = len(plan.deliveries) // 2

    for delivery in plan.deliveries[:half]:
        chaos.deliver(cluster.var, case, delivery)
    airflow = ("python", "-m", "include.firstday.stack", "airflow")
    cluster.inside("scheduler", *airflow, "dags", "unpause", f"{CASE}.process_events")
    name, worker, file = cluster.at_work()
    cluster.kill(worker)
    killed = time.monotonic()
    taken = f"select count(*) as n from consumed_files where source_file = '{file}'"
    wait_until(lambda: cluster.number(taken) == 1, 90, every=1)
    assert time.monotonic() - killed < 75  # a minute, and what a look takes
    wait_until(lambda: f"{name.split('@')[1]} had ended and was started again" in cluster.said(), 60)
    cluster.wait_until_done(120)

    for delivery in plan.deliveries[half:]:
        chaos.deliver(cluster.var, case, delivery)
    _, worker, _ = cluster.at_work()
    time.sleep(2)  # into a later micro-batch, or another stage
    cluster.kill(worker)
    cluster.wait_until_done(150)

    found = compare.compare(case, tmp_path, cluster.lake())
    chaos.say_found(found, print)
    assert [one for one in found if one.differing] == []
    assert {one.what: one.rows for one in found}["predictions (each step's users and features)"] > 0


def test_both_workers_shared_the_work_and_the_files_are_in_the_store(cluster: Cluster) -> None:
    logs = [(cluster.home / "cluster" / "logs" / f"worker-{number}.log").read_text() for number in (1, 2)]
    assert all("execute_workload" in log and "succeeded" in log for log in logs)
    assert not list((cluster.var / "lake").rglob("*.parquet"))


def test_it_stops_all(cluster: Cluster) -> None:
    below = psutil.Process(cluster.process.pid).children(recursive=True)
    cluster.process.send_signal(signal.SIGINT)
    assert cluster.process.wait(120) == 0
    assert not [process for process in below if process.is_running()]


def children(process: psutil.Process) -> list[psutil.Process]:
    return with_process(process, lambda process: process.children(recursive=True)) or []


def open_files(process: psutil.Process) -> list[str]:
    return with_process(process, lambda process: [each.path for each in process.open_files()]) or []


def cmdline(process: psutil.Process) -> list[str]:
    return with_process(process, psutil.Process.cmdline) or []


def with_process(process: psutil.Process, ask: Callable[[psutil.Process], Any]) -> Any:
    """What a process answers; None where it has ended meanwhile."""
    try:
        return ask(process)
    except psutil.Error:
        return None


def wait_until(happened: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(every)
