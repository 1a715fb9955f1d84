"""Kills and races of work over all users leave each user's state once, and no file that nobody knows."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from include.firstday.errors import EngineError
from include.firstday.features import rebuild_features, update_features
from include.firstday.features.over_users import over_users
from include.firstday.features.partitions import load
from include.firstday.lake import checkpoints, connections
from include.firstday.lake.lake import Lake
from include.firstday.operations import verify
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.features.conftest import home, sail, state

# A driver that dies in its transaction, when all is written, or as soon as it has committed.
DRIVER = """
import logging, os, signal, sys
from include.firstday.features import rebuild_features
from include.firstday.use_case import use_case

def die(*given):
    os.kill(os.getpid(), signal.SIGKILL)

swap = rebuild_features._swap
if sys.argv[1] == "before the commit":
    rebuild_features._swap = lambda *given: die(swap(*given))
else:
    rebuild_features.log.addFilter(lambda record: die() if record.levelno == logging.WARNING else True)
rebuild_features.rebuild_features(use_case.load("first_day_churn"))
"""


@pytest.fixture
def broken(faulty: UseCase) -> tuple[UseCase, dict[str, pa.Table]]:
    """The lake without the state of a third of the users, and the state that a rebuild is to find again."""
    rebuild_features.rebuild_features(faulty)  # of what another test has left
    with open_lake(faulty) as lake:
        expected = state(lake)
        lost = sorted(set(expected["users"]["user_id"].to_pylist()))[::3]
        with lake.transaction():
            for table in update_features.TABLES:
                lake.erase(table, lost)
    assert len(lost) > 30
    return faulty, expected


def expect_state(case: UseCase, expected: dict[str, pa.Table]) -> None:
    """Expect each user's state once, every data file as it was written, and no other file in the lake's folders."""
    with open_lake(case) as lake:
        assert state(lake) == expected
        verify.record(lake)
    assert not verify.verify().damaged
    connections.drop_dead_spill()
    assert not [path for path in (settings().home / "lake" / "spill").rglob("*") if path.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "spark"])
@pytest.mark.parametrize(("phase", "is_rebuilt"), [("before the commit", False), ("after the commit", True)])
def test_a_driver_killed_at_its_commit_has_rebuilt_all_or_nothing(
    broken: tuple[UseCase, dict[str, pa.Table]],
    engine: str,
    phase: str,
    is_rebuilt: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    case, expected = broken
    with open_lake(case) as lake:
        before = state(lake)
    with sail(tmp_path, "local-cluster") as url:
        home(monkeypatch, settings().home, engine=engine, spark=url, engine_partitions=3)
        (script := tmp_path / "driver.py").write_text(DRIVER)  # Spark's client expects that there is a file
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        driver = subprocess.run([sys.executable, script, phase], env=environment, capture_output=True, text=True)
        assert driver.returncode == -signal.SIGKILL, driver.stderr
        with open_lake(case) as lake:
            assert state(lake) == (expected if is_rebuilt else before)
        assert bool(rebuild_features.rebuild_features(case).changed) != is_rebuilt
    expect_state(case, expected)


@pytest.mark.slow
def test_an_executor_killed_at_work_is_replaced_or_the_work_changes_nothing(
    broken: tuple[UseCase, dict[str, pa.Table]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    case, expected = broken
    with sail(tmp_path, "local-cluster") as url, open_lake(case) as lake:
        upto = checkpoints.of(lake, update_features.STAGE)
        home(monkeypatch, settings().home, engine="spark", spark=url, engine_partitions=3)
        try:
            parts = _computed(lake, case, upto, _dying_once(str(tmp_path / "died"), upto))
        except EngineError:
            parts = None
        assert (tmp_path / "died").exists()
        if parts is not None:
            assert parts == expected
    home(monkeypatch, settings().home, engine="local", engine_partitions=3)
    rebuild_features.rebuild_features(case)
    expect_state(case, expected)


@pytest.mark.slow
def test_two_rebuilds_at_once_leave_the_state_of_one(
    broken: tuple[UseCase, dict[str, pa.Table]], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, expected = broken
    home(monkeypatch, settings().home, engine_partitions=3)
    with ThreadPoolExecutor(2) as both:
        rebuilt = list(both.map(lambda _: rebuild_features.rebuild_features(case), range(2)))
    assert min(one.changed for one in rebuilt) == 0 < max(one.changed for one in rebuilt)
    expect_state(case, expected)


def _dying_once(marker: str, upto: int) -> Callable[..., tuple[str, ...]]:
    """The work of a rebuild, in which the first executor that gets to it dies when it has computed its partition."""

    def work(lake: Lake, case: UseCase) -> tuple[str, ...]:
        made = update_features.recompute(lake, case, 0, upto)
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return made
        os.kill(os.getpid(), signal.SIGKILL)
        return made

    return work


def _computed(lake: Lake, case: UseCase, upto: int, work: Callable[..., tuple[str, ...]]) -> dict[str, pa.Table]:
    with over_users(lake, case, upto) as partitions:
        parts = partitions.compute(work)
        for table in update_features.TABLES:
            load(lake, f"all_{table}", f"{table}_now", parts, like=table)
        return {table: lake.query(f"from all_{table} order by all") for table in update_features.TABLES}
