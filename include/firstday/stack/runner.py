"""`make run`: check, start in order, supervise, stop everything. Runs in the foreground."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import IO, Any

from include.firstday.errors import PreflightError
from include.firstday.settings import Settings
from include.firstday.stack import checks, environment, health, processes, programs
from include.firstday.stack.home import Home
from include.firstday.stack.programs import API_SERVER, DAG_PROCESSOR, MLFLOW, SCHEDULER, TRIGGERER
from include.firstday.stack.supervisor import Supervisor
from include.firstday.stack.terminal import progress, say

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PAGE = "/plugin/firstday"
_STOP_SECONDS = 45  # the programs' own limits, one after the other, and a little


class Stop(BaseException):
    """The user asked to stop."""


class Runner:
    """One `make run`, from its checks to its end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = Home.of(settings)
        self._began = time.monotonic()
        self._stopping = False
        self._impatient = False
        self._on_terminal = sys.stdout.isatty()
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def run(self) -> int:
        """Run until stopped (0) or until an error (1)."""
        try:
            checks.python_version()
            self._home.prepare()
            lock = self._home.lock()
            if lock is None:
                raise PreflightError(f"Firstday is already running in {self._home.root}: stop that one first (Ctrl-C).")
            self._supervisor = Supervisor(self._home)
            self._end_previous()
            self._check()
        except PreflightError as refusal:
            print(refusal, file=sys.stderr)
            return 1
        with lock:
            return self._run_locked()

    def _run_locked(self) -> int:
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)
        processes.adopt_orphans()
        failure: PreflightError | None = None
        try:
            self._start()
            self._watch()
        except Stop:
            pass
        except PreflightError as refusal:
            failure = refusal
        finally:
            self._stop()
        if failure is not None:
            print(f"\n{failure}", file=sys.stderr, flush=True)
        return 0 if failure is None else 1

    # Starting

    def _end_previous(self) -> None:
        """A killed run needs some time to stop its servers."""
        if not self._supervisor.previous():
            return
        say("The last run did not stop its servers; waiting until they have ended.")
        self._supervisor.end_previous(seconds=_STOP_SECONDS)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with contextlib.suppress(PreflightError):
                return self._check()
            time.sleep(0.5)

    def _check(self) -> None:
        """Check that the servers can run."""
        checks.ports(self._settings)

    def _start(self) -> None:
        self._say_where()
        self._environment = environment.build(self._settings, self._home)
        self._programs = programs.programs(self._settings, self._home)
        self._migrate()
        self._supervisor.start(
            programs.configuration(self._programs, self._home, self._supervisor.socket), self._environment
        )
        self._start_servers()

    def _migrate(self) -> None:
        self._say("Preparing Airflow's database.")
        log = programs.log(self._home, "migrate")
        with log.open("wb") as output:
            airflow = str(Path(sys.executable).with_name("airflow"))
            self._spawn("migrate", airflow, "db", "migrate", output=output, errors=output)
            if self._children.pop("migrate").wait() != 0:
                raise PreflightError(f"Airflow's database could not be prepared. Last lines of {log}:\n{tail(log)}")

    def _start_servers(self) -> None:
        """Start everything but the scheduler, then the scheduler: tasks started before the web server would fail."""
        first = [program for program in self._programs if program.name != SCHEDULER]
        self._say(f"Starting {', '.join(program.title for program in first)}.")
        for program in first:
            self._supervisor.start_program(program.name)
        self._first_data("history")
        if any(program.name == MLFLOW for program in first):
            self._wait(MLFLOW, lambda: health.answers(f"{environment.mlflow_url(self._settings)}/health") is not None)
        self._first_data("model")
        self._wait(API_SERVER, lambda: bool(self._health()))
        # A user scored before a model is registered would not be scored until their next event.
        self._await("model", "The bundled model is not registered: no users are scored until a model has been trained.")
        # The generator's DAG continues where the history ends.
        self._await("history", "The history could not be written: events start with the current minute.")
        self._say("Starting Airflow's scheduler.")
        self._supervisor.start_program(SCHEDULER)
        self._wait(SCHEDULER, lambda: self._healthy("scheduler"))
        self._wait(DAG_PROCESSOR, lambda: self._healthy("dag_processor"))
        self._wait(TRIGGERER, lambda: self._healthy("triggerer"))
        self._say("All servers are up.")
        self._first_data("watch")

    def _first_data(self, part: str) -> None:
        """Write a part of the first data; the output of its libraries goes to a log."""
        with programs.log(self._home, part).open("wb") as errors:
            self._spawn(part, sys.executable, "-m", "include.firstday.stack.first_data", part, errors=errors)

    def _await(self, part: str, otherwise: str) -> None:
        if self._children.pop(part).wait() != 0:
            log = programs.log(self._home, part)
            say(f"{otherwise} Last lines of {log}:\n{tail(log)}")

    def _spawn(self, name: str, *command: str, errors: IO[bytes], output: IO[bytes] | None = None) -> None:
        self._children[name] = subprocess.Popen(  # noqa: S603 - our own interpreter and commands
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            preexec_fn=_stop_with_us,
        )

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Wait until a server is ready; if it ends repeatedly or takes too long, show its log."""
        deadline = time.monotonic() + self._settings.start_seconds
        title = next(program.title for program in self._programs if program.name == name)
        pids: set[int] = set()
        while not ready():
            state, pid = self._supervisor.states().get(name, ("GONE", 0))
            pids.add(pid)
            if state in ("FATAL", "GONE") or len(pids - {0}) > 2 or time.monotonic() > deadline:
                log = programs.log(self._home, name)
                raise PreflightError(f"{title} did not start. Last lines of {log}:\n{tail(log)}")
            self._pause(0.25)
        self._say(f"{title} is ready.")

    def _health(self) -> Any:
        answer = health.answers(f"{environment.airflow_url(self._settings)}/api/v2/monitor/health")
        return json.loads(answer) if answer else {}

    def _healthy(self, component: str) -> bool:
        return bool(self._health().get(component, {}).get("status") == "healthy")

    # Running

    def _watch(self) -> None:
        """Supervise: the supervisor restarts failed servers, and orphaned processes are ended."""
        pids = {name: pid for name, (_, pid) in self._supervisor.states().items()}
        while self._supervisor.alive:
            self._reap()
            processes.end(processes.orphans(self._known()))
            for name, (state, pid) in self._supervisor.states().items():
                if state == "FATAL":
                    log = programs.log(self._home, name)
                    raise PreflightError(f"{name} fails repeatedly. Last lines of {log}:\n{tail(log)}")
                if pid and pid != pids[name]:
                    say(f"{name} had ended and was started again; see {programs.log(self._home, name)}.")
                    pids[name] = pid
            self._pause(2)
        raise PreflightError(f"The process supervisor has ended; its log is {self._home.stack / 'supervisord.log'}.")

    def _known(self) -> set[int]:
        return {child.pid for child in self._children.values()} | {self._supervisor.pid or 0}

    def _reap(self) -> None:
        watch = self._children.get("watch")
        if watch is None or watch.poll() is None:
            return
        del self._children["watch"]
        if watch.returncode != 0:
            log = programs.log(self._home, "watch")
            return say(f"No first predictions yet; the servers keep running. Last lines of {log}:\n{tail(log)}")
        say(f"[{self._seconds():3.0f} s] Ready. Open {environment.airflow_url(self._settings)}{PAGE}")

    def _say_where(self) -> None:
        name, password = self._home.login()
        url = environment.airflow_url(self._settings)
        say(
            f"Page      {url}{PAGE}\n"
            f"Airflow   {url}, models in MLflow: {environment.mlflow_url(self._settings)}\n"
            f"Login     {login(name, password, self._home.passwords)}\n"
            f"Stop      Ctrl-C; state and logs are in {self._home.root}"
        )

    def _say(self, line: str) -> None:
        progress(f"[{self._seconds():3.0f} s] {line}")

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _pause(self, seconds: float) -> None:
        """Sleep. A closed terminal stops the run: its SIGHUP may reach `make` only, which waits for this process."""
        if self._on_terminal and not sys.stdout.isatty():
            raise Stop
        time.sleep(seconds)

    # Stopping

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            self._impatient = True
            return
        self._stopping = True
        raise Stop

    def _stop(self) -> None:
        """Stop the servers in order, then all remaining processes."""
        self._stopping = True
        say("\nStopping the servers; Ctrl-C again ends them at once.")
        self._supervisor.ask_to_stop()
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        while self._supervisor.alive and not self._impatient and time.monotonic() < deadline:
            time.sleep(0.1)
        processes.end_descendants(patience=0 if self._impatient else 5)
        self._supervisor.forget()
        say("All servers have stopped.")


def login(name: str, password: str, where: Path) -> str:
    """Return how to log in. A password is shown on a terminal only, not in a file or log."""
    shown = f"password {password}" if sys.stdout.isatty() else "its password"
    return f"user {name}, {shown} (in {where})"


def tail(path: Path, lines: int = 20) -> str:
    """Return the last lines of a log file."""
    with contextlib.suppress(OSError):
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    return "(no log)"


def _stop_with_us() -> None:
    processes.die_with_parent(signal.SIGTERM)
