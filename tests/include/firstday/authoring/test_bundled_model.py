"""A bundled model is told apart from one that fits the sample's events and enrichment."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from include.firstday.authoring import explain_use_case
from include.firstday.generator.events import events
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase

START = datetime(2026, 6, 1, tzinfo=UTC)
pytestmark = pytest.mark.slow


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    """A copy of the bundled use case that a test may change, with one quick candidate."""
    shutil.copytree(use_case.USE_CASES / "first_day_churn", tmp_path / "use_cases" / "first_day_churn")
    monkeypatch.setattr(use_case, "USE_CASES", tmp_path / "use_cases")
    found = use_case.load("first_day_churn")
    kept = {"logistic_regression": found.training.candidates["logistic_regression"]}
    training = found.training.model_copy(update={"candidates": kept, "sampled_moments": 0})
    return found.model_copy(update={"training": training})


def doubts(case: UseCase, folder: Path) -> list[str]:
    """What is found on 36 generated hours about the bundled model."""
    assert case.generator
    pq.write_table(events(case.generator, START, START + timedelta(hours=36)), folder / "sample.parquet")
    found = explain_use_case.sample(case, folder / "sample.parquet").findings
    return [one.text for one in found if "bundled_model" in one.text]


def test_events_like_those_of_the_training_are_no_doubt(quick: UseCase, tmp_path: Path) -> None:
    assert doubts(quick, tmp_path) == []


def test_a_foreign_enrichment_table_is(quick: UseCase, tmp_path: Path) -> None:
    path = quick.folder / "postcodes.parquet"
    table = pq.read_table(path)
    larger = pc.multiply(table["socioeconomic_idx"], pa.scalar(1000.0))
    pq.write_table(table.set_column(table.column_names.index("socioeconomic_idx"), "socioeconomic_idx", larger), path)
    (found,) = doubts(quick, tmp_path)
    assert "use_case.yaml: scoring.bundled_model: model.skops: socioeconomic_idx of the sample differs from" in found
    assert "remove bundled_model and train on your own events and enrichment" in found
