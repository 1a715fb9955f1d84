"""Slowly changing enrichment: a moment reads the row that was valid then, in serving and in training alike."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from include.firstday import landing
from include.firstday.__main__ import main
from include.firstday.features.rebuild_features import rebuild_features
from include.firstday.features.update_features import update_features
from include.firstday.ingest import add_files, store_events
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.authoring.test_check_sample import change, made, shop
from tests.include.firstday.features.conftest import served, trained

__all__ = ["made", "shop"]

START = datetime(2026, 3, 1, 8)
CUTOFFS = (60, 600)
CASE = yaml.safe_load((Path(__file__).parent / "enrichment_case.yaml").read_text())


@pytest.fixture
def case(shop: Path) -> UseCase:
    change(shop, CASE)
    found = use_case.load("shop")
    training = found.training.model_copy(update={"cutoff_minutes": CUTOFFS, "sampled_moments": 0})
    return found.model_copy(update={"training": training})


def store(case: UseCase, folder: Path, name: str, text: str, into: str = "") -> None:
    """A micro-batch of one file."""
    (folder / name).write_text(text)
    list(add_files.add_files(case, [folder / name], into=into))
    store_events.store_events(case)
    update_features(case)


def views(*hours: float, user: str = "a") -> str:
    rows = [f"{START + timedelta(hours=hour)},{user},Page View,,1,1,Android" for hour in hours]
    return "\n".join(["time,user,type,amount,receipt,customer,device", *rows]) + "\n"


def test_what_is_trained_on_is_what_was_served(case: UseCase, tmp_path: Path) -> None:
    store(case, tmp_path, "1.csv", views(0, 0.5))
    first = served(case, START + timedelta(minutes=CUTOFFS[0]))
    store(case, tmp_path, "2.csv", views(3, 9))
    second = served(case, START + timedelta(minutes=CUTOFFS[1]))
    assert [(row["tariff"], row["screen"]) for row in (first, second)] == [(1, 6), (2, 6)]
    store(case, tmp_path, "3.csv", views(24 * 60, user="z"))  # so that the label is known
    assert trained(case, 3) == [first, second]
    # A correction of the first row counts from then on, and a training as of before it is what it was.
    store(case, tmp_path, "4.csv", "device,valid_from,price\nAndroid,2026-01-01,5\n", into="tariffs")
    assert [row["tariff"] for row in trained(case, 4)] == [5, 2]
    assert trained(case, 3) == [first, second]
    assert rebuild_features(case).changed == 0


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("Android,2026-04-01,1\nAndroid,2026-04-01,2\n", "device: expected once of one valid_from, found twice"),
        ("Android,,1\n", "valid_from: required, missing"),
        ("Android,soon,1\n", "valid_from: expected TIMESTAMP, found 'soon'"),
    ],
)
def test_rows_without_one_time_are_rejected(case: UseCase, tmp_path: Path, rows: str, reason: str) -> None:
    store(case, tmp_path, "wrong.csv", f"device,valid_from,price\n{rows}", into="tariffs")
    with open_lake(case, read_only=True) as lake:
        found = {row["reason"] for row in lake.query("select reason from rejected_events").to_pylist()}
    assert found == {reason}
    assert not landing.pending(case.name, ("tariffs",))


def test_a_day_is_no_time_from_which_a_row_counts(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(shop, CASE)
    change(shop, {"change": {"enrichment/tariffs.sql": {"valid_from timestamp": "valid_from date"}}})
    assert main(["check-use-case", "shop"]) == 1
    said = capsys.readouterr().out
    assert "sql/use_cases/shop/enrichment/tariffs.sql: valid_from: expected a timestamp" in said
