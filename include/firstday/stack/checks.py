"""Checks before the start; each error is one sentence with a remedy."""

import errno
import socket
import sys

from include.firstday.errors import PreflightError
from include.firstday.settings import Settings
from include.firstday.stack import environment


def python_version(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Check that the locked packages support this Python."""
    if not (3, 11) <= version < (3, 14):
        raise PreflightError(f"Python {version[0]}.{version[1]} is not supported: Python 3.11, 3.12 or 3.13 is needed.")


def ports(settings: Settings) -> None:
    """Check that the ports are different, free and permitted."""
    wanted = {"Airflow": ("FIRSTDAY_AIRFLOW_PORT", settings.airflow_port)}
    if environment.runs_mlflow(settings):
        wanted["MLflow"] = ("FIRSTDAY_MLFLOW_PORT", settings.mlflow_port)
        if settings.airflow_port == settings.mlflow_port:
            raise PreflightError(
                f"Airflow and MLflow cannot share port {settings.mlflow_port}: set FIRSTDAY_MLFLOW_PORT."
            )
    for server, (name, port) in wanted.items():
        free_port(server, name, settings.host, port)


def free_port(server: str, name: str, host: str, port: int) -> None:
    """Check that a server can use a port; the error names the setting that changes it."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise PreflightError(
                f"Port {port}, which {server} needs, {reason}: stop the process that uses it, or choose another with "
                f"{name}={port + 1 if port < 65535 else port - 1}."
            ) from error
