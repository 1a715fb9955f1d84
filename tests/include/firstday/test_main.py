"""The command line as its user types it, on an empty home."""

import json
from pathlib import Path

import pytest

from include.firstday.__main__ import main
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase


@pytest.fixture
def ready(churn: UseCase) -> None:
    with open_lake(churn):
        pass


@pytest.mark.parametrize("arguments", [["query", "from events"], ["status"], ["rejected"], ["export"]])
def test_a_question_about_a_home_that_is_not_there_names_it_and_makes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 1
    assert f"there is no lake in {home / 'lake'} yet" in capsys.readouterr().err
    assert not home.exists()


def test_a_question_is_answered_as_json(ready: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "select count(*) as n from postcodes", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 90_000}]


def test_events_go_from_a_file_to_features(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "user_id,event_type,event_time,postcode,amount\n"
        "anna,new_registration,2026-11-20T10:00:00Z,10000,\n"
        "anna,new_purchases,2026-11-20T10:05:00Z,,12.50\n"
        "anna,new_purchases,2026-11-21T10:05:00Z,,7.50\n"
        "anna,new_purchases,2026-11-21T10:05:01Z,,99\n"
    )
    assert main(["ingest", str(file)]) == 0
    assert main(["micro-batch", "--no-score"]) == 0
    assert "4 events stored, 0 rejected" in capsys.readouterr().out
    question = "select purchase_sum, purchase_mean, purchase_count, purchase_var from user_features"
    assert main(["query", question, "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "20.0,10.0,2,12.5"
    assert main(["micro-batch", "--no-score"]) == 0
    assert "no new events in landing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ingest", "missing.csv"], "missing.csv: expected a file"),
        (["--use-case", "nothing", "status"], "no use case 'nothing'; the use cases are: "),
        (["query", "select * from nothing"], "Table with name nothing does not exist"),
        (["query", "delete from events"], "read-only"),
        (["query", "select * from read_text('/etc/hostname')"], "Permission Error"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(
    ready: None, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_status_shows_rows_stages_and_commits(ready: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    out = capsys.readouterr().out
    for word in ("events", "pending_files", "update_features", "commit_message"):
        assert word in out
