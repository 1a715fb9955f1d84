"""Services of docker-compose.yaml as processes of this machine: the same commands, environments and health checks.

What differs is what a container would bring: addresses (all on this machine), volumes (folders of the cluster's home),
and what an image does before its command. `python -m include.firstday.stack.service NAME REPLICA` becomes a service;
the secrets stay in its environment.
"""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from include.firstday.errors import PreflightError
from include.firstday.settings import REPOSITORY, Settings, settings
from include.firstday.stack import compose, processes, secrets_file
from include.firstday.stack.compose import Service
from include.firstday.stack.home import Home

ADDRESS = "127.0.0.1"
STORE_IN_MEMORY = "s3"  # the profile of the store in the compose file; moto's server stands in for its image
STORE_IMAGE = "chrislusf/seaweedfs"
POSTGRES = "postgres"
PORTS = {
    "FIRSTDAY_AIRFLOW_PORT": "Airflow",
    "FIRSTDAY_MLFLOW_PORT": "MLflow",
    "FIRSTDAY_POSTGRES_PORT": "PostgreSQL",
    "FIRSTDAY_REDIS_PORT": "Redis",
    "FIRSTDAY_S3_PORT": "the S3 store",
}
S3_PORT = "8333"
_HOSTS = ("POSTGRES_HOST", "REDIS_HOST", "MLFLOW_HOST", "AIRFLOW_HOST", "FIRSTDAY_BIND")
_INHERITED = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER")
# Program -> the Debian package that brings it; None where it is one of our own development packages.
_NEEDED = {"initdb": "postgresql", "redis-server": "redis-server", "moto_server": None}


@dataclass(frozen=True)
class Cluster:
    """The services of one cluster on this machine, and their folders."""

    home: Home
    variables: Mapping[str, str]
    services: Mapping[str, Service]

    @classmethod
    def of(cls, settings: Settings) -> "Cluster":
        """Return the cluster of these settings; its variables come from its secrets file and the environment."""
        home = home_of(settings)
        variables = _variables(home)
        profiles = set(variables.get("COMPOSE_PROFILES", "").split(","))
        services = compose.read(variables)
        chosen = {name: each for name, each in services.items() if not each.profiles or profiles & set(each.profiles)}
        return cls(home, variables, chosen)

    @property
    def has_store_in_memory(self) -> bool:
        """Whether the lake's files go when the cluster stops, and with them the use of everything else it kept."""
        return STORE_IN_MEMORY in self.services

    def port(self, variable: str) -> int:
        """Return the port of a server."""
        return int(self.variables[variable])

    def ports(self) -> Iterator[tuple[str, str, int]]:
        """For each port that is needed: whose it is, the setting that moves it, and its number."""
        for variable, server in PORTS.items():
            if variable != "FIRSTDAY_S3_PORT" or self.has_store_in_memory:
                yield server, variable, self.port(variable)

    def folder(self, volume: str) -> Path:
        """Return the folder of a volume on this machine."""
        if volume == POSTGRES and os.geteuid() == 0:  # PostgreSQL runs as a user who need not reach the home
            digest = hashlib.sha256(str(self.home.root).encode()).hexdigest()[:12]
            return Path(tempfile.gettempdir()) / f"firstday-postgres-{digest}"
        return self.home.root / volume

    def command(self, service: Service) -> tuple[str, ...]:
        """Return the service's command on this machine."""
        match service.image.split(":")[0]:
            case "postgres" if service.name == POSTGRES:
                return (*service.command, "-c", f"listen_addresses={ADDRESS}", "-c", "unix_socket_directories=")
            case image if image == STORE_IMAGE:
                return ("moto_server", "--host", ADDRESS, "--port", self.variables["FIRSTDAY_S3_PORT"])
            case "postgres" | "redis" | "firstday":
                return tuple(self._here(service, word) for word in service.command)
        raise PreflightError(
            f"docker-compose.yaml: {service.name}: there is no local substitute for the image {service.image}."
        )

    def environment(self, service: Service, replica: int = 1) -> dict[str, str]:
        """The environment of the service here: the compose file's, and of the shell's only where programs are."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        own = {name: self._here(service, value) for name, value in service.environment.items()}
        return {
            **inherited,
            "PATH": search_path(),
            "NO_PROXY": f"{ADDRESS},localhost",
            "no_proxy": f"{ADDRESS},localhost",
            "PYTHONUNBUFFERED": "1",
            **own,
            "REPLICA": f"{service.name}-{replica}",
        }

    def is_healthy(self, service: Service, replica: int = 1) -> bool:
        """Whether the service's own health check succeeds."""
        ran = subprocess.run(  # noqa: S603 - the compose file's command
            self._health_check(service),
            env=self.environment(service, replica),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return ran.returncode == 0

    def _health_check(self, service: Service) -> tuple[str, ...]:
        if not service.image.startswith(STORE_IMAGE):
            return service.is_healthy
        url = f"http://{ADDRESS}:{self.variables['FIRSTDAY_S3_PORT']}/moto-api/"
        return (sys.executable, "-m", "include.firstday.stack.health", url)

    def _here(self, service: Service, text: str) -> str:
        for volume, mount in service.mounts.items():
            text = text.replace(mount, str(self.folder(volume)))
        return text


def home_of(settings: Settings) -> Home:
    """Where a cluster of this machine keeps its state: beside that of `make run`."""
    return Home(Home.of(settings).root / "cluster")


def search_path() -> str:
    """Where programs are: this Python's, PostgreSQL's newest, then the shell's."""
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name.split(".")[0]))
    folders = [Path(sys.executable).parent, *servers[-1:], os.environ.get("PATH", os.defpath)]
    return os.pathsep.join(map(str, folders))


def missing_programs() -> list[str]:
    """Return the missing prerequisites, as sentences."""
    found = [name for name in _NEEDED if shutil.which(name, path=search_path()) is None]
    packages = [package for name in found if (package := _NEEDED[name])]
    sentences = [f"{' and '.join(packages)} missing: sudo apt-get install {' '.join(packages)}"] if packages else []
    return sentences + (["moto's server is missing: make check installs it"] if "moto_server" in found else [])


def become(name: str, replica: int, instead: list[str]) -> None:
    """Replace this process by a service, or by another command in the environment of that service."""
    cluster = Cluster.of(settings())
    if name not in cluster.services:
        raise PreflightError(f"{name}: expected one of the services {', '.join(cluster.services)}.")
    service = cluster.services[name]
    environment = cluster.environment(service, replica)
    command = tuple(instead) or cluster.command(service)
    for volume in service.mounts:
        cluster.folder(volume).mkdir(parents=True, exist_ok=True)
    os.chdir(REPOSITORY)
    if name == POSTGRES and not instead:
        _prepare_postgres(cluster.folder(POSTGRES), environment)
    if not instead:
        processes.die_with_parent(signal.Signals[f"SIG{service.stop_signal}"])
    os.execvpe(command[0], command, environment)  # noqa: S606 - the compose file's command, without a shell of ours


def _prepare_postgres(data: Path, environment: dict[str, str]) -> None:
    """What the image's entry point does: become who owns the data, and make it at the first start."""
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        shutil.chown(data, owner.pw_uid, owner.pw_gid)
        os.chdir(data)  # the project may be in a folder of root's own
        os.initgroups(owner.pw_name, owner.pw_gid)
        os.setgid(owner.pw_gid)
        os.setuid(owner.pw_uid)
        environment |= {"HOME": owner.pw_dir, "USER": owner.pw_name}
        environment.pop("TMPDIR", None)
    data.chmod(0o700)
    if (data / "PG_VERSION").exists():
        return
    initdb = shutil.which("initdb", path=environment["PATH"]) or "initdb"
    with tempfile.NamedTemporaryFile("w") as password:
        password.write(environment["POSTGRES_PASSWORD"])
        password.flush()
        subprocess.run(  # noqa: S603 - a fixed command
            [initdb, "--pgdata", str(data), "--username", environment["POSTGRES_USER"], "--encoding", "UTF8",
             "--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pwfile", password.name],
            env=environment, cwd=data, check=True,
        )  # fmt: skip


def _variables(home: Home) -> dict[str, str]:
    chosen = secrets_file.read(home.stack / "secrets.env") | dict(os.environ)
    ports = {name: chosen.get(name) or compose.defaults().get(name) or S3_PORT for name in PORTS}
    here = dict.fromkeys(_HOSTS, ADDRESS)
    if STORE_IN_MEMORY in chosen.get("COMPOSE_PROFILES", "").split(","):
        here["FIRSTDAY_S3_ENDPOINT"] = f"http://{ADDRESS}:{ports['FIRSTDAY_S3_PORT']}"
    return chosen | ports | here


if __name__ == "__main__":
    become(sys.argv[1], int(sys.argv[2]), sys.argv[4:] if sys.argv[3:4] == ["--"] else [])
