"""The parts of the stack that need no server: checks, secrets, environment, configuration, process trees."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from include.firstday.errors import PreflightError
from include.firstday.settings import REPOSITORY, Settings
from include.firstday.stack import checks, environment, programs, supervisor
from include.firstday.stack.first_data import Journal
from include.firstday.stack.home import Home


@pytest.fixture
def prepared(home: Path) -> Home:
    made = Home(home)
    made.prepare()
    return made


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def settings(prepared: Home, **changes: object) -> Settings:
    return Settings(home=prepared.root, airflow_port=free_port(), mlflow_port=free_port()).model_copy(update=changes)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Checks


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_an_unsupported_python_is_refused(version: tuple[int, int]) -> None:
    with pytest.raises(PreflightError, match=rf"Python 3\.{version[1]} is not supported"):
        checks.python_version(version)


def test_a_taken_port_is_refused_with_the_setting_that_moves_it(prepared: Home, taken_port: int) -> None:
    with pytest.raises(
        PreflightError, match=f"Port {taken_port}, which Airflow needs, is taken.*FIRSTDAY_AIRFLOW_PORT="
    ):
        checks.ports(settings(prepared, airflow_port=taken_port))
    with pytest.raises(PreflightError, match=f"Port {taken_port}, which MLflow needs, is taken.*FIRSTDAY_MLFLOW_PORT="):
        checks.ports(settings(prepared, mlflow_port=taken_port))


def test_free_ports_are_accepted(prepared: Home) -> None:
    checks.ports(settings(prepared))


def test_one_port_for_two_servers_is_refused(prepared: Home) -> None:
    port = free_port()
    with pytest.raises(PreflightError, match="cannot share port"):
        checks.ports(settings(prepared, airflow_port=port, mlflow_port=port))


def test_the_port_of_an_mlflow_elsewhere_does_not_matter(prepared: Home, taken_port: int) -> None:
    checks.ports(settings(prepared, mlflow_port=taken_port, mlflow_url="http://mlflow.example:5000"))


def test_a_home_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="too long for a socket"):
        supervisor.socket(Home(tmp_path / ("x" * 100)))


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("FIRSTDAY_AIRFLOW_PORT", "http", "FIRSTDAY_AIRFLOW_PORT: Input should be a valid integer"),
        ("FIRSTDAY_HISTORY_DAYS", "-1", "FIRSTDAY_HISTORY_DAYS: Input should be greater than or equal to 0"),
    ],
)
def test_a_wrong_setting_is_one_sentence(tmp_path: Path, variable: str, value: str, sentence: str) -> None:
    said = run_stack(tmp_path, **{variable: value})
    assert said.returncode == 1
    assert said.stderr.startswith(sentence)
    assert said.stderr.count("\n") == 1


def test_a_second_start_in_the_same_home_is_refused(prepared: Home) -> None:
    with prepared.lock() as held:
        assert held is not None
        said = run_stack(prepared.root)
    assert said.returncode == 1
    assert said.stderr == f"Firstday is already running in {prepared.root}: stop that one first (Ctrl-C).\n"


def test_airflow_before_the_first_start_says_how_to_start(tmp_path: Path) -> None:
    said = run_stack(tmp_path, "airflow", "dags", "list")
    assert said.returncode == 1
    assert "make run" in said.stderr


def run_stack(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "include.firstday.stack", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"FIRSTDAY_HOME": str(home)} | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


# Secrets and environment


def test_secrets_are_made_once_and_are_for_their_owner(prepared: Home) -> None:
    made, login = prepared.secrets(), prepared.login()
    assert (prepared.secrets(), prepared.login()) == (made, login)
    assert len(made["jwt_secret"]) >= 64
    assert len(login[1]) >= 16
    assert [mode(prepared.airflow / "secrets.json"), mode(prepared.passwords)] == [0o600, 0o600]
    assert [mode(folder) for folder in (prepared.airflow, prepared.logs, prepared.stack)] == [0o700] * 3


def test_two_homes_have_different_secrets(prepared: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.prepare()
    assert set(prepared.secrets().values()).isdisjoint(other.secrets().values())
    assert prepared.login() != other.login()


def test_another_installations_settings_do_not_leak_in(prepared: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/elsewhere")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "mail.example")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    built = environment.build(settings(prepared), prepared)
    assert built["AIRFLOW__CORE__DAGS_FOLDER"] == str(REPOSITORY / "dags")
    assert not {"AIRFLOW__SMTP__SMTP_HOST", "MLFLOW_TRACKING_URI"} & set(built)


def test_a_proxy_is_not_asked_for_this_machine(prepared: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet")
    assert environment.build(settings(prepared), prepared)["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_tasks_reach_airflow_at_its_port(prepared: Home) -> None:
    chosen = settings(prepared)
    built = environment.build(chosen, prepared)
    assert built["AIRFLOW__API__BASE_URL"] == f"http://127.0.0.1:{chosen.airflow_port}"
    assert built["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"http://127.0.0.1:{chosen.airflow_port}/execution/"
    assert built["FIRSTDAY_MLFLOW_URL"] == f"http://127.0.0.1:{chosen.mlflow_port}"


def test_nothing_is_sent_home(prepared: Home) -> None:
    built = environment.build(settings(prepared), prepared)
    assert built["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert (built["MLFLOW_DISABLE_TELEMETRY"], built["DO_NOT_TRACK"]) == ("true", "true")


def test_no_secret_is_in_the_supervisors_configuration(prepared: Home) -> None:
    chosen = settings(prepared)
    text = programs.configuration(programs.programs(chosen, prepared), prepared, "socket")
    assert not [secret for secret in (*prepared.secrets().values(), prepared.login()[1]) if secret in text]


def test_an_mlflow_elsewhere_is_not_started_here(prepared: Home) -> None:
    elsewhere = settings(prepared, mlflow_url="http://mlflow.example:5000")
    assert programs.MLFLOW in [program.name for program in programs.programs(settings(prepared), prepared)]
    assert programs.MLFLOW not in [program.name for program in programs.programs(elsewhere, prepared)]


# First data


def test_the_journal_survives_a_stop_in_the_middle(tmp_path: Path) -> None:
    minute = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    Journal(tmp_path / "journal.json").begin("one", minute)
    again = Journal(tmp_path / "journal.json")
    assert (again.finished("one"), again.begun("one"), again.begun("two")) == (False, minute, None)
    again.finish("one")
    assert Journal(tmp_path / "journal.json").finished("one")
    assert not Journal(tmp_path / "journal.json").finished("two")


# Process trees

SLEEP = "import time; time.sleep(60)"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_command_ends_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    shim = [sys.executable, "-m", "include.firstday.stack.die_with_parent", sys.executable, "-c", SLEEP]
    parent = start(f"import subprocess, time; print(subprocess.Popen({shim!r}).pid, flush=True); time.sleep(60)")
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    wait_until(lambda: child.cmdline()[1:] == ["-c", SLEEP])
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(child))


@pytest.mark.skipif(sys.platform != "linux", reason="adopting orphans is Linux's")
def test_a_killed_servers_children_are_found_and_ended() -> None:
    """The grandchild is in a session of its own and ignores SIGTERM; its parent is killed outright."""
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
    server = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {deaf!r}], start_new_session=True)\n"
        "time.sleep(60)"
    )
    keeper = start(
        "import json, os, signal, subprocess, sys, time\n"
        "from include.firstday.stack import processes\n"
        "processes.adopt_orphans()\n"
        f"server = subprocess.Popen([sys.executable, '-c', {server!r}], stdout=subprocess.PIPE)\n"
        "server.stdout.readline()\n"
        "known = {server.pid}\n"
        "before = [process.pid for process in processes.orphans(known)]\n"
        "server.kill(); server.wait()\n"
        "time.sleep(0.2)\n"
        "found = [process.pid for process in processes.orphans(known)]\n"
        "processes.end_descendants(patience=0.5)\n"
        "print(json.dumps({'before': before, 'found': found, 'left': len(processes.descendants())}), flush=True)\n"
    )
    said, _ = keeper.communicate(timeout=30)
    told = json.loads(said)
    assert told["before"] == []
    assert len(told["found"]) == 1
    assert told["left"] == 0
    assert not psutil.pid_exists(told["found"][0])


def start(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def wait_until(happened: object, seconds: float = 10) -> None:
    assert callable(happened)
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.05)
