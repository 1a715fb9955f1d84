"""The services of docker-compose.yaml as a user starts them, on a copy of the project, by an engine of the tests."""

import csv
import io
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from include.firstday.settings import REPOSITORY
from include.firstday.stack import secrets_file
from tests.containers.engine import Engine, compose_command
from tests.installation import get, wait_until
from tests.servers import free_port

COPIED = (
    *("Dockerfile", "docker-compose.yaml", ".dockerignore", "mkdocs.yml", "pyproject.toml"),
    *("requirements.txt", "requirements-installer.txt", "requirements-spark.txt", "requirements-docs.txt"),
    *("config", "dags", "docker", "docs", "include", "plugins", "sql"),
)
IMAGE = "firstday"
JOBS = {"databases", "bucket", "migrate", "first-data"}
BUILD_SECONDS, UP_SECONDS = 560, 400
CASE = "first_day_churn"
HISTORY_DAYS = 1.5  # a label is known after a day, and a training needs those of 200 users


class Stack:
    """One Compose project of its own: its files, its secrets, its containers."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.name = f"firstday{folder.name}".lower()
        for name in COPIED:
            _copy(REPOSITORY / name, folder / name)
        ports = {"FIRSTDAY_AIRFLOW_PORT": free_port(), "FIRSTDAY_MLFLOW_PORT": free_port()}
        chosen = {**ports, "FIRSTDAY_HISTORY_DAYS": HISTORY_DAYS}
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in chosen.items()))
        secrets_file.complete(folder / ".env")
        self.variables = secrets_file.read(folder / ".env")
        self.airflow = f"http://127.0.0.1:{ports['FIRSTDAY_AIRFLOW_PORT']}"
        self.mlflow = f"http://127.0.0.1:{ports['FIRSTDAY_MLFLOW_PORT']}"

    def build(self, **arguments: str) -> str:
        """Build the image by the project's own Dockerfile; what the build prints."""
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        command = ("build", "--network=host", *given, "--tag", IMAGE, str(self.folder))
        return self.engine.docker(*command, seconds=BUILD_SECONDS)

    def compose(self, *arguments: str, seconds: float = UP_SECONDS) -> str:
        """What a command of Docker Compose prints."""
        command = [*(compose_command() or []), "--project-name", self.name, *arguments]
        return self.engine.run(command, seconds, self.folder)

    def up(self) -> float:
        """Start everything and wait until every server is healthy; the seconds that it took."""
        began = time.monotonic()
        self.compose("up", "--detach")
        wait_until(self.is_healthy, UP_SECONDS, every=1)
        return time.monotonic() - began

    def is_healthy(self) -> bool:
        """Whether all servers report that they are well."""
        return not self.unhealthy()

    def unhealthy(self) -> list[str]:
        """The servers whose health check does not succeed now."""
        states = {each["Name"]: each["State"].get("Health", {}).get("Status") for each in self.servers()}
        assert states
        return [name for name, status in states.items() if status != "healthy"]

    def servers(self) -> list[dict[str, Any]]:
        """What Docker says of each container that runs on."""
        return [each for each in self.containers() if service(each) not in JOBS]

    def containers(self, name: str = "") -> list[dict[str, Any]]:
        """What Docker says of each container, or of those of one service."""
        wanted = [f"label=com.docker.compose.project={self.name}"]
        wanted += [f"label=com.docker.compose.service={name}"] if name else []
        filters = [word for each in wanted for word in ("--filter", each)]
        found = self.engine.docker("ps", "--all", "--quiet", "--no-trunc", *filters).split()
        inspected: list[dict[str, Any]] = json.loads(self.engine.docker("inspect", *found)) if found else []
        return inspected

    def inside(self, name: str, *command: str) -> str:
        """What a command prints in a service's container."""
        return self.compose("exec", "-T", name, *command, seconds=120)

    def rows(self, sql: str, case: str = CASE) -> list[dict[str, str]]:
        """Rows of a query on a worker's command line."""
        printed = self.inside("worker", "firstday", "--use-case", case, "query", sql, "--output", "csv")
        return list(csv.DictReader(io.StringIO(printed)))

    def number(self, sql: str, case: str = CASE) -> int:
        """The only value of a query."""
        (row,) = self.rows(sql, case)
        return int(next(iter(row.values())) or 0)

    def volume(self, name: str) -> Path:
        """Where a named volume is on this machine."""
        found = self.engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{self.name}_{name}")
        return Path(found.strip())

    @cached_property
    def _token(self) -> str:
        body = json.dumps({"username": "admin", "password": self.variables["FIRSTDAY_ADMIN_PASSWORD"]}).encode()
        return str(get(f"{self.airflow}/auth/token", body, **{"Content-Type": "application/json"})["access_token"])

    def api(self, path: str, content: Any = None) -> Any:
        """Answer of Airflow's API to the administrator: `api/v2/…`, or of Firstday's: `firstday/api/…`."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        return get(f"{self.airflow}/{path}", body, **headers)

    def trigger(self, dag: str) -> str:
        """Start a run of a DAG; its id."""
        run = self.api(f"api/v2/dags/{dag}/dagRuns", {"logical_date": None})
        return str(run["dag_run_id"])

    def state(self, dag: str, run: str) -> str:
        """State of a run of a DAG."""
        return str(self.api(f"api/v2/dags/{dag}/dagRuns/{run}")["state"])

    def wait_for_run(self, dag: str, run: str, seconds: float) -> None:
        """Wait until a run has ended, and well."""
        wait_until(lambda: self.state(dag, run) in ("success", "failed"), seconds, every=1)
        assert self.state(dag, run) == "success"

    def logs(self) -> Iterator[str]:
        """The last lines of each container, for whoever looks for a fault."""
        for each in self.containers():
            with suppress(AssertionError):
                yield f"--- {each['Name']}: {each['State']['Status']}, exit code {each['State']['ExitCode']}"
                yield self.engine.run(["sh", "-c", f"docker logs --tail 25 {each['Id']} 2>&1"], 60)
        for log in sorted(self.volume("var").glob("airflow/logs/**/*.log")):
            if '"level":"error"' in (text := log.read_text(encoding="utf-8", errors="replace")):
                yield f"--- {log}\n{text[-4000:]}"

    def down(self, *more: str) -> None:
        """Stop and remove the containers; their volumes stay."""
        self.compose("down", "--timeout", "60", *more)


def service(container: dict[str, Any]) -> str:
    """The service that a container is of."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def now() -> datetime:
    """The current time, as events carry it."""
    return datetime.now(UTC)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
