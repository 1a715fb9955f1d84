"""The servers' commands, and the configuration of their supervisor."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from include.firstday.settings import Settings
from include.firstday.stack import environment
from include.firstday.stack.home import Home


@dataclass(frozen=True)
class Program:
    """One server: its command, the time it may take to stop, and its place in the stop order."""

    name: str
    title: str
    command: tuple[str, ...]
    stop_seconds: int
    priority: int  # the highest is stopped first: the scheduler, while its tasks can still report


API_SERVER = "api-server"
DAG_PROCESSOR = "dag-processor"
SCHEDULER = "scheduler"
TRIGGERER = "triggerer"
MLFLOW = "mlflow"


def programs(settings: Settings, home: Home) -> list[Program]:
    """Return every server of this installation."""
    airflow = str(Path(sys.executable).with_name("airflow"))
    servers = [
        Program(API_SERVER, "Airflow's web server", (airflow, "api-server"), 10, 10),
        Program(DAG_PROCESSOR, "Airflow's DAG processor", (airflow, "dag-processor"), 10, 20),
        # The web server reads logs from disk; a log server would listen on every interface.
        Program(TRIGGERER, "Airflow's triggerer", (airflow, "triggerer", "--skip-serve-logs"), 10, 20),
        Program(SCHEDULER, "Airflow's scheduler", (airflow, "scheduler", "--skip-serve-logs"), 10, 30),
    ]
    if environment.runs_mlflow(settings):
        servers.append(Program(MLFLOW, "MLflow", _mlflow(settings), 10, 10))
    return servers


def configuration(programs: list[Program], home: Home, socket: str) -> str:
    """Return the supervisor's configuration. Programs start on request, in order, and restart automatically."""
    return "\n".join(
        [_SUPERVISOR.format(socket=_escape(socket), stack=_escape(str(home.stack)))]
        + [
            _PROGRAM.format(
                name=program.name,
                command=_escape(shlex.join((sys.executable, "-m", _SHIM, *program.command))),
                stop_seconds=program.stop_seconds,
                priority=program.priority,
                log=_escape(str(log(home, program.name))),
            )
            for program in programs
        ]
    )


def log(home: Home, name: str) -> Path:
    """Return the log file of a server."""
    return home.logs / f"{name}.log"


def _mlflow(settings: Settings) -> tuple[str, ...]:
    folder = settings.mlflow_folder.expanduser().resolve()
    # Artifacts are not proxied: with or without the server, clients read and write the same files.
    return (
        sys.executable, "-m", "mlflow", "server", "--workers", "1",
        "--host", settings.host, "--port", str(settings.mlflow_port),
        "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
        "--no-serve-artifacts", "--default-artifact-root", (folder / "artifacts").as_uri(),
    )  # fmt: skip


def _escape(value: str) -> str:
    return value.replace("%", "%%")


_SHIM = "include.firstday.stack.die_with_parent"

_SUPERVISOR = """\
[supervisord]
nodaemon = true
silent = true
logfile = {stack}/supervisord.log
logfile_maxbytes = 1MB
logfile_backups = 1
pidfile = {stack}/supervisord.pid

[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """\
[program:{name}]
command = {command}
autostart = false
autorestart = true
startsecs = 3
startretries = 5
stopasgroup = true
killasgroup = true
stopsignal = TERM
stopwaitsecs = {stop_seconds}
priority = {priority}
redirect_stderr = true
stdout_logfile = {log}
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 2
"""
