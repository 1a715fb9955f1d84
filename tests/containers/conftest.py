"""One engine, and one Compose project in it, for all tests of containers."""

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers import bases
from tests.containers.engine import Engine, missing
from tests.containers.stack import Stack

# Images are kept in this folder, for the next time, where it is set; else everything is removed.
KEPT = "FIRSTDAY_CONTAINERS_FOLDER"
TEMPORARY = Path("/var/tmp")  # on a disk: /tmp may be memory, which overlayfs does not always like


def end(*_: object) -> None:
    """End as by Ctrl-C, with all that is to be removed."""
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if reason := missing():
        pytest.skip(reason)
    signal.signal(signal.SIGTERM, end)
    kept = os.environ.get(KEPT)
    root = Path(kept) if kept else TEMPORARY / f"firstday-containers-{secrets.token_hex(4)}"
    with Engine(root, keeps_images=bool(kept)) as started:
        for name, how in bases.provide(started).items():
            print(f"{name}: {how}")
        yield started


@pytest.fixture(scope="session")
def stack(engine: Engine) -> Iterator[Stack]:
    """The project's image, built; its services, started by whoever uses `up`."""
    folder = engine.root / "projects" / secrets.token_hex(3)
    folder.mkdir(parents=True)
    made = Stack(engine, folder)
    try:
        made.build()
        yield made
    finally:
        made.down("--volumes", "--remove-orphans")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def running(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The services, once all are healthy; where a test has failed, the last lines of each are printed at the end."""
    failed = request.session.testsfailed
    try:
        print(f"from `up` to healthy: {stack.up():.0f} s")
        print(stack.engine.docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"))
        yield stack
    finally:
        if request.session.testsfailed > failed or not stack.is_healthy():
            print("\n".join(stack.logs()))
