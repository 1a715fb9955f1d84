"""docker-compose.yaml as data: each service's command, environment and dependencies.

It supports the part of the format (https://github.com/compose-spec/compose-spec) that the file uses, and rejects the
rest.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from include.firstday.errors import ComposeError
from include.firstday.settings import REPOSITORY

FILE = REPOSITORY / "docker-compose.yaml"
HEALTHY = "service_healthy"
COMPLETED = "service_completed_successfully"

_KNOWN = {
    "build", "cap_add", "cap_drop", "command", "depends_on", "deploy", "entrypoint", "environment", "healthcheck",
    "image", "init", "logging", "ports", "profiles", "pull_policy", "read_only", "restart", "security_opt",
    "stop_grace_period", "stop_signal", "tmpfs", "user", "volumes",
}  # fmt: skip
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:?[-?])([^}]*))?\}|(\w+))")


@dataclass(frozen=True)
class Service:
    """One service: its command, environment, dependencies and health check."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: Mapping[str, str]  # volume -> where it is in the container
    after: Mapping[str, str]  # service -> HEALTHY or COMPLETED
    is_healthy: tuple[str, ...]  # a command that exits with 0 if the service is healthy; empty if there is none
    runs_once: bool
    replicas: int
    stop_signal: str
    stop_seconds: int
    profiles: tuple[str, ...]


def read(variables: Mapping[str, str], path: Path = FILE) -> dict[str, Service]:
    """Return the services by name, with these variables replaced, each after its dependencies."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        services = {name: _service(name, _filled(entry, variables)) for name, entry in content["services"].items()}
        return {name: services[name] for name in _in_order(services)}
    except ComposeError as error:
        raise ComposeError(f"{path.name}: {error}") from None


def defaults(path: Path = FILE) -> dict[str, str]:
    """Return the variables with a default in the file."""
    found = _VARIABLE.finditer(path.read_text(encoding="utf-8"))
    return {match[2]: match[4] for match in found if match[2] and match[3] in (":-", "-")}


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:?message}` in a text; `$$` is a dollar."""

    def value(match: re.Match[str]) -> str:
        dollar, name, how, other, bare = match.groups()
        if dollar:
            return "$"
        found = variables.get(name or bare)
        if found or (found is not None and how in (None, "-", "?")):
            return found
        if how in (":?", "?"):
            raise ComposeError(f"{name}: {other}")
        return other or ""

    return _VARIABLE.sub(value, text)


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return fill(node, variables)
    if isinstance(node, list):
        return [_filled(each, variables) for each in node]
    if isinstance(node, dict):
        return {key: _filled(each, variables) for key, each in node.items()}
    return node


def _service(name: str, entry: dict[str, Any]) -> Service:
    if unknown := sorted(entry.keys() - _KNOWN):
        raise ComposeError(f"{name}: {', '.join(unknown)} is not supported")
    command = entry.get("command")
    if not isinstance(command, list) or not isinstance(entry.get("entrypoint", []), list):
        raise ComposeError(f"{name}.command: expected a list")
    return Service(
        name=name,
        image=entry["image"],
        command=tuple(map(str, [*entry.get("entrypoint", []), *command])),
        environment={key: str(value) for key, value in entry.get("environment", {}).items()},
        mounts=dict(volume.split(":", 1) for volume in entry.get("volumes", [])),
        after={other: wait["condition"] for other, wait in entry.get("depends_on", {}).items()},
        is_healthy=_health_check(name, entry.get("healthcheck")),
        runs_once=entry.get("restart") == "no",
        replicas=int(entry.get("deploy", {}).get("replicas", 1)),
        stop_signal=str(entry.get("stop_signal", "SIGTERM")).removeprefix("SIG"),
        stop_seconds=_seconds(entry.get("stop_grace_period", "10s")),
        profiles=tuple(entry.get("profiles", ())),
    )


def _health_check(name: str, entry: dict[str, Any] | None) -> tuple[str, ...]:
    match (entry or {}).get("test"):
        case None:
            return ()
        case ["CMD", *command]:
            return tuple(map(str, command))
        case ["CMD-SHELL", line]:
            return ("sh", "-c", str(line))
    raise ComposeError(f"{name}.healthcheck.test: expected a list that starts with CMD or CMD-SHELL")


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)([sm])", text)
    if not found:
        raise ComposeError(f"stop_grace_period: expected seconds or minutes, as 30s or 2m, found {text}")
    return int(found[1]) * {"s": 1, "m": 60}[found[2]]


def _in_order(services: Mapping[str, Service]) -> Iterator[str]:
    """Order services after their dependencies, otherwise as in the file."""
    done: set[str] = set()
    while len(done) < len(services):
        ready = [name for name in services if name not in done and services[name].after.keys() <= done]
        if not ready:
            raise ComposeError(f"services depend on each other: {', '.join(sorted(services.keys() - done))}")
        for name in ready:
            done.add(name)
            yield name


def shown(command: tuple[str, ...]) -> str:
    """Format a command as typed in a shell."""
    return shlex.join(command)
