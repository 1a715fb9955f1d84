"""docker-compose.yaml as data, its secrets, and its services as processes of this machine."""

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from include.firstday.errors import ComposeError
from include.firstday.settings import REPOSITORY, settings
from include.firstday.stack import compose, secrets_file, service
from include.firstday.stack.home import Home

FILLED = dict.fromkeys(secrets_file.MADE, "made")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "docker-compose.yaml"
    path.write_text(text)
    return path


# The compose file


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$A", "1"),
        ("${A}", "1"),
        ("${A:-2}", "1"),
        ("${EMPTY:-2}", "2"),
        ("${EMPTY-2}", ""),
        ("${NONE:-http://s3:8333}", "http://s3:8333"),
        ("${NONE}", ""),
        ("$${A} and $$(x)", "${A} and $(x)"),
    ],
)
def test_variables_are_put_in_as_compose_does(text: str, filled: str) -> None:
    assert compose.fill(text, {"A": "1", "EMPTY": ""}) == filled


@pytest.mark.parametrize("given", [{}, {"A": ""}])
def test_a_variable_that_must_be_set_is_named(given: dict[str, str]) -> None:
    with pytest.raises(ComposeError, match="A: run make secrets"):
        compose.fill("${A:?run make secrets}", given)


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose: apt-get install docker-compose")
def test_the_compose_file_is_clean_to_docker_compose(tmp_path: Path) -> None:
    for name in (compose.FILE.name, "Dockerfile"):
        shutil.copy(REPOSITORY / name, tmp_path)
    secrets_file.complete(tmp_path / ".env")
    ran = subprocess.run(["docker-compose", "config", "-q"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_nothing_starts_without_secrets() -> None:
    with pytest.raises(ComposeError, match=r"docker-compose.yaml: \w+: run make secrets"):
        compose.read({})


def test_every_service_is_read_after_those_it_waits_for() -> None:
    services = compose.read(FILLED)
    names = list(services)
    assert {"postgres", "redis", "s3", "mlflow", "api-server", "scheduler", "dag-processor", "triggerer"} < set(names)
    for name, each in services.items():
        assert all(names.index(other) < names.index(name) for other in each.after)
    assert services["worker"].replicas == 2
    assert services["migrate"].runs_once
    assert not services["worker"].runs_once
    assert (services["postgres"].stop_signal, services["worker"].stop_seconds) == ("INT", 120)


def test_every_server_says_whether_it_is_well_is_started_again_and_has_limits() -> None:
    import yaml

    content = yaml.safe_load(compose.FILE.read_text())["services"]
    for name, each in compose.read(FILLED).items():
        if not each.runs_once:
            assert content[name]["restart"] == "unless-stopped"
            assert content[name]["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
            assert each.is_healthy, name
        for port in content[name].get("ports", ()):
            assert port.startswith("127.0.0.1:")


def test_every_service_is_of_an_exact_version_and_has_no_right_that_it_does_not_need() -> None:
    import yaml

    content = yaml.safe_load(compose.FILE.read_text())["services"]
    for name, each in content.items():
        assert each["read_only"] is True, name
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert each["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert "/tmp" in each["tmpfs"], name
        assert each["image"] == "firstday" or re.search(r":\d+\.\d+", each["image"]), name
    assert {name for name, each in content.items() if "cap_add" in each} == {"s3"}
    bases = re.findall(r"^FROM (\S+:\S+)", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)


def test_the_stores_stand_in_is_well_by_its_own_answer(cluster: service.Cluster) -> None:
    store = cluster.services["s3"]
    assert not cluster.is_healthy(store)
    command = cluster.command(store)
    with subprocess.Popen(command, env=cluster.environment(store), stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 60
            while not cluster.is_healthy(store) and time.monotonic() < until:
                time.sleep(0.5)
            assert cluster.is_healthy(store)
        finally:
            process.kill()


def test_each_service_has_the_key_to_its_own_bucket_only() -> None:
    made = {name: f"secret-{number}-of-{name}" for number, name in enumerate(secrets_file.MADE)}
    services = compose.read(made)
    holders = {"S3_ADMIN": {"bucket", "s3"}, "MLFLOW_S3": {"mlflow", "s3"}}
    for owner, expected in holders.items():
        for key in ("ACCESS_KEY", "SECRET_KEY"):
            secret = made[f"{owner}_{key}"]
            assert {name for name, each in services.items() if secret in str(each.environment)} == expected
    assert made["FIRSTDAY_S3_SECRET_KEY"] not in str([services["mlflow"].environment, services["bucket"].environment])


def test_the_stores_keys_are_limited_to_their_buckets(tmp_path: Path) -> None:
    made = {name: f"secret-{number}" for number, name in enumerate(secrets_file.MADE)}
    store = compose.read(made)["s3"]
    # Its own entry point, which no container is there for, prints the configuration instead.
    script = store.command[-1].replace("/tmp/s3.json", str(tmp_path / "s3.json")).replace("exec /entrypoint.sh", ": ")
    subprocess.run([*store.command[:-1], script], env={**os.environ, **store.environment}, check=True)
    identities = json.loads((tmp_path / "s3.json").read_text())["identities"]
    actions = {each["name"]: each["actions"] for each in identities}
    assert actions["admin"] == ["Admin"]
    assert {action.split(":")[1] for action in actions["lake"]} == {"firstday"}
    assert {action.split(":")[1] for action in actions["mlflow"]} == {"firstday-mlflow"}
    keys = {each["name"]: [*each["credentials"][0].values()] for each in identities}
    assert keys["mlflow"] == [made["MLFLOW_S3_ACCESS_KEY"], made["MLFLOW_S3_SECRET_KEY"]]


def test_the_workers_know_no_password_but_their_own() -> None:
    made = {name: f"secret-{number}" for number, name in enumerate(secrets_file.MADE)}
    worker = " ".join(compose.read(made)["worker"].environment.values())
    for name in ("POSTGRES_PASSWORD", "AIRFLOW_DB_PASSWORD", "MLFLOW_DB_PASSWORD"):
        assert made[name] not in worker.split()
        assert f":{made[name]}@" not in worker


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: {a: {image: x, command: [y], network_mode: host}}", "a: network_mode is not supported"),
        ("services: {a: {image: x, command: y}}", "a.command: expected a list"),
        ("services: {a: {image: x, command: [y], healthcheck: {test: z}}}", "a.healthcheck.test: expected a list"),
        ("services: {a: {image: x, command: [y], stop_grace_period: 1h}}", "expected seconds or minutes"),
        (
            "services: {a: {image: x, command: [y], depends_on: {a: {condition: service_healthy}}}}",
            "services depend on each other: a",
        ),
    ],
)
def test_what_would_be_misread_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ComposeError, match=said):
        compose.read({}, written(tmp_path, text))


# Secrets


def test_secrets_are_made_once_for_their_owner_without_the_project_installed(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); "
               "import runpy; sys.argv[1:] = ['.env']; "
               "runpy.run_module('include.firstday.stack.secrets_file', run_name='__main__')"]  # fmt: skip
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    made = secrets_file.read(file)
    assert made.keys() == secrets_file.MADE.keys()
    assert not [value for name, value in made.items() if value in first.stdout and name != "COMPOSE_PROFILES"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(set(made.values())) == len(made)
    assert "nothing added" in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert secrets_file.read(file) == made


def test_what_is_missing_is_added_and_what_is_there_stays(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nPOSTGRES_PASSWORD='chosen'\nFIRSTDAY_WORKERS=4\n")
    assert "POSTGRES_PASSWORD" not in secrets_file.complete(file)
    assert secrets_file.read(file)["POSTGRES_PASSWORD"] == "chosen"
    assert secrets_file.read(file)["FIRSTDAY_WORKERS"] == "4"
    assert file.read_text().startswith("# mine\n")


def test_given_secrets_are_used_and_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JWT_SECRET", "FERNET_KEY", "API_SECRET_KEY", "ADMIN_PASSWORD"):
        monkeypatch.setenv(f"FIRSTDAY_{name}", f"given {name}")
    settings.cache_clear()
    given = Home.of(settings())
    given.prepare()
    assert given.secrets() == {
        "jwt_secret": "given JWT_SECRET",
        "fernet_key": "given FERNET_KEY",
        "api_secret_key": "given API_SECRET_KEY",
    }
    assert not (home / "airflow" / "secrets.json").exists()
    assert given.login() == ("admin", "given ADMIN_PASSWORD")
    assert "given JWT" not in repr(given)
    assert "given JWT" not in repr(settings())


# Services as processes


@pytest.fixture
def cluster(home: Path, monkeypatch: pytest.MonkeyPatch) -> service.Cluster:
    service.home_of(settings()).prepare()
    secrets_file.complete(service.home_of(settings()).stack / "secrets.env")
    monkeypatch.setenv("FIRSTDAY_REDIS_PORT", "7777")
    monkeypatch.setenv("FIRSTDAY_S3_PORT", str(free_port()))
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "of the shell")
    return service.Cluster.of(settings())


def test_a_service_here_has_the_compose_files_environment_and_addresses_of_this_machine(
    cluster: service.Cluster,
) -> None:
    worker = cluster.services["worker"]
    built = cluster.environment(worker, 2)
    assert worker.environment.keys() <= built.keys()
    assert built["REPLICA"] == "worker-2"
    assert built["FIRSTDAY_CELERY_BROKER"].endswith("@127.0.0.1:7777/0")
    assert built["FIRSTDAY_HOME"] == str(cluster.home.root / "var")
    assert "AIRFLOW__CORE__EXECUTOR" not in built
    for each in cluster.services.values():
        texts = [*cluster.environment(each).values(), *cluster.command(each)]
        assert not [text for text in texts if "/home/firstday/" in text or "0.0.0.0" in text], each.name


def test_each_service_runs_the_compose_files_command(cluster: service.Cluster) -> None:
    for each in cluster.services.values():
        if each.name != "s3":  # an image that is not to be had here
            here = cluster.command(each)
            there = " ".join(each.command)
            for volume, mount in each.mounts.items():
                there = there.replace(mount, str(cluster.folder(volume)))
            assert " ".join(here[: len(each.command)]) == there


def test_a_bucket_elsewhere_needs_no_store_here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPOSE_PROFILES", "")
    monkeypatch.setenv("FIRSTDAY_S3_ENDPOINT", "https://s3.example")
    for name in secrets_file.MADE:
        if name != "COMPOSE_PROFILES":
            monkeypatch.setenv(name, "made")
    made = service.Cluster.of(settings())
    assert not made.has_store_in_memory
    assert made.environment(made.services["worker"])["FIRSTDAY_S3_ENDPOINT"] == "https://s3.example"
    assert "FIRSTDAY_S3_PORT" not in {variable for _, variable, _ in made.ports()}


def test_a_command_before_the_first_start_says_how_to_start(home: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "include.firstday.stack", "exec", "worker", "true"],
        cwd=REPOSITORY,
        env=os.environ | {"FIRSTDAY_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 1
    assert "start it with: make cluster" in ran.stderr
