"""A small soak: with maintenance everything is bounded, and what is not bounded is found."""

import dataclasses
import os
import subprocess
import sys

import pytest

from include.firstday.settings import REPOSITORY
from tests.faults.soak import Hour, failures

STEADY = Hour(1, 5000, 1.5, 1.4, 0.2, 0.5, 60, 10, 400, 200, 2.0, 60, 300.0)


def test_what_grows_on_is_found_and_what_settles_is_not() -> None:
    steady = [dataclasses.replace(STEADY, hour=hour) for hour in range(1, 9)]
    assert list(failures(steady, 2)) == []
    growing = [dataclasses.replace(hour, files_on_disk=400 * hour.hour) for hour in steady]
    assert list(failures(growing, 2)) == ["files_on_disk: at most 2,000 in hours 3 to 5, but 3,200 in hours 6 to 8"]
    busier = [*steady[:-1], dataclasses.replace(steady[-1], cpu_seconds=2.8, reference_seconds=0.4)]
    assert list(failures(busier, 2)) == []
    slower = [*steady[:-1], dataclasses.replace(steady[-1], cpu_seconds=1.75)]
    assert list(failures(slower, 2)) == ["a micro-batch of the last hour took 1.25 times one of the first"]


@pytest.mark.faults
@pytest.mark.parametrize(("more", "code"), [([], 0), (["--without-maintenance"], 1)])
def test_the_lake_is_bounded_by_its_maintenance(more: list[str], code: int) -> None:
    few = ["--micro-batches", "14", "--batches-an-hour", "2", "--retention-hours", "2", "--history-days", "0.05"]
    command = [sys.executable, "-m", "tests.faults.soak", *few, *more]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=500, env=os.environ)
    # Times are for `make soak`: beside other tests, seven hours of two micro-batches say nothing about them.
    found = {line for line in ran.stdout.splitlines() if line.startswith("NOT BOUNDED") and " took " not in line}
    assert ran.returncode == ("NOT BOUNDED" in ran.stdout), ran.stdout + ran.stderr
    assert "everything is bounded" in ran.stdout or ran.returncode, ran.stdout + ran.stderr
    assert bool(found) == (code == 1), ran.stdout + ran.stderr
    assert any("files_on_disk" in line for line in found) == (code == 1)


@pytest.mark.faults
@pytest.mark.parametrize(("more", "code"), [([], 0), (["--without-maintenance"], 1)])
def test_airflows_history_is_bounded_by_its_maintenance(more: list[str], code: int) -> None:
    few = ["--days", "6", "--runs-a-day", "40", "--keep-days", "2"]
    command = [sys.executable, "-m", "tests.faults.soak_airflow", *few, *more]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=500, env=os.environ)
    assert ran.returncode == code, ran.stdout + ran.stderr
    for what in ("runs", "rows", "log_files"):
        assert (f"NOT BOUNDED: {what}" in ran.stdout) == (code == 1)
