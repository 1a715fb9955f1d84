"""A small fuzz: mutated files stop nothing and lose nothing, and what is lost is found."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from include.firstday.settings import REPOSITORY
from include.firstday.use_case.use_case import UseCase
from tests.faults import fuzz, mutations
from tests.faults.fuzz import File


@pytest.mark.slow
def test_mutated_files_stop_nothing_and_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.fuzz", "--files", "40", "--seed", "3", "--save", str(tmp_path)]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=500)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("seed 3\n")


def test_a_lost_row_is_found_and_the_same_seed_makes_the_same_files(churn: UseCase, home: Path) -> None:
    events = mutations.rows("mark", 3)
    (batch,), (again,) = list(fuzz.batches(5, 10)), list(fuzz.batches(5, 10))
    assert batch == again
    good = File(b"a.ndjson", mutations.content(".ndjson", events, random.Random(1)), 3)
    assert fuzz.run(home, churn, [good]) == []
    lost = File(good.name, good.content + good.content, 6)
    assert list(fuzz._miscounted(churn, [lost])) == ["a.ndjson: 6 good rows, stored 3, rejected 0"]
    spaced = File(b"spaced.csv", b'user_id,event_type,event_time,bet_amount\nu1,new_bet,2026-11-20T10:00:00Z,"\r2.5"\n')
    assert fuzz.run(home, churn, [spaced]) == []
    unnoticed = File(good.name, good.content + b"{}\n")
    assert list(fuzz._miscounted(churn, [unnoticed])) == ["a.ndjson: 4 lines, stored 3, rejected 0, not quarantined"]
