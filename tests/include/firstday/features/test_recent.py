"""Measures of recent values, from the YAML to a training set: what was served, and a state that does not grow."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from include.firstday.__main__ import main
from include.firstday.features import point_in_time
from include.firstday.features.rebuild_features import rebuild_features
from include.firstday.features.update_features import update_features
from include.firstday.ingest import add_files, store_events
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case
from include.firstday.use_case.recent import Recent, rules
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.authoring.test_check_sample import change, made, shop
from tests.include.firstday.features.conftest import served, trained

__all__ = ["made", "shop"]

START = datetime(2026, 3, 1, 8, 3)
CUTOFFS = (60, 240)
CASE = yaml.safe_load((Path(__file__).parent / "recent_case.yaml").read_text())
FEATURES = ("views_2h", "views_share", "amount_last_2_mean")


@pytest.fixture
def case(shop: Path) -> UseCase:
    change(shop, CASE)
    found = use_case.load("shop")
    training = found.training.model_copy(update={"cutoff_minutes": CUTOFFS, "sampled_moments": 0})
    return found.model_copy(update={"training": training})


def store(case: UseCase, folder: Path, name: str, *events: tuple[float, str], user: str = "a") -> None:
    """A micro-batch of one file: orders of an amount, and views, so many minutes after the start."""
    rows = [
        f"{START + timedelta(minutes=minutes)},{user},{'Order Placed' if amount else 'Page View'},{amount},1,1,Android"
        for minutes, amount in events
    ]
    (folder / name).write_text("\n".join(["time,user,type,amount,receipt,customer,device", *rows]) + "\n")
    list(add_files.add_files(case, [folder / name]))
    store_events.store_events(case)
    update_features(case)


def test_what_is_trained_on_and_recomputed_is_what_was_served(case: UseCase, tmp_path: Path) -> None:
    store(case, tmp_path, "1.csv", (0, ""), (20, "10.00"), (30, ""), (30, ""), (55, "30.00"))
    first = served(case, START + timedelta(minutes=60))
    # Of minute 60, 09:03, the tiles of an hour are those from 08:10 on, of two hours all.
    assert [first[name] for name in FEATURES] == [2, 1 / 2, 20.0]
    store(case, tmp_path, "2.csv", (130, ""), (239, ""), (240, "5.50"))
    moment = START + timedelta(minutes=240)
    second = served(case, moment)
    assert [second[name] for name in FEATURES] == [2, 1 / 2, 17.75]
    (row,) = point_in_time.features_after(case, ["a"], 2, moment).to_dict("records")
    assert {name: row[name] for name in case.features} == second
    store(case, tmp_path, "3.csv", (60 * 24 * 60, ""), user="z")  # so that the label is known
    assert trained(case, 3) == [first, second]
    # Time alone empties the windows.
    assert [served(case, START + timedelta(minutes=400))[name] for name in FEATURES] == [0, 0.0, 17.75]
    # A late event counts in its tile, and moves the newest values.
    store(case, tmp_path, "4.csv", (238, ""), (239, "100.00"))
    assert [served(case, moment)[name] for name in FEATURES] == [3, 2 / 3, 52.75]
    assert rebuild_features(case).changed == 0


def test_identical_events_count_once_and_the_view_is_as_of_now(case: UseCase, tmp_path: Path) -> None:
    store(case, tmp_path, "1.csv", (0, ""), (0, ""))
    with open_lake(case, read_only=True) as lake:
        (row,) = lake.rows_of("user_features", user_id="a")
    assert (row["page_view_count"], row["views_2h"]) == (1, 0)


def test_the_state_does_not_grow_with_the_events(case: UseCase, tmp_path: Path) -> None:
    for batch in range(8):
        store(case, tmp_path, f"{batch}.csv", *((batch * 150 + minute, "1.00") for minute in range(150)))
        store(case, tmp_path, f"views {batch}.csv", *((batch * 150 + minute, "") for minute in range(150)))
        with open_lake(case, read_only=True) as lake:
            tiles, newest = (lake.count("feature_state", measure=name) for name in ("page_view_tile", "amount_newest"))
        assert (tiles, newest) == (12, 2)
    assert rebuild_features(case).changed == 0


def test_a_changed_window_is_a_changed_view_and_a_reason_to_rebuild(
    case: UseCase, shop: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store(case, tmp_path, "1.csv", (0, ""), (100, ""))
    change(shop, {"change": {"use_case.yaml": {"[1h, 2h], hop: 10m": "[1h, 2h], hop: 30m"}}})
    changed = use_case.load("shop")
    store(changed, tmp_path, "2.csv", (0, ""), user="b")
    assert "use_case.yaml: recent" in caplog.text
    assert rebuild_features(changed).changed == 1
    with open_lake(changed, read_only=True) as lake:
        (text,) = lake.query("select sql from duckdb_views() where view_name = 'recent_state'")["sql"].to_pylist()
    assert "1800000000" in text


def test_the_check_fits_a_model_on_them(case: UseCase, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-use-case", case.name, "--sample", str(shop / "sample.csv")]) == 0
    said = capsys.readouterr().out
    assert "shop: valid\n- no bundled model" in said
    assert "amount_last_2_mean" in said


@pytest.mark.parametrize(
    ("recent", "said"),
    [
        ({"bet": {}}, "recent.bet: Value error, expected windows or last"),
        ({"bet": {"windows": ["90s"]}}, "recent.bet.windows.0: String should match pattern"),
        ({"bet": {"windows": ["1h"], "hop": "7m"}}, "hop: expected a part of 1h, found 7m"),
        ({"bet": {"windows": ["5m", "7m"]}}, "hop: expected a part of 7m, found 25 seconds, a twelfth of the shortest"),
        ({"bet": {"windows": ["24h"], "hop": "1m"}}, "hop: expected at most 1,000 tiles in 24h, found 1,440"),
        ({"bet": {"last": [3], "hop": "1m"}}, "hop: expected windows, of which it is the length of a tile"),
        ({"bets": {"last": [3]}}, "recent: expected some of the measures ['purchase', 'bet', 'win'], found 'bets'"),
        ({"bet": {"windows": ["2d"]}}, "recent.bet.windows: expected at most window.hours, 24 hours"),
    ],
)
def test_a_yaml_that_cannot_be_is_an_error(churn: UseCase, recent: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        UseCase.model_validate(churn.model_dump() | {"recent": recent})
    problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.value.errors()]
    assert said in "\n".join(problems)


def test_a_twelfth_of_the_shortest_window_is_a_tile() -> None:
    found = list(rules({"bet": Recent(windows=("1h", "6h"), last=(10,))}))
    assert [(rule.name, rule.hop, rule.size) for rule in found] == [
        ("bet_1h", 300_000_000, 12),
        ("bet_6h", 300_000_000, 72),
        ("bet_last_10", None, 10),
    ]
