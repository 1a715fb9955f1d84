"""The tutorial of experiments: its YAML and SQL are valid, and its commands print what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from include.firstday.authoring import check_use_case
from include.firstday.lake import statements
from include.firstday.settings import REPOSITORY
from include.firstday.use_case.use_case import UseCase

PAGE = (REPOSITORY / "docs" / "tutorials" / "measure-an-offer.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_its_yaml_and_sql_are_valid(churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,), (statement,) = blocks("yaml"), blocks("sql")
    case = UseCase.model_validate(churn.model_dump() | yaml.safe_load(text))
    sql = tmp_path / "sql"
    shutil.copytree(statements.SQL, sql)
    monkeypatch.setattr(statements, "SQL", sql)
    (sql / "use_cases" / case.name / "outcome.sql").write_text(statement)
    check_use_case.check(case)
    assert case.has_experiments


@pytest.mark.release
def test_its_commands_measure_an_effect_and_erase_a_user(tmp_path: Path) -> None:
    command = f"firstday() {{ {sys.executable} -m include.firstday \"$@\"; }}\ncd '{REPOSITORY}'\nset -e\n"
    commands = "\n".join(blocks("sh")).replace(".venv/bin/firstday", "firstday")
    script = command + commands.replace("simulated", str(tmp_path / "lake"))
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    simulated, *rest = [line for line in done.stdout.splitlines() if line.startswith("offers-")]
    assert re.match(r"offers-simulated-0\.5: gained [\d.]+ points of the outcome \(", simulated)
    measured = [line for line in rest if ": gained" in line]
    assert measured[0] == simulated
    assert measured[1].endswith("; 1 of its users has been erased")
    assert re.search(r"true effect on the treated: [\d.]+ points", done.stdout)
    assert re.search(r"offers-simulated-0\.5 +treated +\d+", done.stdout)
    assert "erased " in done.stdout
