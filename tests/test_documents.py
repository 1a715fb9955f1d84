"""Links of the documents outside of the site, and documents named in code, exist; `make docs` checks the site."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from include.firstday.monitoring.measurements import MEASUREMENTS
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY
from include.firstday.use_case.use_case import UseCase

LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
TRACKED = [
    REPOSITORY / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
]
OUTSIDE = [path for path in TRACKED if path.suffix == ".md" and path.parent == REPOSITORY]
CODE = [path for path in TRACKED if path.suffix in (".py", ".yaml", ".yml", ".sql", ".in", ".toml", ".js")]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, by the rule that GitHub and the site share for plain words."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", text.lower()).strip()) for text in headings}


def broken(page: Path, text: str) -> list[str]:
    """Links of a text, as of a page, whose file or anchor does not exist."""
    found = []
    for link in LINK.findall(text):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


def test_a_broken_link_and_an_unknown_anchor_are_found() -> None:
    text = "[a](nothing.md) [b](README.md#nothing) [c](README.md#firstday) [d](https://example.com)"
    assert broken(REPOSITORY / "README.md", text) == ["nothing.md", "README.md#nothing"]


@pytest.mark.parametrize("page", OUTSIDE, ids=lambda page: page.name)
def test_each_link_leads_to_a_file_and_an_anchor(page: Path) -> None:
    assert broken(page, page.read_text(encoding="utf-8")) == []


def test_each_document_named_in_code_exists() -> None:
    named = {
        (path.name, name)
        for path in CODE
        if path.exists()
        for name in re.findall(r"(?<![\w/.])docs/[\w./-]+\.(?:md|yaml|json)\b", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    assert {name for name in named if not (REPOSITORY / name[1]).exists()} == set()


def test_the_runbook_has_each_dag_and_each_alert() -> None:
    text = (REPOSITORY / "docs" / "how-to" / "runbook.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))
    dags = {path.stem for path in (REPOSITORY / "dags").glob("*.py")}
    alerts = {name for name, about in MEASUREMENTS.items() if about.alert}
    assert len(dags) > 12
    assert len(alerts) > 8
    assert (dags | alerts) - rows == set()


def test_the_defaults_of_the_compose_file_are_those_of_its_page() -> None:
    page = (REPOSITORY / "docs" / "how-to" / "cluster.md").read_text(encoding="utf-8")
    compose = dict(
        re.findall(r"\$\{(\w+):-([^}]+)\}", (REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))
    )
    shown = {}
    for names, defaults in re.findall(r"^\| (`[A-Z_0-9`, ]+`) \| ([^|]+) \|", page, re.MULTILINE):
        shown |= dict(zip(re.findall(r"\w+", names), [text.strip("` ") for text in defaults.split(",")], strict=False))
    assert len(shown.keys() & compose.keys()) > 8
    assert {name: compose[name] for name in shown if name in compose} == {
        name: default for name, default in shown.items() if name in compose
    }


def test_the_numbers_of_the_readme_are_those_that_were_measured() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    measured = json.loads((REPOSITORY / "docs" / "reference" / "benchmarks.json").read_text(encoding="utf-8"))
    batch = measured["micro_batch"]["rows"][-1]
    assert batch["events in the lake"] > 100_000_000
    assert f"35,000 events take {batch['median s']:.2f} s on two cores" in readme
    airflow = {row["what"]: row["value"] for row in measured["airflow"]["rows"]}
    tick, busy = airflow["tick to predictions, median"], airflow["processor time at work"]
    assert f"{tick:.1f} s from the start of a minute to committed predictions, at {busy:.0f} % of one core" in readme
    chaos = (REPOSITORY / "docs" / "concepts" / "guarantees.md").read_text(encoding="utf-8")
    (late,) = re.findall(r"late events +([\d,]+)", chaos)
    (repeated,) = re.findall(r"duplicated events +([\d,]+)", chaos)
    (kills,) = re.findall(r"^  together +\d+ +(\d+)", chaos, re.MULTILINE)
    (users,) = re.findall(r"^user_features +(\d+) +0$", chaos, re.MULTILINE)
    assert "\n0 differences\n" in chaos
    assert f"0 rows differ after {kills} kills, {late} late and {repeated} repeated events" in readme
    assert f"of {users} users with late, repeated and shuffled events none differs" in readme


def test_each_query_of_a_page_runs(churn: UseCase) -> None:
    """Queries of the command line, and selects in the runbook; tutorials are run as a whole by test_tutorials."""
    pages = [path for path in (REPOSITORY / "docs").rglob("*.md") if path.parent.name not in ("tutorials", "adr")]
    texts = [path.read_text(encoding="utf-8") for path in [REPOSITORY / "README.md", *pages]]
    found = {sql for text in texts for sql in re.findall(r"firstday query \"(select [^\"]+)\"|`(select [^`]+)`", text)}
    queries = {either or other for either, other in found} - {"select …"}
    assert len(queries) > 8
    with open_lake(churn):
        pass  # makes the tables
    with open_lake(churn, read_only=True) as lake:
        for sql in queries:
            assert lake.query(sql).num_rows >= 0, sql
