"""The versions in a form are those of the registry, read without MLflow, also where it is another server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.firstday.models import known_versions as module
from include.firstday.models import promotion, registry
from include.firstday.models.known_versions import known_versions
from include.firstday.settings import REPOSITORY, settings
from include.firstday.stack import health
from include.firstday.use_case.use_case import UseCase
from tests.servers import free_port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real MLflow server with a database of its own."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    store = [
        "--backend-store-uri",
        f"sqlite:///{tmp_path / 'other.db'}",
        "--artifacts-destination",
        str(tmp_path / "a"),
    ]
    command = [sys.executable, "-m", "mlflow", "server", *store, "--workers", "1", "--port", str(port)]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        give_up = time.monotonic() + 120
        while health.answers(f"{url}/health") is None:
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            assert time.monotonic() < give_up, (tmp_path / "server.log").read_text()
            time.sleep(0.3)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the server is a process of its own
        process.wait(30)


def as_registered(churn: UseCase) -> dict[int, str]:
    return {
        version.number: f"version {version.number}, {', '.join(sorted(version.aliases))}"
        for version in registry.versions(churn)
    }


def let_mlflow_be_at(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("FIRSTDAY_MLFLOW_URL", url)
    settings.cache_clear()


def test_they_are_those_of_the_registry(churn: UseCase) -> None:
    assert known_versions(churn.name) == {}
    promotion.register_bundled(churn)
    assert known_versions(churn.name) == as_registered(churn)
    assert known_versions("another") == {}


@pytest.mark.slow
def test_they_are_those_of_another_server(churn: UseCase, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    let_mlflow_be_at(monkeypatch, server)
    assert known_versions(churn.name) == {}
    promotion.register_bundled(churn)
    registry.register(churn, registry.versions(churn)[0].run_id, 0.5)  # as the challenger
    assert known_versions(churn.name) == {2: "version 2, challenger", 1: "version 1, champion"}
    assert known_versions(churn.name) == as_registered(churn)
    assert known_versions("another") == {}
    let_mlflow_be_at(monkeypatch, server.replace("http://", "http://ada:secret%40@"))
    assert len(known_versions(churn.name)) == 2


def test_a_server_that_does_not_answer_costs_the_form_its_list_and_no_more(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_mlflow_be_at(monkeypatch, f"http://127.0.0.1:{free_port()}")
    begun = time.monotonic()
    assert known_versions(churn.name) == {}
    assert time.monotonic() - begun < module.SECONDS
    let_mlflow_be_at(monkeypatch, "postgresql://nowhere/mlflow")
    assert known_versions(churn.name) == {}


def test_a_form_lists_them_without_importing_mlflow(churn: UseCase, home: Path) -> None:
    promotion.register_bundled(churn)
    script = (
        "import sys; from dags.rollback_model import version; "
        "schema = version('first_day_churn').schema; "
        "print(schema['examples'], schema['description_md'].split('.')[0], 'mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['1'] Registered: version 1, challenger, champion False"
