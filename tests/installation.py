"""A whole installation, started as a user starts it: Airflow and MLflow for real, in a home of its own."""

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil

from include.firstday.settings import REPOSITORY
from tests.servers import free_port

READY = "Ready."
PROCESS_EVENTS = "first_day_churn.process_events"
SOON_SECONDS = 400  # what takes a minute or two takes longer beside other work on two cores
TRAINED_SECONDS = 1200  # five minutes on two slow cores, and several times that beside other work


class Installation:
    """One `make run` in a home of its own, on ports of its own."""

    def __init__(self, home: Path, history_days: str = "0.2") -> None:
        self.home = home
        ports = [free_port() for _ in range(2)]
        self.airflow, self.mlflow = (f"http://127.0.0.1:{port}" for port in ports)
        self.environment = os.environ | {
            "FIRSTDAY_HOME": str(home),
            "FIRSTDAY_AIRFLOW_PORT": str(ports[0]),
            "FIRSTDAY_MLFLOW_PORT": str(ports[1]),
            "FIRSTDAY_HISTORY_DAYS": history_days,
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
        wait_until(lambda: READY in self.said() or self.process.poll() is not None, 600)
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
        environment = asked(process, psutil.Process.environ, {})
        return environment.get("FIRSTDAY_HOME") == str(self.home) and process.pid != os.getpid()

    def server(self, name: str) -> psutil.Process:
        """The main process of one server."""
        found = [process for process in self.processes() if name in asked(process, psutil.Process.cmdline, [])]
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
        return list(csv.DictReader(io.StringIO(self.command("include.firstday", "query", sql, "--output", "csv"))))

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


def below(process: psutil.Process) -> list[psutil.Process]:
    """Its children and theirs."""
    found: list[psutil.Process] = asked(process, lambda process: process.children(recursive=True), [])
    return found


def asked(process: psutil.Process, ask: Callable[[psutil.Process], Any], otherwise: Any) -> Any:
    """What a process answers, or something else where it has ended meanwhile."""
    try:
        return ask(process)
    except psutil.Error:
        return otherwise


def get(url: str, body: bytes | None = None, **headers: str) -> Any:
    request = urllib.request.Request(url, body, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return json.load(answer)


def wait_until(happened: Callable[[], bool], seconds: float = SOON_SECONDS, every: float = 0.2) -> None:
    give_up = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < give_up, f"it did not happen in {seconds} s"
        time.sleep(every)
