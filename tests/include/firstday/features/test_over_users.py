"""Work over all users gives what one pass over all events gives, bit for bit, in however many partitions."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.firstday.errors import EngineError, TracesLeftError
from include.firstday.features import partitions as divided
from include.firstday.features import rebuild_features, update_features
from include.firstday.features.over_users import over_users
from include.firstday.features.partitions import load
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints, connections, statements
from include.firstday.lake.lake import OPEN_FILES, Lake
from include.firstday.lake.run import Run
from include.firstday.lake.written_files import file_sha256
from include.firstday.models.training import training_set
from include.firstday.operations import forget_user
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests import servers
from tests.include.firstday.features.conftest import GIANT_EVENTS, NOON, compared, home, state
from tests.include.firstday.features.test_label_horizon import LABEL, with_horizon
from tests.servers import free_port

PARTITIONS = (1, 3, 16)
SAMPLE = 60  # of users, in a training set of more


def in_one_pass(lake: Lake, case: UseCase, upto: int, as_known: bool) -> pa.Table:
    """The training set by the same statements on the lake itself, without a partition."""
    watermark = checkpoints.stored(lake, upto).watermark
    assert watermark is not None
    path = settings().home / "everyone.parquet"
    lake.build_distinct("everyone", "users", "user_id")
    lake.write_file("everyone", str(path))
    training_set.build_users_rows(lake, case, upto, watermark, as_known, [str(path)])
    return training_set.sorted_rows(lake)


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_a_rebuild_finds_the_incremental_state(
    faulty: UseCase, partitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    home(monkeypatch, settings().home, engine_partitions=partitions)
    with open_lake(faulty, read_only=True) as lake:
        assert lake.query("select count(*) as n from events where user_id = 'giant'")["n"][0].as_py() > GIANT_EVENTS
    rebuilt = rebuild_features.rebuild_features(faulty)
    assert rebuilt.users > 100
    assert rebuilt.changed == 0


@pytest.mark.parametrize(
    ("partitions", "as_known"),
    [(1, False), (3, False), *(pytest.param(*slow, marks=pytest.mark.slow) for slow in [(16, False), (3, True)])],
)
def test_a_training_set_is_that_of_one_pass(
    faulty: UseCase, partitions: int, as_known: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home(monkeypatch, settings().home, engine_partitions=partitions)
    with open_lake(faulty) as lake:
        upto = checkpoints.stored(lake).batch_id
        if as_known:  # all came at once; as if each event had been stored when it happened
            with lake.transaction():
                lake._connection.execute("update events set ingested_at = event_time + interval 1 minute")
        with training_set.computed_rows(lake, faulty, upto, as_known):
            found = training_set.sorted_rows(lake)
            training_set.write(lake, tmp_path / "found.parquet")
            users = lake.row("models/training_set/extent")["user_count"]
        assert users == len(set(found["user_id"].to_pylist())) > 100
    with open_lake(faulty) as lake:
        expected = in_one_pass(lake, faulty, upto, as_known)
        training_set.write(lake, tmp_path / "expected.parquet")
    assert "giant" in expected["user_id"].to_pylist()
    assert found == expected
    assert file_sha256(tmp_path / "found.parquet") == file_sha256(tmp_path / "expected.parquet")


@pytest.mark.parametrize("as_known", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_labels_of_moments_are_those_of_one_pass(
    faulty: UseCase, as_known: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same bytes, in three partitions as in one; late, repeated and erased events among them."""
    case = with_horizon(faulty, LABEL, tmp_path, monkeypatch, label_horizon_hours=5)
    hashes, found = [], []
    if as_known:
        with open_lake(case) as lake, lake.transaction():
            lake._connection.execute("update events set ingested_at = event_time + interval 1 minute")
    for partitions in (1, 3):
        home(monkeypatch, settings().home, engine_partitions=partitions)
        with open_lake(case) as lake:
            upto, path = checkpoints.stored(lake).batch_id, tmp_path / f"{partitions}.parquet"
            with training_set.computed_rows(lake, case, upto, as_known):
                found.append(training_set.sorted_rows(lake))
                training_set.write(lake, path)
        hashes.append(file_sha256(path))
    with open_lake(case) as lake:
        assert in_one_pass(lake, case, upto, as_known) == found[0]
    assert hashes[0] == hashes[1]
    assert set(found[0]["label"].to_pylist()) == {0, 1}
    assert "giant" in found[0]["user_id"].to_pylist()


def from_the_beginning(case: UseCase) -> tuple[dict[str, pa.Table], int]:
    """Make all stored events a backlog of features again; the state before, and its micro-batch."""
    with open_lake(case) as lake:
        before, last = state(lake), checkpoints.of(lake, update_features.STAGE)
        with lake.transaction():
            lake.delete_rows("users")
            lake.delete_rows("feature_state")
            checkpoints.advance(lake, update_features.STAGE, last, 0)
    return before, last


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_a_large_backlog_gives_the_same_state_in_one_step(
    faulty: UseCase, partitions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, after = from_the_beginning(faulty)
    home(monkeypatch, settings().home, engine_partitions=partitions, engine_events=1000)
    (step,) = update_features.update_features(faulty)
    assert (step.after, step.upto, step.is_last) == (0, after, True)
    with open_lake(faulty) as lake:
        assert state(lake) == expected


def test_a_large_backlog_after_earlier_micro_batches_changes_their_users_too(
    faulty: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, last = from_the_beginning(faulty)
    with monkeypatch.context() as small:
        small.setattr(update_features, "ROW_LIMIT", 1)
        first = update_features.update_step(faulty, Run(task="test"))
    assert first
    assert (first.upto, first.is_last) == (1, False)
    home(monkeypatch, settings().home, engine_partitions=3, engine_events=1000)
    (step,) = update_features.update_features(faulty)
    assert (step.after, step.upto, step.is_last) == (1, last, True)
    with open_lake(faulty) as lake:
        assert state(lake) == expected


def test_of_more_users_a_sample_with_each_label_and_day_by_its_share_is_the_same_each_time(
    faulty: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = faulty.training.model_copy(update={"maximum_users": SAMPLE})
    few = faulty.model_copy(update={"training": training})
    samples, texts = [], list[str]()
    for partitions in (1, 3):
        home(monkeypatch, settings().home, engine_partitions=partitions)
        with open_lake(faulty) as lake:
            upto = checkpoints.stored(lake).batch_id
            with training_set.computed_rows(lake, few, upto, progress=lambda *part: texts.append(part[-1])):
                samples.append(training_set.sorted_rows(lake))
    with open_lake(faulty) as lake:
        whole = training_set.rows(lake, faulty, upto)
    assert len(set(whole["user_id"].to_pylist())) >= 2 * SAMPLE
    assert "part 1 of 3 computed: training_rows" not in texts  # but together with the next
    assert texts[-1] == "part 3 of 3 computed: training_rows"
    assert samples[0] == samples[1]
    assert len(set(samples[0]["user_id"].to_pylist())) == SAMPLE
    assert set(map(str, samples[0].to_pylist())) < set(map(str, whole.to_pylist()))
    shares = [labels.count(1) / len(labels) for labels in (table["label"].to_pylist() for table in (samples[0], whole))]
    assert abs(shares[0] - shares[1]) < 0.02


def test_the_manifest_says_what_the_files_hold_and_no_file_is_left(
    faulty: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    home(monkeypatch, settings().home, engine_partitions=3)
    with open_lake(faulty) as lake:
        upto = checkpoints.stored(lake).batch_id
        with over_users(lake, faulty, upto) as partitions:
            parts = partitions.compute(update_features.recompute_partition)
            assert [part.sha256 for part in parts] == [file_sha256(Path(part.path)) for part in parts]
            for table in update_features.TABLES:
                own = [part for part in parts if part.table == f"{table}_now"]
                load(lake, "all_parts", f"{table}_now", parts)
                assert sum(part.rows for part in own) == lake.count("all_parts")
                assert sum(part.users for part in own) == lake.count_distinct("all_parts", "user_id")
            assert len({part.path for part in parts}) == len(parts) == 6
        assert not [part for part in parts if Path(part.path).exists()]


COMPARED: dict[int, tuple[int, dict[str, pa.Table], str]] = {}


def by_one_machine(case: UseCase, folder: Path, events: int) -> tuple[int, dict[str, pa.Table], str]:
    """What is compared, computed once of as many events: an erasure may have left fewer."""
    if events not in COMPARED:
        COMPARED[events] = compared(case, folder)
    return COMPARED[events]


@pytest.mark.parametrize(
    "partitions", [pytest.param(1, marks=pytest.mark.slow), 3, pytest.param(16, marks=pytest.mark.slow)]
)
def test_a_spark_engine_gives_the_same(
    faulty: UseCase, sail_server: str, partitions: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open_lake(faulty, read_only=True) as lake:
        expected = by_one_machine(faulty, tmp_path, lake.count("events"))
    home(monkeypatch, settings().home, engine="spark", spark=sail_server, engine_partitions=partitions)
    found = compared(faulty, tmp_path)
    assert found == expected
    assert found[0] == 0
    with open_lake(faulty) as lake:
        assert found[1] == state(lake)


def used(case: UseCase) -> None:
    with open_lake(case) as lake, over_users(lake, case, 1):
        raise AssertionError("it was used")


def test_a_spark_engine_that_cannot_do_it_is_refused_before_any_work(
    faulty: UseCase, sail_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for url, said in (
        ("", "expected sc://HOST:PORT"),
        (f"sc://127.0.0.1:{free_port()}/;token=secret", r"^sc://127.0.0.1:\d+: no Spark Connect server answers there"),
    ):
        home(monkeypatch, settings().home, engine="spark", spark=url)
        with pytest.raises(EngineError, match=said):
            used(faulty)
    home(monkeypatch, settings().home, engine="spark", spark=sail_server)
    with pytest.raises(EngineError, match=r"registrations.sql reads postcode, which is personal"):
        used(faulty.model_copy(update={"personal": ("postcode",)}))
    shutil.copytree(statements.SQL, tmp_path / "sql")
    (tmp_path / "sql" / "features" / "new.sql").write_text("select 1")
    monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
    with pytest.raises(EngineError, match=r"an executor differs from this machine in the statements of sql/: expected"):
        used(faulty)
    assert list((settings().home / "lake" / "spill").iterdir()) == []


def test_a_process_without_a_main_file_uses_a_spark_engine_too(sail_server: str, tmp_path: Path) -> None:
    text = (
        "import pathlib, sys; from include.firstday.lake import spark\n"
        "with spark.connected(pathlib.Path(sys.argv[1])): print('connected')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", text, tmp_path],
        cwd=REPOSITORY,
        env=os.environ | {"FIRSTDAY_SPARK": sail_server},
        capture_output=True,
        text=True,
    )
    assert ran.stdout == "connected\n", ran.stderr


def test_an_executor_that_joins_later_is_checked_too(
    faulty: UseCase, sail_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home(monkeypatch, settings().home, engine="spark", spark=sail_server, engine_partitions=1)
    shutil.copytree(statements.SQL, tmp_path / "sql")
    (tmp_path / "sql" / "features" / "new.sql").write_text("select 1")
    with open_lake(faulty) as lake, over_users(lake, faulty, 1) as partitions:
        monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
        with pytest.raises(EngineError, match=r"an executor differs from this machine in the statements of sql/"):
            partitions.compute(lambda lake, case: ())


def test_an_erasure_beside_the_work_names_its_files_and_nothing_of_the_person_is_stored(
    faulty: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_lake(faulty, read_only=True) as lake:
        (row,) = lake.query("select max(user_id) as user_id from users where user_id <> 'giant'").to_pylist()

    def meanwhile(*_: object) -> None:
        with pytest.raises(TracesLeftError, match="spill"):
            forget_user.forget_user(faulty, row["user_id"])

    home(monkeypatch, settings().home, engine_partitions=1)
    rebuild_features.rebuild_features(faulty, progress=meanwhile)
    with open_lake(faulty, read_only=True) as lake:
        for table in ("events", *update_features.TABLES):
            assert lake.query(f"select 1 from {table} where user_id = '{row['user_id']}'").num_rows == 0
    forget_user.forget_user(faulty, row["user_id"])


def test_a_server_that_dies_at_work_changes_nothing_and_leaves_no_file(
    faulty: UseCase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pyspark", reason="make spark")
    with servers.sail(tmp_path, "local") as url, open_lake(faulty) as lake:
        before = state(lake)
        home(monkeypatch, settings().home, engine="spark", spark=url, engine_partitions=3)
        with pytest.raises(EngineError, match=url), over_users(lake, faulty, 1) as partitions:
            partitions.compute(lambda lake, case: os.kill(os.getpid(), signal.SIGKILL))
        assert state(lake) == before
    assert not [path for path in (settings().home / "lake" / "spill").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_spark_engine_reads_a_lake_in_a_bucket(
    on_s3: str, catalog: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pyspark", reason="make spark")
    case = use_case.load("first_day_churn")
    with servers.sail(settings().home, "local") as url:
        generate_events.generate_history(case, NOON, days=0.3)
        store_events.store_events(case)
        update_features.update_features(case)
        with open_lake(case) as lake:
            (row,) = lake.query("select min(user_id) as user_id from users").to_pylist()
            lost = lake.query("select user_id from users order by user_id limit 50")["user_id"].to_pylist()
        forget_user.forget_user(case, row["user_id"])  # DuckLake deletes rows of files, or rewrites them
        with open_lake(case) as lake:
            expected = state(lake)
            with lake.transaction():
                for table in update_features.TABLES:
                    lake.erase(table, lost)
        home(monkeypatch, settings().home, engine="spark", spark=url, engine_partitions=3)
        assert rebuild_features.rebuild_features(case).changed == len(lost) - 1
        with open_lake(case) as lake:
            assert state(lake) == expected


def test_each_partition_is_one_file_however_many_there_are(tmp_path: Path) -> None:
    """DuckDB keeps 100 open by default, and closed one and opened another with every half a million rows."""
    with connections.scratch("any", spill=tmp_path / "spill") as lake:
        lake._connection.execute(
            "create table events as select cast(i as varchar) as user_id, 1 as batch_id, 'a' as source_file "
            "from range(2_000_000) as numbers (i)"
        )
        values = {"first_batch": 1, "last_batch": 1, "partitions": OPEN_FILES}
        folder = tmp_path / "events"
        lake.write_partitions("features/over_users/partitioned_events", str(folder), "user_partition", **values)
        lake.build_files("written", [str(path) for path in folder.rglob("*.parquet")])
        assert lake.count("written") == 2_000_000
    assert len([*folder.rglob("*.parquet")]) == len([*folder.iterdir()]) == OPEN_FILES


def test_no_more_partitions_than_files_that_may_be_open(faulty: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    home(monkeypatch, settings().home)
    monkeypatch.setattr(divided, "PARTITION_EVENTS", 2)
    with open_lake(faulty) as lake, over_users(lake, faulty, checkpoints.stored(lake).batch_id) as found:
        assert checkpoints.stored(lake).rows_stored > 2 * OPEN_FILES
        assert found.count == OPEN_FILES


def test_many_users_of_few_events_are_in_more_partitions(faulty: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    home(monkeypatch, settings().home)
    monkeypatch.setattr(divided, "PARTITION_USERS", 40)
    with open_lake(faulty) as lake, over_users(lake, faulty, checkpoints.stored(lake).batch_id) as found:
        assert found.count == -(-lake.count("users") // 40) > 2


def test_rows_that_are_sorted_some_at_a_time_are_in_the_same_order(
    faulty: UseCase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open_lake(faulty) as lake, training_set.computed_rows(lake, faulty, checkpoints.stored(lake).batch_id):
        at_once = training_set.sorted_rows(lake)
        monkeypatch.setattr(training_set, "SORTED_AT_ONCE", 100)
        assert len(lake.rows("models/training_set/slices", rows=100)) > 2
        assert training_set.sorted_rows(lake) == at_once
        training_set.write(lake, path := tmp_path / "set.parquet")
    assert pq.read_table(path) == at_once


def test_events_divided_in_steps_are_all_divided(faulty: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    home(monkeypatch, settings().home, engine_partitions=3)
    monkeypatch.setattr(divided, "STEP_EVENTS", 1)
    texts: list[str] = []
    rebuilt = rebuild_features.rebuild_features(faulty, progress=lambda done, total, text: texts.append(text))
    assert rebuilt.users > 100
    assert rebuilt.changed == 0
    with open_lake(faulty) as lake:
        batches = lake.count("micro_batches")
    assert batches > 1
    assert texts[:batches] == [f"events up to micro-batch {number} divided" for number in range(1, batches + 1)]


def test_nothing_of_the_files_that_are_divided_is_kept_in_memory(
    faulty: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    home(monkeypatch, settings().home, engine_partitions=3)
    kept = "select memory_usage_bytes from duckdb_memory() where tag = 'EXTERNAL_FILE_CACHE'"
    with open_lake(faulty) as lake:
        lake.query("select sum(hash(events)) from events")
        assert lake._connection.execute(kept).fetchone() > (0,)
        with over_users(lake, faulty, checkpoints.stored(lake).batch_id):
            assert lake._connection.execute(kept).fetchone() == (0,)
