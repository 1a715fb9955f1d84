"""A small chaos run as its user starts it: no difference, and one where a lake was tampered with."""

import subprocess
import sys
from pathlib import Path

import pytest

from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase

WITHOUT = ("--without", "clock", "disk")  # which the small runs leave to `make chaos`


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.faults.chaos", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=900)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_lake_under_faults_is_that_without_them_and_a_change_of_one_row_is_found(
    churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    ran = chaos("--kills", "2", "--events", "10000", "--files", "24", "--keep", str(kept), *WITHOUT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 differences" in ran.stdout
    assert "differing" in ran.stdout
    for fault in ("late registrations", "processes stopped for a while", "maintain_lake", "forget_user"):
        # The first: a stage that failed by itself has another line.
        line = next(line for line in ran.stdout.splitlines() if line.strip().startswith(fault))
        assert int(line.removeprefix(f"  {fault}").split()[0].replace(",", "")) > 0, line

    monkeypatch.setenv("FIRSTDAY_HOME", str(kept / "faulty"))
    settings.cache_clear()
    tamper = "update feature_state set value_count = value_count + 1 where user_id = (select min(user_id) from users)"
    with open_lake(churn) as lake, lake.transaction():
        lake._connection.execute(tamper + " and measure = 'bet'")
    settings.cache_clear()
    again = chaos("--compare", str(kept))
    assert again.returncode == 1
    (line,) = (line for line in again.stdout.splitlines() if line.startswith("feature_state  "))
    assert line.split()[-2:] == ["2", "<<<"]  # what should be there and is not, and what is there and should not be


@pytest.mark.faults
@pytest.mark.parametrize("name", sorted(set(use_case.names()) - {"first_day_churn"}))
def test_so_it_is_for_every_other_use_case(name: str) -> None:
    ran = chaos("--use-case", name, "--kills", "1", "--events", "2000", "--files", "8", *WITHOUT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 differences" in ran.stdout


def test_a_home_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "clean").mkdir()
    ran = chaos("--keep", str(tmp_path))
    assert ran.returncode != 0
    assert list((tmp_path / "clean").iterdir()) == []
