"""A bundled model acts on the enrichment that it was trained with, and not on another world's."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from include.firstday import landing
from include.firstday.errors import HeldBackError
from include.firstday.generator.events import events
from include.firstday.ingest import add_files
from include.firstday.lake import clock
from include.firstday.lake.run import Run
from include.firstday.models import promotion, registry
from include.firstday.operations import micro_batch, status
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import health
from include.firstday.web.app import build
from include.firstday.web.reader import reader
from tests.light_server import gate_of_everybody

END = datetime(2026, 6, 3, tzinfo=UTC)
PART = timedelta(hours=6)  # of which each micro-batch is
FIRST = timedelta(minutes=20)  # the first one, with too few users to compare


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    """A copy of the bundled use case that a test may change."""
    shutil.copytree(use_case.USE_CASES / "first_day_churn", tmp_path / "use_cases" / "first_day_churn")
    monkeypatch.setattr(use_case, "USE_CASES", tmp_path / "use_cases")
    return use_case.load("first_day_churn")


def foreign(case: UseCase, path: Path, factor: float = 1000.0) -> Path:
    """The postcodes with other indices."""
    table = pq.read_table(case.folder / "postcodes.parquet")
    larger = pc.multiply(table["socioeconomic_idx"], pa.scalar(factor))
    table = table.set_column(table.column_names.index("socioeconomic_idx"), "socioeconomic_idx", larger)
    pq.write_table(table, path)
    return path


def process(case: UseCase, part: int) -> list[str]:
    """What the stages of a micro-batch of six generated hours say."""
    assert case.generator
    begin, done = END - timedelta(days=2) + part * PART, list[micro_batch.Done]()
    rows = events(case.generator, END - timedelta(days=2), begin + (PART if part else FIRST), since=begin)
    landing.deliver(case.name, f"{part}.parquet", lambda path: pq.write_table(rows, path))
    promotion.register_bundled(case)
    with clock.simulated(clock.naive(begin + PART)):
        micro_batch.process(case, Run(task="test"), done.append)
    return [one.stage for one in done]


def found(case: UseCase) -> list[str]:
    with open_lake(case, read_only=True) as lake:
        problems = health.health(lake, case, None, clock.now()).problems
    return [*problems, *status.notices(case)]


def predicted(case: UseCase) -> tuple[int, str | None]:
    """Status and error of a request for a prediction."""
    reader(case.name).forget()
    answer = TestClient(build(gate_of_everybody())).post(f"/api/{case.name}/predict", json={"features": {}})
    reader(case.name).close()
    return answer.status_code, answer.json().get("detail")


def test_it_acts_on_its_own_enrichment(case: UseCase) -> None:
    assert "score_users" in process(case, 0)
    assert not [text for text in found(case) if "bundled" in text]
    assert predicted(case) == (200, None)
    with open_lake(case, read_only=True) as lake:
        assert lake.count("model_checks") == 0


@pytest.mark.slow
def test_a_replaced_file_holds_it_back_until_a_model_is_trained(case: UseCase) -> None:
    foreign(case, case.folder / "postcodes.parquet")
    with pytest.raises(HeldBackError, match="200 moments of users at cut-offs will show") as held:
        process(case, 0)
    assert predicted(case) == (409, str(held.value))
    for part in range(1, 8):
        with pytest.raises(HeldBackError) as held:
            process(case, part)
    assert "unlike in its training is socioeconomic_idx (population stability index" in str(held.value)
    assert predicted(case) == (409, str(held.value))
    with open_lake(case, read_only=True) as lake:
        assert lake.count("predictions") == 0
        assert lake.count("events") > 0
        (checked,) = lake.rows_of("model_checks")
    assert checked["row_count"] >= case.monitoring.minimum_rows
    assert "socioeconomic_idx" in checked["foreign_features"]
    assert "bet_count" not in checked["foreign_features"]
    assert len([text for text in found(case) if text.lower().startswith("nobody is scored: version 1")]) == 2

    with registry.start_run(case, "trained") as run:  # as good as any: what counts is that it is another
        registry.log_model(case, registry.with_alias(case, "champion").model, {})  # type: ignore[union-attr]
    promotion.promote(case, registry.register(case, run.info.run_id, 0.6), "trained")
    assert "score_users" in process(case, 8)
    assert not [text for text in found(case) if "bundled" in text]
    assert predicted(case) == (200, None)


@pytest.mark.slow
def test_corrections_of_the_table_are_compared_too(case: UseCase, tmp_path: Path) -> None:
    for part in range(7):
        process(case, part)
    for name, factor, is_held in (("same", 1.0, False), ("foreign", 1000.0, True), ("back", 1.001, False)):
        corrected = foreign(case, tmp_path / f"{name}.parquet", factor)
        list(add_files.add_files(case, [corrected], into="postcodes"))
        if is_held:
            with pytest.raises(HeldBackError):
                process(case, 7)
        else:
            assert "score_users" in process(case, 8)
    with open_lake(case, read_only=True) as lake:
        assert [bool(row["foreign_features"]) for row in lake.query("from model_checks order by all").to_pylist()] == [
            False, True, False
        ]  # fmt: skip
