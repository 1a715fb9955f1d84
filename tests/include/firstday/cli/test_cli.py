"""The command line as its user types it."""

import csv
import importlib
import io
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from include.firstday.cli.main import main
from include.firstday.models import promotion
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case import use_case

ROOT = Path(__file__).resolve().parents[4]
EVENTS = (
    "user_id,event_type,event_time,postcode,amount\n"
    "anna,new_registration,2026-11-20T10:00:00Z,10000,\n"
    "anna,new_purchases,2026-11-20T10:05:00Z,,12.50\n"
    "anna,new_purchases,2026-11-21T10:05:00Z,,7.50\n"
    "anna,new_purchases,2026-11-21T10:05:01Z,,99\n"
)
READING = (["query", "select 1"], ["status"], ["rejected"], ["export"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for all tests that only read; the first makes an empty lake in it."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def lake(shared: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared home, as this test's."""
    monkeypatch.setenv("FIRSTDAY_HOME", str(shared))
    settings.cache_clear()
    with open_lake(use_case.load("first_day_churn")):
        return shared


def test_events_go_from_a_file_to_features(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(EVENTS)
    assert main(["ingest", str(file)]) == 0
    assert main(["micro-batch", "--no-score"]) == 0
    assert "4 events stored, 0 rejected" in capsys.readouterr().out
    question = "select purchase_sum, purchase_mean, purchase_count, purchase_var from user_features"
    assert main(["query", question, "--output", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "20.0,10.0,2,12.5"
    assert main(["micro-batch", "--no-score"]) == 0
    assert "no new events in landing" in capsys.readouterr().out


def test_a_query_imports_only_what_it_needs(lake: Path) -> None:
    code = (
        "import sys; from include.firstday.cli.main import main; main(['query', 'select 1 as one'])\n"
        "print(sorted({'pandas', 'sklearn', 'mlflow', 'airflow'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "one\n1\n[]\n"


@pytest.mark.slow
def test_a_prediction_is_explained_by_effects_that_add_up(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(EVENTS)
    main(["ingest", str(file)])
    main(["micro-batch", "--no-score"])
    assert main(["explain", "anna"]) == 1
    assert "no champion yet: train a model" in capsys.readouterr().err
    promotion.register_bundled(use_case.load("first_day_churn"))
    capsys.readouterr()
    assert main(["explain", "anna", "--output", "json"]) == 0
    base, *effects, probability = json.loads(capsys.readouterr().out)
    assert (base["features"], probability["features"]) == ("median user", "probability")
    assert base["effect"] + sum(one["effect"] for one in effects) == pytest.approx(probability["effect"], abs=1e-6)
    named = [name for one in effects for name in one["features"].split(", ")]
    assert sorted(named) == sorted(use_case.load("first_day_churn").features)
    assert main(["explain", "nobody"]) == 1
    assert "no registered user nobody" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ingest", "missing.csv"], "missing.csv: expected a file"),
        (["--use-case", "nothing", "status"], "no use case 'nothing'; the use cases are: "),
        (["query", "select * from nothing"], "Table with name nothing does not exist"),
        (["query", "delete from events"], "read-only"),
        (["query", "select * from read_text('/etc/hostname')"], "Permission Error"),
        (["query", "select 1; select 2"], "expected one statement, found 2"),
        (["query", ""], "expected one statement, found none"),
        (["forget-user", " "], "user_id: expected the id of a user"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(
    lake: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("firstday: ")
    assert said in error
    assert "Traceback" not in error


def test_a_fault_of_the_project_keeps_its_traceback(home: Path) -> None:
    home.mkdir()
    (home / "landing").write_text("a file where the folder should be")
    with pytest.raises(FileExistsError):
        main(["generate"])


def test_a_setting_that_cannot_be_used_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTDAY_THREADS", "many")
    settings.cache_clear()
    assert main(["query", "select 1"]) == 1
    assert "firstday: FIRSTDAY_THREADS: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", READING, ids=lambda arguments: arguments[0])
def test_a_command_that_reads_makes_no_empty_lake(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 1
    assert f"there is no lake in {home / 'lake'} yet" in capsys.readouterr().err
    assert not home.exists()


def test_status_shows_rows_stages_and_commits(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    out = capsys.readouterr().out
    for word in ("events", "pending_files", "update_features", "message"):
        assert word in out
    assert main(["status", "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["summary"][0] == {"name": "events", "value": 0}
    assert {row["stage"] for row in found["stages"]} >= {"store_events", "score_users"}


def test_values_are_printed_as_sql_writes_them(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select true as yes, 1234 as many, null as nothing, [1, 2] as list, 'a,b' as text, 1 as a, 2 as a"
    main(["query", sql])
    assert capsys.readouterr().out.splitlines()[1].split() == ["true", "1,234", "[1,", "2]", "a,b", "1", "2"]
    main(["query", sql, "--output", "csv"])
    (row,) = list(csv.reader(io.StringIO(capsys.readouterr().out)))[1:]
    assert row == ["true", "1234", "", "[1, 2]", "a,b", "1", "2"]
    main(["query", "select true as yes, 1.5 as part where false", "--output", "json"])
    assert json.loads(capsys.readouterr().out) == []


def test_a_query_comes_from_standard_input(
    lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("select count(*) as n\nfrom postcodes;\n"))
    assert main(["query", "-", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 90_000}]


@pytest.mark.parametrize("where", ["before", "after", "environment"])
def test_the_use_case_is_named_before_or_after_the_command_or_by_the_environment(
    lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    query = ["query", "select schema_name from duckdb_schemas() where schema_name = current_schema()", "-o", "csv"]
    named = ["--use-case", "cart_abandonment"]
    with open_lake(use_case.load("cart_abandonment")):
        pass
    monkeypatch.setenv("FIRSTDAY_USE_CASE", "cart_abandonment" if where == "environment" else "subscription_churn")
    settings.cache_clear()
    assert main([*named, *query] if where == "before" else [*query, *named] if where == "after" else query) == 0
    assert capsys.readouterr().out.splitlines()[1] == "cart_abandonment"


def test_the_default_use_case_is_the_first_active_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert use_case.default_name() == "first_day_churn"
    monkeypatch.setattr(use_case, "USE_CASES", tmp_path)
    for name in ("cart_abandonment", "subscription_churn"):
        shutil.copytree(ROOT / "include" / "use_cases" / name, tmp_path / name)
    with pytest.raises(use_case.UseCaseError, match="there are: cart_abandonment, subscription_churn"):
        use_case.default_name()
    shutil.rmtree(tmp_path / "cart_abandonment")
    assert use_case.default_name() == "subscription_churn"


def test_without_any_use_case_the_commands_that_need_none_work(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home.mkdir()
    monkeypatch.setattr(use_case, "USE_CASES", tmp_path / "none")
    for arguments in (["--help"], ["--version"], ["backup", "--help"]):
        assert main(arguments) == 0
    assert main(["backup", str(tmp_path / "copy")]) == 1
    assert "no lake to back up" in capsys.readouterr().err
    assert main(["query", "select 1"]) == 1
    assert "choose a use case by --use-case or FIRSTDAY_USE_CASE; there are: none" in capsys.readouterr().err


def test_help_shows_every_command_in_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    groups = [line.split()[1] for line in out.splitlines() if line.startswith("╭")]
    assert groups == ["Options", "Data", "Models", "Experiments", "Operations", "Authoring"]
    assert main(["nothing"]) == 2


def test_the_version_is_that_of_pyproject(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out == f"firstday {project['version']}\n"
    module, _, function = project["scripts"]["firstday"].partition(":")
    assert getattr(importlib.import_module(module), function) is main


def test_the_module_is_the_command_from_another_folder(lake: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "include.firstday", "query", "select 1 as n"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "n\n1\n"
    assert ran.stderr == ""


def test_names_of_use_cases_are_completed(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "include.firstday"],
        cwd=ROOT,
        env=os.environ
        | {"_FIRSTDAY_COMPLETE": "complete_bash", "COMP_WORDS": "firstday status --use-case ca", "COMP_CWORD": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.split() == ["cart_abandonment"]


def test_progress_is_a_line_a_step_on_standard_error_and_a_bar_on_a_terminal(home: Path) -> None:
    command = [sys.executable, "-m", "include.firstday", "generate", "--days", "0.2"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.count("\n") == 1
    assert "rows in" in ran.stdout
    assert "history up to" in ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr
    drawn = on_a_terminal(command)
    assert "\x1b[" in drawn
    assert "━" in drawn


def on_a_terminal(command: list[str]) -> str:
    """What a command writes to a terminal."""
    outer, inner = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=inner, stderr=inner, close_fds=True)
    os.close(inner)
    text = b""
    while select.select([outer], [], [], 60)[0]:
        try:
            text += os.read(outer, 65_536)
        except OSError:  # the last writer has closed it
            break
    assert process.wait(60) == 0
    return text.decode()
