"""A preview shows what a rebuild does then, feature by feature, and writes nothing."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.firstday.__main__ import main
from include.firstday.features import update_features
from include.firstday.features.rebuild_features import rebuild_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import statements
from include.firstday.lake.run import Run
from include.firstday.models import promotion
from include.firstday.operations import preview_features as preview_module
from include.firstday.operations.preview_features import Preview, preview_features
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The statement of the use case's measures, in a copy of `sql/`."""
    shutil.copytree(statements.SQL, tmp_path / "sql")
    monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
    return tmp_path / "sql" / "use_cases" / "first_day_churn" / "measures.sql"


@pytest.fixture
def stored(churn: UseCase) -> UseCase:
    generate_events.generate_history(churn, NOON, days=0.1)
    store_events.store_events(churn)
    update_features.update_features(churn)
    return churn


def preview(case: UseCase) -> Preview:
    return preview_features(case, Run(task="test"), lambda *_: None)


def features(case: UseCase) -> list[dict[str, object]]:
    with open_lake(case, read_only=True) as lake:
        return lake.query("select user_id, bet_sum, win_sum from user_features order by user_id").to_pylist()


def test_it_is_what_the_rebuild_does_then(measures: Path, stored: UseCase, capsys: pytest.CaptureFixture[str]) -> None:
    assert preview(stored).changed == 0
    before = features(stored)
    text = measures.read_text()
    assert "bet_amount" in text
    measures.write_text(text.replace("bet_amount", "(bet_amount * 2)"))
    found = preview(stored)
    assert found.sources == ("sql/use_cases/first_day_churn/measures.sql",)
    assert (found.predicted, found.largest_step) == (None, None)
    bets = {row["user_id"]: float(str(row["bet_sum"])) for row in before if row["bet_sum"]}
    assert found.changed == len(bets) > 10
    changed = {change.feature: change for change in found.features}
    assert set(changed) == {"bet_sum", "bet_mean", "bet_var"}
    assert changed["bet_sum"].users == len(bets)
    assert changed["bet_sum"].mean_before == pytest.approx(sum(bets.values()) / len(bets))
    assert changed["bet_sum"].mean_after == pytest.approx(2 * sum(bets.values()) / len(bets))
    assert changed["bet_sum"].largest == pytest.approx(max(bets.values()))
    assert features(stored) == before
    promotion.register_bundled(stored)
    assert main(["--use-case", stored.name, "rebuild-features", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"{len(bets):,} of " in said
    assert "of them have predicted churn now" in said
    assert "bet_mean" in said
    assert rebuild_features(stored).changed == found.changed
    assert preview(stored).changed == 0


@pytest.mark.parametrize("is_deployed", [False, True])
def test_a_change_of_user_features_is_shown_before_and_after_it_takes_effect(
    measures: Path, stored: UseCase, is_deployed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    promotion.register_bundled(stored)
    statement = measures.with_name("user_features.sql")
    before = features(stored)
    statement.write_text(
        statement.read_text().replace("coalesce(wide.bet_sum, 0.0)", "coalesce(2 * wide.bet_sum, 1.0)")
    )
    if is_deployed:  # as by the next micro-batch
        with open_lake(stored):
            pass
    found = preview(stored)
    assert found.sources == ("sql/use_cases/first_day_churn/user_features.sql",)
    (change,) = found.features
    bets = [float(str(row["bet_sum"])) for row in before]
    assert (change.feature, change.users, found.changed) == ("bet_sum", len(bets), len(bets))
    assert change.mean_before == pytest.approx(sum(bets) / len(bets))
    assert change.mean_after == pytest.approx(sum(2 * bet or 1 for bet in bets) / len(bets))
    assert change.largest == pytest.approx(max([*bets, 1]))
    assert found.predicted
    assert found.largest_step
    if not is_deployed:  # nothing was written: what serves is the statement before
        with open_lake(stored, read_only=True) as lake:
            assert (
                lake.query("select user_id, bet_sum, win_sum from user_features order by user_id").to_pylist() == before
            )
    assert main(["--use-case", stored.name, "rebuild-features", "--dry-run"]) == 0
    assert "after a change of sql/use_cases/first_day_churn/user_features.sql" in capsys.readouterr().out


def test_a_change_of_comments_is_none(measures: Path, stored: UseCase) -> None:
    statement = measures.with_name("user_features.sql")
    statement.write_text("-- One more comment.\n" + statement.read_text().replace("\n\n", "\n\n\n"))
    assert preview(stored).sources == ()


def test_a_new_feature_and_changed_measures_are_shown_together(
    measures: Path, stored: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_module, "USERS_AT_ONCE", 7)  # in parts
    measures.write_text(measures.read_text().replace("bet_amount", "(bet_amount * 2)"))
    statement = measures.with_name("user_features.sql")
    text = statement.read_text()
    assert "    coalesce(wide.win_var, 0.0) as win_var,\n" in text
    statement.write_text(
        text.replace(
            "    coalesce(wide.win_var, 0.0) as win_var,\n",
            "    coalesce(wide.win_var, 0.0) as win_var,\n    42 as answer,\n",
        )
    )
    found = preview(stored.model_copy(update={"features": (*stored.features, "answer")}))
    changed = {change.feature: change for change in found.features}
    assert set(changed) == {"bet_sum", "bet_mean", "bet_var", "answer"}
    answer = changed["answer"]
    assert (answer.users, answer.mean_before, answer.mean_after, answer.largest) == (found.users, None, 42, None)
    assert found.predicted is None
