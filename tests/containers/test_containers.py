"""The image and the services of docker-compose.yaml, run for real: what they may do, and that they do their work."""

import json
import re
import time
import urllib.error
from typing import Any

import pytest

from include.firstday.settings import REPOSITORY
from include.firstday.stack import secrets_file
from tests.containers.stack import CASE, IMAGE, JOBS, Stack, now, service
from tests.installation import TRAINED_SECONDS, get, wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1500)]

LARGEST_IMAGE = 1.2e9
# A change of code copies the project's folders again, and nothing else.
REBUILD_SECONDS = 60
# Secrets, and the services that `docker inspect` shows them for, in docs/how-to/security.md.
HOLDERS = re.compile(r"^\| ((?:`[A-Z\d_]+`(?:, )?)+) \| (.+) \|$", re.MULTILINE)


def test_the_image_is_small_and_a_change_of_code_rebuilds_it_in_seconds(stack: Stack) -> None:
    size = int(stack.engine.docker("image", "inspect", "--format", "{{.Size}}", IMAGE))
    assert size < LARGEST_IMAGE
    changed = stack.folder / "include" / "firstday" / "errors.py"
    changed.write_text(f"{changed.read_text()}\n# changed\n")
    began = time.monotonic()
    stack.build()
    assert time.monotonic() - began < REBUILD_SECONDS


def test_the_image_has_no_secret_and_is_not_run_as_root(stack: Stack) -> None:
    (image,) = json.loads(stack.engine.docker("image", "inspect", IMAGE))
    history = stack.engine.docker("history", "--no-trunc", IMAGE)
    assert image["Config"]["User"] == "firstday"
    assert not [name for name, value in secrets(stack).items() if value in f"{image}{history}"]
    files = stack.engine.docker("run", "--rm", "--network=none", IMAGE, "find", "/home/firstday")
    assert ".env" not in files
    assert "/home/firstday/project/include/firstday/cli/main.py" in files


def secrets(stack: Stack) -> dict[str, str]:
    return {name: stack.variables[name] for name in secrets_file.MADE if name != "COMPOSE_PROFILES"}


def test_docker_compose_reads_the_file_and_one_service_builds(stack: Stack) -> None:
    assert stack.compose("config", "--quiet") == ""
    assert stack.compose("config").count("build:") == 1


def test_every_service_becomes_healthy_and_every_job_succeeds(running: Stack) -> None:
    states = {service(each): each["State"] for each in running.containers()}
    assert {name for name, state in states.items() if state["Status"] == "exited"} == JOBS
    assert {states[name]["ExitCode"] for name in JOBS} == {0}
    assert running.is_healthy()
    assert sum(service(each) == "worker" for each in running.containers()) == 2


def test_no_container_has_a_right_that_it_does_not_need(running: Stack) -> None:
    for each in running.containers():
        host, name = each["HostConfig"], service(each)
        assert host["ReadonlyRootfs"] is True, name
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert not host["Privileged"], name
        assert {mount["Type"] for mount in each["Mounts"]} <= {"volume"}, name
        assert bool(host["CapAdd"]) == (name == "s3"), name


def test_no_process_runs_as_root_and_none_writes_beside_its_volumes(running: Stack) -> None:
    for each in running.servers():
        owners = running.engine.docker("top", each["Id"], "-eo", "pid,uid,comm").splitlines()[1:]
        root = {line.split()[2] for line in owners if line.split()[1] == "0"}
        assert root <= {"docker-init", "tini"}, service(each)
    with pytest.raises(AssertionError, match="Read-only file system"):
        running.inside("worker", "touch", "/home/firstday/project/include/written")


def test_ports_are_on_loopback_only(running: Stack) -> None:
    bound = {
        (service(each), one["HostIp"], one["HostPort"])
        for each in running.containers()
        for ports in (each["HostConfig"]["PortBindings"] or {}).values()
        for one in ports
    }
    airflow, mlflow = (url.rsplit(":", 1)[1] for url in (running.airflow, running.mlflow))
    assert bound == {("api-server", "127.0.0.1", airflow), ("mlflow", "127.0.0.1", mlflow)}


def test_docker_inspect_shows_the_secrets_that_the_documentation_names(running: Stack) -> None:
    page = (REPOSITORY / "docs" / "how-to" / "security.md").read_text(encoding="utf-8")
    rows = [[re.findall(r"`([\w-]+)`", cell) for cell in row] for row in HOLDERS.findall(page)]
    documented = {name: set(holders) for names, holders in rows for name in names}
    shown: dict[str, set[str]] = {name: set() for name in secrets(running)}
    for each in running.containers():
        for name, value in secrets(running).items():
            if value in json.dumps(each):
                shown[name].add(service(each))
    assert shown == documented


def test_a_minute_goes_through_to_predictions(running: Stack) -> None:
    wait_until(lambda: running.number("select count(*) from predictions") > 0, 240, every=3)
    batch = running.number("select max(batch_id) from micro_batches")
    wait_until(lambda: running.number(f"select count(*) from checkpoints where batch_id > {batch}") > 0, 150, every=3)
    assert not [run for run in runs(running) if run["state"] == "failed"]


def runs(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.api(f"api/v2/dags/{CASE}.process_events/dagRuns?limit=100")["dag_runs"]
    return found


def test_only_who_logs_in_sees_the_page(running: Stack) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{running.airflow}/firstday/api/{CASE}/status")
    wrong = json.dumps({"username": "admin", "password": "wrong"}).encode()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{running.airflow}/auth/token", wrong, **{"Content-Type": "application/json"})
    assert running.api(f"firstday/api/{CASE}/status")["totals"]["predictions"] > 0


def test_posted_events_are_in_the_lake_within_minutes(running: Stack) -> None:
    who = {"user_id": "posted-to-containers", "event_time": now().isoformat()}
    registration = {**who, "event_type": "new_registration", "postcode": "10115"}
    purchase = {**who, "event_type": "new_purchases", "amount": "12.50"}
    bet = {**who, "event_type": "new_bet", "bet_amount": "2.00"}
    accepted = running.api(f"firstday/api/{CASE}/events", [registration, purchase, bet])
    assert accepted["accepted"] == 3
    found = "select count(*) from predictions where user_id = 'posted-to-containers'"
    wait_until(lambda: running.number(found) > 0, 180, every=3)


def test_a_training_ends_with_a_version_in_the_registry(running: Stack) -> None:
    dag = f"{CASE}.train_model"
    before = versions(running)
    running.wait_for_run(dag, running.trigger(dag), TRAINED_SECONDS)
    assert versions(running) > before


def versions(stack: Stack) -> int:
    found = get(f"{stack.mlflow}/api/2.0/mlflow/model-versions/search?max_results=100")
    return len(found.get("model_versions", []))


def test_the_lake_is_in_the_store_and_each_key_opens_its_own_bucket(running: Stack) -> None:
    assert not list(running.volume("var").glob("lake/**/*.parquet"))
    assert list(running.volume("s3").glob("firstday/**/*.parquet*"))
    with pytest.raises(AssertionError, match="403"):
        running.inside("worker", "python", "-m", "include.firstday.stack.bucket", "firstday-mlflow")


def test_down_and_up_keep_the_data(running: Stack) -> None:
    counted = "select (select count(*) from events) + (select count(*) from predictions)"
    before, trained = running.number(counted), versions(running)
    running.down()
    assert running.containers() == []
    print(f"from `up` to healthy, with data: {running.up():.0f} s")
    assert running.number(counted) >= before
    assert versions(running) == trained
    batch = running.number("select max(batch_id) from micro_batches")
    wait_until(lambda: running.number("select max(batch_id) from micro_batches") > batch, 150, every=3)
