"""Kills and races of work over all users leave each user's state once, and no file that nobody knows.

Sail's executors are threads of one process. So that one of several dies, the engine is Spark: `make bench` installs it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from include.firstday.features import rebuild_features, update_features
from include.firstday.features.over_users import over_users
from include.firstday.features.partitions import load
from include.firstday.lake import checkpoints, connections
from include.firstday.lake.lake import Lake
from include.firstday.operations import verify
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case.use_case import UseCase
from tests import servers
from tests.include.firstday.features.conftest import compared, home, state

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


EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"  # among the words of its command
ENGINES = [
    pytest.param("local", marks=pytest.mark.slow),
    pytest.param("sail", marks=pytest.mark.slow),
    pytest.param("spark", marks=pytest.mark.faults),
]


@pytest.fixture(scope="module")
def spark_cluster() -> Iterator[str]:
    pytest.importorskip("pyspark", reason="make spark")
    with servers.spark_server("local-cluster[2,1,1024]") as url:  # two executors, each a JVM
        yield url


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, object]]:
    """The settings of an engine that runs."""
    chosen: dict[str, object] = {"engine": "spark", "engine_partitions": 3}
    if request.param == "local":
        yield chosen | {"engine": "local"}
    elif request.param == "spark":
        yield chosen | {"spark": request.getfixturevalue("spark_cluster")}
    else:
        pytest.importorskip("pyspark", reason="make spark")
        with servers.sail(tmp_path, "local-cluster") as url:
            yield chosen | {"spark": url}


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


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
@pytest.mark.parametrize(("phase", "is_rebuilt"), [("before the commit", False), ("after the commit", True)])
def test_a_driver_killed_at_its_commit_has_rebuilt_all_or_nothing(
    broken: tuple[UseCase, dict[str, pa.Table]],
    engine: dict[str, object],
    phase: str,
    is_rebuilt: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    case, expected = broken
    with open_lake(case) as lake:
        before = state(lake)
    home(monkeypatch, settings().home, **engine)
    (script := tmp_path / "driver.py").write_text(DRIVER)  # Spark's client expects that there is a file
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    driver = subprocess.run([sys.executable, script, phase], env=environment, capture_output=True, text=True)
    assert driver.returncode == -signal.SIGKILL, driver.stderr
    with open_lake(case) as lake:
        assert state(lake) == (expected if is_rebuilt else before)
    assert bool(rebuild_features.rebuild_features(case).changed) != is_rebuilt
    expect_state(case, expected)


@pytest.mark.parametrize("engine", ENGINES[2:], indirect=True)
def test_an_executor_killed_at_work_is_replaced(
    broken: tuple[UseCase, dict[str, pa.Table]],
    engine: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    case, expected = broken
    home(monkeypatch, settings().home, **engine)
    with open_lake(case) as lake:
        upto = checkpoints.of(lake, update_features.STAGE)
        assert _computed(lake, case, upto, _dying_once(tmp_path / "died")) == expected
    executors = (tmp_path / "died").read_text().split()
    assert len(executors) == 1
    assert not psutil.pid_exists(int(executors[0]))
    assert rebuild_features.rebuild_features(case).changed > 30
    expect_state(case, expected)


@pytest.mark.parametrize("engine", [ENGINES[0], ENGINES[2]], indirect=True)
def test_two_rebuilds_at_once_leave_the_state_of_one(
    broken: tuple[UseCase, dict[str, pa.Table]], engine: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, expected = broken
    home(monkeypatch, settings().home, **engine)
    with ThreadPoolExecutor(2) as both:
        rebuilt = list(both.map(lambda _: rebuild_features.rebuild_features(case), range(2)))
    assert min(one.changed for one in rebuilt) == 0 < max(one.changed for one in rebuilt)
    expect_state(case, expected)


@pytest.mark.faults
def test_spark_gives_what_one_machine_does(
    faulty: UseCase, spark_cluster: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = compared(faulty, tmp_path)
    home(monkeypatch, settings().home, engine="spark", spark=spark_cluster, engine_partitions=3)
    assert compared(faulty, tmp_path) == expected
    assert expected[0] == 0


def _dying_once(marker: Path) -> Callable[..., tuple[str, ...]]:
    """The work of a rebuild, in which the first executor that gets to it dies when it has computed its partition.

    It dies as a machine does, with all its processes: a JVM, and the Python that it has started.
    """

    def work(lake: Lake, case: UseCase) -> tuple[str, ...]:
        made = update_features.recompute_partition(lake, case)
        try:
            file = marker.open("x")
        except FileExistsError:
            return made
        (executor,) = [each for each in psutil.Process().parents() if EXECUTOR in each.cmdline()]
        with file:
            file.write(f"{executor.pid} ")
        for each in [executor, *executor.children(recursive=True)]:
            each.kill()
        return made

    return work


def _computed(lake: Lake, case: UseCase, upto: int, work: Callable[..., tuple[str, ...]]) -> dict[str, pa.Table]:
    with over_users(lake, case, upto) as partitions:
        parts = partitions.compute(work)
        for table in update_features.TABLES:
            load(lake, f"all_{table}", f"{table}_now", parts, like=table)
        return {table: lake.query(f"from all_{table} order by all") for table in update_features.TABLES}
