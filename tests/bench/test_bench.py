"""A small benchmark as its user starts it: every contender has the same features. Its times are nobody's claim."""

import subprocess
import sys

import pytest

from tests.bench.measures import ROOT
from tests.bench.workload import FROM_PARQUET, IN_OUR_PYTHON, compare


def test_features_that_differ_end_the_run() -> None:
    expected = {"one": [1.0, 2.0], "two": [3.0, 4.0]}
    compare("same", {"two": [3.0, 4.0 + 1e-9], "one": [1.0, 2.0]}, expected)
    with pytest.raises(SystemExit, match="two has"):
        compare("other", {"one": [1.0, 2.0], "two": [3.0, 4.01]}, expected)
    with pytest.raises(SystemExit, match="1 users, expected 2"):
        compare("fewer", {"one": [1.0, 2.0]}, expected)


@pytest.mark.release
def test_the_contenders_have_the_same_features() -> None:
    command = [sys.executable, "-m", "tests.bench", "--quick", "workload"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    contenders = (*IN_OUR_PYTHON, *FROM_PARQUET)
    for name in contenders:
        assert f"{name}: " in ran.stdout
    assert ran.stdout.count("features equal") == len(contenders)
