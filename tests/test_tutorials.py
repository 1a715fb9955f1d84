"""Each tutorial is run: its commands in order, in a copy of the project, and what they print is what the page shows.

A block of `sh` is run by bash; a block of `text` right after it is its standard output, with numbers masked, runs of
blanks as one, and `…` for anything. A block after `<!-- not run: WHY -->` is not run.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from include.firstday.settings import REPOSITORY

TUTORIALS = REPOSITORY / "docs" / "tutorials"
SKIP = r"^(?P<skip><!-- not run: [^\n]+ -->\n+)?"
BLOCK = re.compile(SKIP + r"```(?P<kind>sh|text)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = {  # page → the test that runs it
    "first-hour.md": "end_to_end/test_installation.py",
    "several-machines.md": "containers/test_tutorial.py",
    "measure-an-offer.md": "include/firstday/operations/test_tutorial_of_experiments.py",
}
LONG = ("public-data-set.md", "the-original-demo.md")  # minutes each: run before a release
SECONDS = 400


@dataclass(frozen=True)
class Step:
    """Commands of a tutorial, and what they print, if the page shows it."""

    commands: str
    output: str | None


def steps(page: str) -> Iterator[Step]:
    """The steps of a page that are run."""
    blocks = list(BLOCK.finditer(page))
    for block, after in pairwise([*blocks, None]):
        if block and block["kind"] == "sh" and not block["skip"]:
            is_shown = after and after["kind"] == "text" and not page[block.end() : after.start()].strip()
            yield Step(block["text"], after["text"] if after and is_shown else None)


def masked(text: str) -> str:
    """A text with its numbers as 0, and each run of blanks as one."""
    return re.sub(r"\s+", " ", re.sub(r"-?\d+(?:[.,:]\d+)*", "0", text)).strip()


def is_as_shown(printed: str, shown: str) -> bool:
    """Whether what was printed is what a page shows."""
    pattern = ".*".join(map(re.escape, masked(shown).split("…")))
    return re.fullmatch(pattern, masked(printed), re.DOTALL) is not None


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project's code, in which tutorials may write, with the commands of `.venv/bin` that they use."""
    root = tmp_path / "project"
    for folder in ("include", "sql"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    (root / ".venv" / "bin").mkdir(parents=True)
    for name, arguments in (("firstday", " -m include.firstday"), ("python", "")):
        command = root / ".venv" / "bin" / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable}{arguments} "$@"\n')
        command.chmod(0o755)
    return root


def run(commands: str, project: Path) -> str:
    """Standard output of commands; any error fails."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTDAY_")}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=project,
        env=own | {"FIRSTDAY_HOME": str(project / "var")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert ran.returncode == 0, f"{commands}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def test_what_differs_from_a_page_is_found() -> None:
    assert is_as_shown("1,204 events stored,  0 rejected\n", "300 events stored, 2 rejected")
    assert is_as_shown("a\nb 1\nc", "a\n…\nc")
    assert is_as_shown("hash 12ab34, found", "hash …, found")
    assert not is_as_shown("4 events stored, 0 rejected", "4 events stored")
    assert not is_as_shown("a\nb", "a\nc")


def test_only_the_block_after_the_comment_is_not_run() -> None:
    page = (
        "<!-- not run: a -->\n```sh\na\n```\n\n```sh\nb\n```\n\n<!-- not run: c -->\n```sh\nc\n```\n\n```sh\nd\n```\n"
    )
    assert [step.commands for step in steps(page)] == ["b\n", "d\n"]


def test_there_are_tutorials_that_are_run() -> None:
    tests = {page: (REPOSITORY / "tests" / name).read_text(encoding="utf-8") for page, name in ELSEWHERE.items()}
    assert [page for page, text in tests.items() if page not in text] == []
    run_here = {path.name for path in TUTORIALS.glob("*.md")} - ELSEWHERE.keys()
    wanted = {"your-own-events.md", "public-data-set.md", "the-original-demo.md", "train.md", "recover.md"}
    assert wanted <= run_here
    for name in run_here:
        found = list(steps((TUTORIALS / name).read_text(encoding="utf-8")))
        assert sum(step.output is not None for step in found) >= 3, name


def has_packages(tmp_path: Path) -> bool:
    """Whether a package index can be reached, as the tutorial with a public data set needs."""
    asked = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(tmp_path),
        "lifetimes==0.11.3",
    ]
    return subprocess.run(asked, capture_output=True, timeout=120).returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.release if name in LONG else pytest.mark.slow)
        for name in sorted({path.name for path in TUTORIALS.glob("*.md")} - ELSEWHERE.keys())
    ],
)
def test_a_tutorial_prints_what_its_page_shows(name: str, project: Path) -> None:
    text = (TUTORIALS / name).read_text(encoding="utf-8")
    if "pip download" in text and not has_packages(project.parent):
        pytest.skip("no package index: the public data set cannot be downloaded")
    for step in steps(text):
        printed = run(step.commands, project)
        if step.output is not None:
            assert is_as_shown(printed, step.output), (
                f"{step.commands}\n--- printed\n{printed}\n--- shown\n{step.output}"
            )
