"""The supervisor as a child process, controlled through its private socket."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from supervisor.xmlrpc import SupervisorTransport

from include.firstday.errors import PreflightError
from include.firstday.stack import processes
from include.firstday.stack.home import Home

_LONGEST_SOCKET = 95  # the kernel's limit is 107; the supervisor first binds `<name>.<pid>`


def socket(home: Home) -> str:
    """Return the shortest possible path of the supervisor's socket."""
    absolute = str(home.stack / "supervisor.sock")
    shortest = min(absolute, os.path.relpath(absolute), key=len)
    if len(shortest.encode()) > _LONGEST_SOCKET:
        raise PreflightError(f"The path of FIRSTDAY_HOME is too long for a socket: {home.root}; choose a shorter one.")
    return shortest


class Supervisor:
    """Starts the supervisor and its programs, reports their states, and stops it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.socket = socket(home)
        self._configuration = home.stack / "supervisord.conf"
        self._pidfile = home.stack / "supervisord.pid"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the supervisor."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether the supervisor is running."""
        return self._process is not None and self._process.poll() is None

    def start(self, configuration: str, environment: dict[str, str]) -> None:
        """Start the supervisor and wait until it responds."""
        self._configuration.write_text(configuration, encoding="utf-8")
        with self.errors.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and configuration
                [
                    sys.executable,
                    "-m",
                    "supervisor.supervisord",
                    "--nodaemon",
                    "--configuration",
                    str(self._configuration),
                ],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,  # Ctrl-C in the terminal reaches us alone; we stop things in order
                preexec_fn=_stop_with_us,
            )
        self._wait_for_answer()

    @property
    def errors(self) -> Path:
        """Return the supervisor's output if it cannot start."""
        return self._home.stack / "supervisord.err"

    def start_program(self, name: str) -> None:
        """Start one program without waiting for it."""
        self._remote().supervisor.startProcess(name, False)

    def states(self) -> dict[str, tuple[str, int]]:
        """Return state and process id of each program; empty if the supervisor does not respond."""
        try:
            processes: Any = self._remote().supervisor.getAllProcessInfo()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return {}
        return {process["name"]: (process["statename"], process["pid"]) for process in processes}

    def ask_to_stop(self) -> None:
        """Ask the supervisor to stop all programs and itself."""
        if self._process is not None and self.alive:
            self._process.send_signal(signal.SIGTERM)

    def previous(self) -> bool:
        """Whether an earlier supervisor of this home was killed, or is still stopping."""
        return self._pidfile.exists()

    def end_previous(self, seconds: float) -> None:
        """Have the supervisor of an earlier, killed run stop its servers, and wait for it."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int(self._pidfile.read_text()))
            if str(self._configuration) in process.cmdline():
                process.terminate()
                process.wait(seconds)
        self.forget()

    def forget(self) -> None:
        """Remove the files of a supervisor that has ended."""
        self._pidfile.unlink(missing_ok=True)

    def _wait_for_answer(self) -> None:
        deadline = time.monotonic() + 20
        while not self._answers():
            if not self.alive or time.monotonic() > deadline:
                raise PreflightError(f"The process supervisor did not start; see {self.errors}.")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            self._remote().supervisor.getState()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return True

    def _remote(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        return xmlrpc.client.ServerProxy("http://localhost", transport=transport)


def _stop_with_us() -> None:
    processes.die_with_parent(signal.SIGTERM)
