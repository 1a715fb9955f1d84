"""A wrong use case is refused with the file, the key and what was expected."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.firstday.authoring import check_use_case
from include.firstday.errors import UseCaseError
from include.firstday.lake import statements
from include.firstday.use_case import use_case

GOOD = yaml.safe_load((use_case.USE_CASES / "first_day_churn" / "use_case.yaml").read_text())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(colour="blue"), "use_case.yaml: colour: Extra inputs are not permitted, found 'blue'"),
        (lambda c: c.pop("window"), "use_case.yaml: window: Field required"),
        (lambda c: c.update(registered_by="sign_up"), "registered_by: expected one of the events"),
        (lambda c: c["window"].update(hours=0), "window.hours: Input should be greater than 0, found 0"),
        (lambda c: c["scoring"].update(measures=["spin"]), "scoring.measures: expected some of the measures"),
        (
            lambda c: c["training"]["gates"].update(new={"metric": "brier"}),
            "training.gates.new: Value error, expected one of above and at_most",
        ),
        (
            lambda c: c["training"]["gates"].update(new={"metric": "brier", "against": "luck", "above": 0}),
            "training.gates.new.against: expected one of ('champion', 'base_rate', 'win_rate'), found 'luck'",
        ),
        (
            lambda c: c["training"]["baselines"].update(new={"feature": "colour"}),
            "training.baselines: expected some of the features, found 'colour'",
        ),
        (
            lambda c: c["training"].update(label="derived"),
            "training.label_known_after_hours: expected more than window.hours",
        ),
        (
            lambda c: c["training"].pop("label_known_after_hours"),
            "training: expected one of label_known_after_hours, after the window opened, and label_horizon_hours, "
            "after each moment; found none",
        ),
        (
            lambda c: c["training"].update(label="derived", label_horizon_hours=48),
            "label_horizon_hours, after each moment; found both",
        ),
        (
            lambda c: c["training"].update(label_known_after_hours=None, label_horizon_hours=48),
            "training.label_horizon_hours: expected training.label: derived, as an explicit label is one value of a ",
        ),
        (
            lambda c: c["training"].update(label="derived", label_known_after_hours=None, label_horizon_hours=0.01),
            "training.label_horizon_hours: expected at least a minute, 0.0167, as users are scored by the minute; "
            "found 0.01",
        ),
        (
            lambda c: c["training"].update(label="derived", label_known_after_hours=None, label_horizon_hours=0),
            "training.label_horizon_hours: Input should be greater than 0, found 0",
        ),
        (
            lambda c: c.update(shards=4),
            "shards: this key was removed: delete it, as each stage is one task",
        ),
        (lambda c: c.update(source={}), "use_case.yaml: source: this key was renamed to mapping"),
        (
            lambda c: c["scoring"]["costs"].update(needless_offer=1),
            "use_case.yaml: scoring.costs.needless_offer: this key was renamed to unneeded_offer",
        ),
        (
            lambda c: c["scoring"]["costs"].update(missed_churner=1),
            "use_case.yaml: scoring.costs.missed_churner: this key was renamed to missed_user",
        ),
        (lambda c: c.update(outcome={"name": "buys", "good": True}), "outcome.good: Extra inputs are not permitted"),
        (lambda c: c.update(outcome=""), "outcome.name: String should have at least 1 character"),
        (
            lambda c: c["training"]["gates"]["beats_base_rate"].update(against="rate"),
            "use_case.yaml: training.gates.beats_base_rate.against: the value 'rate' was renamed to 'base_rate'",
        ),
        (
            lambda c: c["training"].update(label="carried"),
            "training.label: the value 'carried' was renamed to 'explicit'",
        ),
        (
            lambda c: c.update(mapping={"columns": {"_line": "city", "Rowid": "city"}}),
            "expected names that do not begin with _ and are not rowid, found Rowid, _line",
        ),
        (lambda c: c.update(features=["a", "a"]), "features: expected each name once"),
        (lambda c: c.update(name="other"), "name: expected 'first_day_churn', the folder's name, found 'other'"),
    ],
)
def test_a_wrong_yaml_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str) -> None:
    content = yaml.safe_load(yaml.safe_dump(GOOD))
    change(content)
    path = tmp_path / "first_day_churn" / "use_case.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UseCaseError) as error:
        use_case.read(path)
    assert said in str(error.value)


def test_an_outcome_is_a_name_or_also_whether_it_is_good_news() -> None:
    negative, positive = GOOD | {"outcome": "leaving"}, GOOD | {"outcome": {"name": "purchase", "positive": True}}
    found = [use_case.UseCase.model_validate(content).outcome for content in (negative, positive)]
    assert [(one.name, one.positive) for one in found] == [("leaving", False), ("purchase", True)]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("measures", "select user_id from window_event", "in sql/use_cases/first_day_churn/measures.sql"),
        ("user_features", "select user_id, registered_at from users", "features: expected columns of sql/use_cases"),
        ("events", "create table if not exists events (id bigint", "in sql/use_cases/first_day_churn/events.sql"),
        (
            "registrations",
            "select user_id, event_time as registered_at, label, postcode, name from scope_events",
            "first_day_churn/registrations.sql: expected no column name: it is personal",
        ),
        (
            "enrichment/postcodes",
            "create table postcodes (postcode varchar, socioeconomic_idx double, rowid bigint, batch_id bigint)",
            "first_day_churn/enrichment/postcodes.sql: expected another name than rowid",
        ),
    ],
)
def test_bad_sql_is_refused_by_the_name_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, said: str
) -> None:
    import shutil

    shutil.copytree(statements.SQL, tmp_path / "sql")
    (tmp_path / "sql" / "use_cases" / "first_day_churn" / f"{file}.sql").write_text(text)
    monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
    with pytest.raises(UseCaseError) as error:
        check_use_case.check(use_case.load("first_day_churn"))
    assert said in str(error.value)


def test_the_shipped_use_cases_fit() -> None:
    assert use_case.names()
    assert check_use_case.problems() == []
    assert [case.name for case in check_use_case.valid()] == use_case.names()
