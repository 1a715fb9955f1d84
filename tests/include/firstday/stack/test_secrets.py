"""The secrets of docker-compose.yaml, and what the file says of its services."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.firstday.settings import REPOSITORY, settings
from include.firstday.stack import secrets_file
from include.firstday.stack.home import Home

FILE = REPOSITORY / "docker-compose.yaml"


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
    return found


# The compose file


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose: apt-get install docker-compose")
@pytest.mark.parametrize("has_secrets", [True, False])
def test_docker_compose_reads_the_file_where_there_are_secrets(tmp_path: Path, has_secrets: bool) -> None:
    for name in (FILE.name, "Dockerfile"):
        shutil.copy(REPOSITORY / name, tmp_path)
    if has_secrets:
        secrets_file.complete(tmp_path / ".env")
    ran = subprocess.run(["docker-compose", "config", "-q"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0 if has_secrets else 1, "")
    assert ("run make secrets" in ran.stderr) != has_secrets


def test_every_server_says_whether_it_is_well_is_started_again_and_has_limits() -> None:
    for name, each in services().items():
        if each["restart"] != "no":
            assert each["restart"] == "unless-stopped"
            assert each["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
            assert each["healthcheck"]["test"], name
        for port in each.get("ports", ()):
            assert port.startswith("127.0.0.1:")


def test_every_service_is_of_an_exact_version_and_has_no_right_that_it_does_not_need() -> None:
    content = services()
    for name, each in content.items():
        assert each["read_only"] is True, name
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert each["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert "/tmp" in each["tmpfs"], name
        assert each["image"] == "firstday" or re.search(r":\d+\.\d+", each["image"]), name
    assert {name for name, each in content.items() if "cap_add" in each} == {"s3"}
    assert [name for name, each in content.items() if "build" in each] == ["migrate"]
    bases = set(re.findall(r"^FROM (\S+:\S+)", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE))
    assert len(bases) == 1
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)


# Secrets


def test_secrets_are_made_once_for_their_owner_without_the_project_installed(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); "
               "import runpy; sys.argv[1:] = ['.env']; "
               "runpy.run_module('include.firstday.stack.secrets_file', run_name='__main__')"]  # fmt: skip
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    made = secrets_file.read(file)
    assert made.keys() == secrets_file.MADE.keys()
    assert not [value for name, value in made.items() if value in first.stdout and name != "COMPOSE_PROFILES"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(set(made.values())) == len(made)
    assert "nothing added" in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout
    assert secrets_file.read(file) == made


def test_what_is_missing_is_added_and_what_is_there_stays(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nPOSTGRES_PASSWORD='chosen'\nFIRSTDAY_WORKERS=4\n")
    assert "POSTGRES_PASSWORD" not in secrets_file.complete(file)
    assert secrets_file.read(file)["POSTGRES_PASSWORD"] == "chosen"
    assert secrets_file.read(file)["FIRSTDAY_WORKERS"] == "4"
    assert file.read_text().startswith("# mine\n")


def test_given_secrets_are_used_and_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JWT_SECRET", "FERNET_KEY", "API_SECRET_KEY", "ADMIN_PASSWORD"):
        monkeypatch.setenv(f"FIRSTDAY_{name}", f"given {name}")
    settings.cache_clear()
    given = Home.of(settings())
    given.prepare()
    assert given.secrets() == {
        "jwt_secret": "given JWT_SECRET",
        "fernet_key": "given FERNET_KEY",
        "api_secret_key": "given API_SECRET_KEY",
    }
    assert not (home / "airflow" / "secrets.json").exists()
    assert given.login() == ("admin", "given ADMIN_PASSWORD")
    assert "given JWT" not in repr(given)
    assert "given JWT" not in repr(settings())
