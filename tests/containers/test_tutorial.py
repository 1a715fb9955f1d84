"""The tutorial of several machines, in the running containers: its commands print what the page shows."""

import subprocess
from pathlib import Path

import pytest

from include.firstday.settings import REPOSITORY
from tests.containers.engine import compose_command
from tests.containers.stack import Stack
from tests.test_tutorials import is_as_shown, steps

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

PAGE = REPOSITORY / "docs" / "tutorials" / "several-machines.md"


@pytest.fixture
def docker(running: Stack, tmp_path: Path) -> Path:
    """A folder with `docker`, whose `compose` is the program that is installed."""
    compose = " ".join(compose_command() or [])
    program = running.engine.run(["sh", "-c", "command -v docker"], 10).strip()
    lines = (
        "#!/bin/sh",
        f'[ "$1" = compose ] || exec {program} "$@"',
        f'shift; exec {compose} --project-name {running.name} "$@"',
    )
    (tmp_path / "docker").write_text("\n".join(lines))
    (tmp_path / "docker").chmod(0o755)
    return tmp_path


def test_its_commands_print_what_it_shows(running: Stack, docker: Path) -> None:
    environment = running.engine.environment | {"PATH": f"{docker}:{running.engine.environment['PATH']}"}
    for step in steps(PAGE.read_text(encoding="utf-8")):
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", step.commands],
            cwd=running.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert ran.returncode == 0, f"{step.commands}\n{ran.stdout}\n{ran.stderr}"
        assert step.output is None or is_as_shown(ran.stdout, step.output), f"{step.commands}\n{ran.stdout}"
