"""Containers killed and servers gone while two workers share the tasks of a use case: every row is there, and once.

The events come out of order, late, twice and broken. Afterwards every table is that of a clean lake on one machine.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests.containers.stack import Stack, service
from tests.faults import chaos, compare, deliveries
from tests.faults.deliveries import Delivery
from tests.faults.processes import run_alone
from tests.installation import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

CASE = "cart_abandonment"
EVENTS, FILES = 60_000, 40
GONE_SECONDS = 20
FAULTS = ("worker", "scheduler", "postgres", "redis", "s3")
RUNNING = f"""
    select hostname from task_instance
    where state = 'running' and task_id = 'micro_batch' and dag_id = '{CASE}.process_events'
"""
BEHIND = (
    "select count(*) as n from checkpoints where stage in "
    "('store_events', 'update_features', 'score_users', 'publish_predictions') "
    "and batch_id < (select coalesce(max(batch_id), 0) from micro_batches)"
)


@dataclass
class Lakes:
    """The clean lake's folder, and the files that the containers are still to get."""

    case: UseCase
    folder: Path
    parts: list[list[Delivery]]


@pytest.fixture(scope="module")
def lakes(running: Stack, tmp_path_factory: pytest.TempPathFactory) -> Lakes:
    case, folder, rng = use_case.load(CASE), tmp_path_factory.mktemp("lakes"), random.Random(3)
    source = deliveries.source(case, rng, EVENTS)
    plan = deliveries.faulty(case, source, rng, FILES)
    compare.remember(folder, plan)
    for delivery in deliveries.clean(source, 4):
        chaos.deliver(folder / "clean", case, delivery)
    for stage in ("store_events", "update_features"):
        run_alone(stage, CASE, folder / "clean")
    make_landing(running)
    running.inside("scheduler", "python", "-m", "include.firstday.stack", "airflow", "dags", "unpause", DAG)
    return Lakes(case, folder, [plan.deliveries[number :: len(FAULTS)] for number in range(len(FAULTS))])


DAG = f"{CASE}.process_events"


@pytest.mark.parametrize("name", FAULTS)
def test_what_was_interrupted_is_done_soon_after(running: Stack, lakes: Lakes, name: str) -> None:
    for delivery in lakes.parts.pop():
        chaos.deliver(running.volume("var"), lakes.case, delivery)
    worker = at_work(running)
    if name in ("worker", "scheduler"):
        kill(worker if name == "worker" else running.containers(name)[0])
    else:
        running.compose("stop", name)
        time.sleep(GONE_SECONDS)
        running.compose("start", name)
    began = time.monotonic()
    wait_until_done(running)
    print(f"{name}: {time.monotonic() - began:.0f} s until all is done")
    wait_until(running.is_healthy, 120, every=2)


def test_every_table_is_that_of_a_clean_lake(running: Stack, lakes: Lakes) -> None:
    found = compare.compare(lakes.case, lakes.folder, from_here(running))
    chaos.say_found(found, print)
    assert [one for one in found if one.differing] == []
    assert {one.what: one.rows for one in found}["predictions (each step's users and features)"] > 0


def test_both_workers_shared_the_work(running: Stack) -> None:
    names = running.engine.docker("exec", *psql(running, "select distinct hostname from task_instance")).split()
    workers = {each["Config"]["Hostname"] for each in running.containers("worker")}
    assert workers <= set(names)


def make_landing(stack: Stack) -> None:
    """The use case's landing folder, of the user whom the containers run as: the test is another."""
    var = stack.volume("var")
    folder, owner = var / "landing" / CASE, var.stat()
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, owner.st_uid, owner.st_gid)


def at_work(stack: Stack) -> dict[str, Any]:
    """The container of the worker that runs the use case's task, as soon as one does, a little into its work."""
    workers = {each["Config"]["Hostname"]: each for each in stack.containers("worker")}
    found: list[str] = []

    def runs() -> bool:
        found[:] = stack.engine.docker("exec", *psql(stack, RUNNING)).split()
        return bool(found)

    wait_until(runs, 150, every=0.1)
    time.sleep(random.Random(5).uniform(0.2, 0.8))
    return workers[found[0]]


def psql(stack: Stack, sql: str) -> tuple[str, ...]:
    (postgres,) = stack.containers("postgres")
    return (postgres["Id"], "psql", "--dbname=airflow", "--username=postgres", "-qtAc", sql)


def kill(container: dict[str, Any]) -> None:
    """End all processes of a container at once, as the machine's memory or its power does: Docker starts it again."""
    os.kill(container["State"]["Pid"], signal.SIGKILL)


def wait_until_done(stack: Stack) -> None:
    """Wait until nothing of the use case is in landing and no stage is behind."""
    folder = stack.volume("var") / "landing" / CASE
    wait_until(lambda: not any(folder.glob("[!.]*.*")), 240, every=1)
    wait_until(answering(lambda: stack.number(BEHIND, CASE) == 0), 180, every=2)


def answering(ask: Callable[[], bool]) -> Callable[[], bool]:
    """The same question, answered with no where nothing answers."""

    def asked() -> bool:
        with suppress(AssertionError):
            return ask()
        return False

    return asked


def from_here(stack: Stack) -> dict[str, str]:
    """A worker's settings, with the addresses and folders that this machine has for the same."""
    (worker, *_) = stack.containers("worker")
    variables = dict(line.split("=", 1) for line in worker["Config"]["Env"])
    own = {name: value for name, value in variables.items() if name.startswith("FIRSTDAY_") or name == "PGPASSWORD"}
    addresses = {service(each): address(each) for each in stack.servers()}
    own["FIRSTDAY_LAKE_CATALOG"] = own["FIRSTDAY_LAKE_CATALOG"].replace(
        "host=postgres", f"host={addresses['postgres']}"
    )
    own["FIRSTDAY_S3_ENDPOINT"] = own["FIRSTDAY_S3_ENDPOINT"].replace("//s3:", f"//{addresses['s3']}:")
    return {**own, "FIRSTDAY_HOME": str(stack.volume("var"))}


def address(container: dict[str, Any]) -> str:
    (network,) = container["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])
