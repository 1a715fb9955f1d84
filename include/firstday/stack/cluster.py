"""`make cluster`: the services of docker-compose.yaml as processes of this machine, where no container can run.

Which services there are, what they run, with what and after which others, and how one sees that they are well: all of
it is read from the compose file, so the two cannot drift apart.
"""

import os
import shutil
import sys
import time

from include.firstday.errors import ComposeError, PreflightError
from include.firstday.settings import Settings
from include.firstday.stack import checks, programs, secrets_file, service
from include.firstday.stack.compose import Service
from include.firstday.stack.programs import Program
from include.firstday.stack.runner import Runner, login, tail
from include.firstday.stack.terminal import say

_STOP_SECONDS = 15  # that a service gets here at most; the whole stop has a limit too


class ClusterRunner(Runner):
    """One `make cluster`, from its checks to its end."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, service.home_of(settings))
        self._completed: set[str] = set()
        self._healthy_now: set[str] = set()

    def _check(self) -> None:
        if missing := service.missing_programs():
            raise PreflightError("\n".join(missing))
        secrets_file.complete(self._home.stack / "secrets.env")
        try:
            self._cluster = service.Cluster.of(self._settings)
        except ComposeError as error:
            raise PreflightError(str(error)) from error
        taken: dict[int, str] = {}
        for server, name, port in self._cluster.ports():
            if port in taken:
                raise PreflightError(f"{taken[port]} and {server} cannot share port {port}: set {name}.")
            taken[port] = server
            checks.free_port(server, name, service.ADDRESS, port)

    def _start(self) -> None:
        say(f"State is kept in {self._home.root}; the services' logs are in {self._home.logs}.")
        if self._cluster.has_store_in_memory:
            self._forget()
        self._environment = dict(os.environ)
        self._programs = [
            program for number, each in enumerate(self._services()) for program in self._as_programs(each, number)
        ]
        self._supervisor.start(
            programs.configuration(self._programs, self._home, self._supervisor.socket), self._environment
        )
        self._start_services()
        self._say_where()

    def _services(self) -> list[Service]:
        return list(self._cluster.services.values())

    def _forget(self) -> None:
        """Delete the previous cluster's lake: its store was in memory, so its catalog is useless."""
        for folder in {self._cluster.folder(volume) for each in self._services() for volume in each.mounts}:
            if folder.exists():
                self._say(f"Deleting {folder}: its S3 store was in memory, so its data is lost.")
                shutil.rmtree(folder)

    def _as_programs(self, each: Service, number: int) -> list[Program]:
        """A service's replicas for the supervisor; one-time jobs are excluded."""
        return [
            Program(
                name=_name(each, replica),
                title=_name(each, replica),
                command=_command(each, replica),
                stop_seconds=min(each.stop_seconds, _STOP_SECONDS),
                priority=number,
                stop_signal=each.stop_signal,
            )
            for replica in range(1, each.replicas + 1)
            if not each.runs_once
        ]

    def _start_services(self) -> None:
        """Start each service after its dependencies; at the end, all are healthy."""
        waiting, running = self._services(), list[Service]()
        deadline = time.monotonic() + self._settings.start_seconds * 2
        while waiting or any(not self._is_there(each) for each in running):
            for each in [each for each in waiting if self._may_start(each)]:
                self._start_service(each)
                waiting.remove(each)
                running.append(each)
            self._refuse_dead()
            if time.monotonic() > deadline:
                late = [each.name for each in running if not self._is_there(each)]
                raise PreflightError(
                    f"{', '.join(late)} did not start. Last lines of {self._log(late[0])}:\n{self._end(late[0])}"
                )
            self._pause(0.5)
        self._say("All services are running.")
        self._spawn_in("watch", "api-server", "python", "-m", "include.firstday.stack.first_data", "watch")

    def _may_start(self, each: Service) -> bool:
        return all(self._is_there(self._cluster.services[name]) for name in each.after)

    def _is_there(self, each: Service) -> bool:
        """Whether a job has finished, or a server is healthy."""
        if each.runs_once:
            return each.name in self._completed
        if each.name in self._healthy_now or not each.is_healthy:
            return True
        if all(self._cluster.is_healthy(each, replica) for replica in range(1, each.replicas + 1)):
            self._healthy_now.add(each.name)
            self._say(f"{each.name} is healthy.")
        return each.name in self._healthy_now

    def _start_service(self, each: Service) -> None:
        self._say(f"Starting {each.name}" + (f", {each.replicas} of them." if each.replicas > 1 else "."))
        if each.runs_once:
            return self._spawn_in(each.name, each.name)
        for replica in range(1, each.replicas + 1):
            self._supervisor.start_program(_name(each, replica))

    def _spawn_in(self, name: str, inside: str, *instead: str) -> None:
        """Run a service that ends, or another command in a service's environment."""
        command = (*_command(self._cluster.services[inside], 1), *(("--", *instead) if instead else ()))
        with programs.log(self._home, name).open("wb") as errors:
            # The words of the watch are for the user; those of a service are for its log.
            self._spawn(name, *command, errors=errors, output=None if instead else errors)

    def _refuse_dead(self) -> None:
        for name in [name for name, child in self._children.items() if child.poll() is not None]:
            if self._children.pop(name).returncode != 0:
                raise PreflightError(f"{name} failed. Last lines of {self._log(name)}:\n{self._end(name)}")
            self._completed.add(name)
            self._say(f"{name} is done.")
        for name, (state, _) in self._supervisor.states().items():
            if state == "FATAL":
                raise PreflightError(f"{name} fails repeatedly. Last lines of {self._log(name)}:\n{self._end(name)}")

    def _log(self, name: str) -> str:
        return str(programs.log(self._home, name))

    def _end(self, name: str) -> str:
        return tail(programs.log(self._home, name))

    def _say_where(self) -> None:
        where = self._home.stack / "secrets.env"
        shown = login("admin", self._cluster.variables["FIRSTDAY_ADMIN_PASSWORD"], where)
        say(
            f"\n  Airflow     http://{service.ADDRESS}:{self._cluster.variables['FIRSTDAY_AIRFLOW_PORT']}   {shown}"
            f"\n  MLflow      http://{service.ADDRESS}:{self._cluster.variables['FIRSTDAY_MLFLOW_PORT']}"
            f"\n  PostgreSQL  {service.ADDRESS}:{self._cluster.variables['FIRSTDAY_POSTGRES_PORT']}"
            f"\n  S3          {self._cluster.variables.get('FIRSTDAY_S3_ENDPOINT') or 'Amazon'}"
            "\n\nCtrl-C stops everything.\n"
        )

    def _to_try(self) -> str:
        return _TO_TRY


def _name(each: Service, replica: int) -> str:
    return f"{each.name}-{replica}" if each.replicas > 1 else each.name


def _command(each: Service, replica: int) -> tuple[str, ...]:
    return (sys.executable, "-m", "include.firstday.stack.service", each.name, str(replica))


_TO_TRY = """
Three things to try, in another terminal:
  Ask the lake, as a worker does:     make exec ARGS="firstday query 'from predictions limit 5'"
  See how the pipeline stands:        make exec ARGS="firstday status"
  Kill a worker, and see it go on:    kill -9 $(pgrep -f 'celery worker.*worker-1' | head -1)
"""
