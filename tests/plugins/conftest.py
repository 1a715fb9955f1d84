"""Airflow's web server, really running, with the Firstday page in it, over a lake with a few hours of events."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from include.firstday.settings import REPOSITORY, Settings
from include.firstday.stack import environment
from include.firstday.stack.home import Home
from include.firstday.use_case import use_case

USERS = "admin:admin,editor:user,viewer:viewer"


@dataclass
class Answer:
    """What came over the wire."""

    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """The web server: where it is, and its users' passwords."""

    url: str
    home: Path
    passwords: dict[str, str]
    _tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, user: str = "", body: bytes | None = None, method: str = "", **headers: str) -> Answer:
        """Send a request as a user, with a token; as nobody where there is none."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if user:
            names["Authorization"] = f"Bearer {self.token(user)}"
        request = urllib.request.Request(self.url + path, body, names, method=method or None)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def token(self, user: str) -> str:
        if user not in self._tokens:
            body = json.dumps({"username": user, "password": self.passwords[user]}).encode()
            self._tokens[user] = self.ask("/auth/token", body=body, Content_Type="application/json").json[
                "access_token"
            ]
        return self._tokens[user]

    def command(self, *arguments: str) -> str:
        """What a command of the project prints, on this server's lake."""
        ran = subprocess.run(
            [sys.executable, "-m", "include.firstday", *arguments],
            cwd=REPOSITORY,
            env=os.environ | {"FIRSTDAY_HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        return ran.stdout


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own for these tests."""
    root = tmp_path_factory.mktemp("web") / "home"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    settings = Settings(home=root, airflow_port=port, post_megabytes=1, backlog_megabytes=2)
    home = Home.of(settings)
    home.prepare()
    passwords = {user.split(":")[0]: secrets.token_urlsafe(12) for user in USERS.split(",")}
    home.passwords.write_text(json.dumps(passwords))
    variables = environment.build(settings, home) | {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": USERS,
        "FIRSTDAY_MLFLOW_URL": "",
        "FIRSTDAY_POST_MEGABYTES": "1",
        "FIRSTDAY_BACKLOG_MEGABYTES": "2",
    }
    airflow = str(Path(sys.executable).with_name("airflow"))
    running = Server(f"http://127.0.0.1:{port}", root, passwords)
    running.command("generate", "--days", "0.2")
    running.command("micro-batch")
    for name in set(use_case.names()) - {"first_day_churn"}:
        running.command("--use-case", name, "micro-batch", "--no-score")
    subprocess.run([airflow, "db", "migrate"], cwd=REPOSITORY, env=variables, check=True, capture_output=True)
    with (root / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [airflow, "api-server"], cwd=REPOSITORY, env=variables, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(running, process, root / "web.log")
        yield running
    finally:
        process.terminate()
        process.wait(60)


def _wait(running: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + 300
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < give_up, log.read_text()[-3000:]
        try:
            running.ask("/api/v2/monitor/health")
            return
        except OSError:
            time.sleep(0.3)
