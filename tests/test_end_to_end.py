"""The whole installation, started as a user starts it: Airflow and MLflow for real, in a home of its own."""

import contextlib
import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from include.firstday import use_case
from include.firstday.settings import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(540)]

READY = "Ready."
PROCESS_EVENTS = "first_day_churn.process_events"
HISTORY_DAYS = "0.2"


class Installation:
    """One `make run` in a home of its own, on ports of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        ports = [free_port() for _ in range(2)]
        self.airflow, self.mlflow = (f"http://127.0.0.1:{port}" for port in ports)
        self.environment = os.environ | {
            "FIRSTDAY_HOME": str(home),
            "FIRSTDAY_AIRFLOW_PORT": str(ports[0]),
            "FIRSTDAY_MLFLOW_PORT": str(ports[1]),
            "FIRSTDAY_HISTORY_DAYS": HISTORY_DAYS,
        }
        self.output = home.parent / "output.txt"

    def start(self) -> None:
        """Start, and wait until it says that it is ready."""
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "include.firstday.stack"],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: READY in self.said() or self.process.poll() is not None, 240)
        assert self.process.poll() is None, self.said()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop as a user stops it: whatever does not end then is killed."""
        left = self.processes()
        self.process.send_signal(signal.SIGINT)
        psutil.wait_procs(left, 60)
        for process in [*left, *self.processes()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def said(self) -> str:
        return self.output.read_text()

    def processes(self) -> list[psutil.Process]:
        """Every process of this installation, wherever it is, and those below, whose titles may hide the home."""
        ours = {process for process in psutil.process_iter() if self._ours(process)}
        return list(ours.union(*(below(process) for process in ours)))

    def _ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get("FIRSTDAY_HOME") == str(self.home) and process.pid != os.getpid()
        except psutil.Error:
            return False

    def server(self, name: str) -> psutil.Process:
        """The main process of one server."""
        found = [process for process in self.processes() if name in process.cmdline()]
        return min(found, key=lambda process: process.create_time())

    def command(self, *arguments: str) -> str:
        """What a command of the project prints."""
        ran = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def query(self, sql: str) -> list[dict[str, str]]:
        """Rows of a query on the command line."""
        return list(csv.DictReader(io.StringIO(self.command("include.firstday", "query", sql, "--format", "csv"))))

    def api(self, path: str) -> Any:
        """Answer of Airflow's API to the administrator."""
        return get(f"{self.airflow}/api/v2/{path}", Authorization=f"Bearer {self.token()}")

    def firstday(self, path: str) -> Any:
        """Answer of Firstday's API to the administrator."""
        return get(f"{self.airflow}/firstday/api/first_day_churn/{path}", Authorization=f"Bearer {self.token()}")

    def token(self) -> str:
        password = json.loads((self.home / "airflow" / "passwords.json").read_text())["admin"]
        body = json.dumps({"username": "admin", "password": password}).encode()
        return str(get(f"{self.airflow}/auth/token", body, **{"Content-Type": "application/json"})["access_token"])

    def successful_runs(self) -> int:
        runs = self.api(f"dags/{PROCESS_EVENTS}/dagRuns?limit=100")["dag_runs"]
        assert not [run["dag_run_id"] for run in runs if run["state"] == "failed"]
        return sum(run["state"] == "success" for run in runs)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("end_to_end") / "home") as installation:
        yield installation


def test_the_first_predictions_are_there_when_it_says_so(running: Installation) -> None:
    row = running.query(
        "select count(*) as predictions, count(distinct model_version) as versions, min(model_version) as version "
        "from predictions"
    )[0]
    assert int(row["predictions"]) > 0
    assert (row["versions"], row["version"]) == ("1", "1")


def test_every_dag_is_there_paused_as_its_use_case_says_and_without_import_errors(running: Installation) -> None:
    assert running.api("importErrors")["import_errors"] == []
    dags = {dag["dag_id"]: dag["is_paused"] for dag in running.api("dags")["dags"]}
    elsewhere = {"check_use_cases", "consume_source", "deliver_predictions"}  # a DAG for what the YAML names, or none
    files = {path.stem for path in (REPOSITORY / "dags").glob("*.py")} - elsewhere
    assert PROCESS_EVENTS in dags
    cases = [use_case.load(name) for name in use_case.names()]
    assert set(dags) == {f"{case.name}.{file}" for case in cases for file in files}
    assert {dag for dag, is_paused in dags.items() if is_paused} == {
        f"{case.name}.{file}" for case in cases for file in files if case.starts_paused
    }


def test_the_shipped_model_is_the_champion_in_mlflow(running: Installation) -> None:
    alias = "api/2.0/mlflow/registered-models/alias?name=first_day_churn&alias=champion"
    assert get(f"{running.mlflow}/{alias}")["model_version"]["version"] == "1"


def test_a_minute_comes_in_and_is_scored(running: Installation) -> None:
    newest = "select max(batch_id) as batch, max(scored_at) as scored_at, count(*) as predictions from predictions"
    before, runs = running.query(newest)[0], running.successful_runs()
    wait_until(lambda: int(running.query(newest)[0]["batch"]) > int(before["batch"]), 180, every=2)
    after = running.query(newest)[0]
    assert int(after["predictions"]) > int(before["predictions"])
    assert after["scored_at"] > before["scored_at"]
    wait_until(lambda: running.successful_runs() > runs, 60, every=2)


def test_everything_listens_on_this_machine_only_and_needs_a_login(running: Installation) -> None:
    addresses = {
        connection.laddr.ip
        for process in running.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{running.airflow}/api/v2/dags")


def test_no_secret_is_in_a_log_or_in_what_a_pipe_sees(running: Installation) -> None:
    secrets = [
        *json.loads((running.home / "airflow" / "secrets.json").read_text()).values(),
        json.loads((running.home / "airflow" / "passwords.json").read_text())["admin"],
    ]
    logs = [path for folder in ("logs", "stack", "airflow/logs") for path in (running.home / folder).rglob("*")]
    texts = [running.said(), *(path.read_text(errors="replace") for path in logs if path.is_file())]
    assert len(texts) > 5
    assert not [text for text in texts if any(secret in text for secret in secrets)]


def test_airflows_command_line_speaks_to_it(running: Installation) -> None:
    assert PROCESS_EVENTS in running.command("include.firstday.stack", "airflow", "dags", "list", "--output", "plain")


def test_a_killed_scheduler_is_started_again(running: Installation) -> None:
    killed = running.server("scheduler")
    workers = killed.children()
    killed.kill()
    wait_until(lambda: "scheduler had ended and was started again" in running.said(), 60)
    assert not [worker for worker in workers if worker.is_running()]
    runs = running.successful_runs()
    wait_until(lambda: running.successful_runs() > runs, 150, every=2)


def test_it_stops_all_and_goes_on_where_it_was(running: Installation) -> None:
    """Asked to stop, it leaves no process; killed outright, its servers go too; each time the data stays."""
    started = running.processes()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(60) == 0
    assert [process for process in [*started, *running.processes()] if process.is_running()] == []
    before = running.query("select count(*) as predictions from predictions")[0]

    running.start()
    after = running.query("select count(*) as predictions from predictions")[0]
    assert int(after["predictions"]) >= int(before["predictions"])
    started = running.processes()
    running.process.kill()
    running.process.wait()
    wait_until(lambda: not [process for process in started if process.is_running()], 60)


def below(process: psutil.Process) -> list[psutil.Process]:
    """Its children and theirs."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def get(url: str, body: bytes | None = None, **headers: str) -> Any:
    request = urllib.request.Request(url, body, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return json.load(answer)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(happened: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, f"it did not happen in {seconds} s"
        time.sleep(every)
