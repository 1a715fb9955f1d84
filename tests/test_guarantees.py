"""Every guarantee in the documents names tests and make targets that exist."""

import re

from include.firstday.settings import REPOSITORY

ROW = re.compile(r"^\| (?!guarantee |-)(?P<guarantee>[^|]+) \| [^|]+ \| (?P<test>[^|]+) \|$", re.MULTILINE)


def test_each_guarantee_names_a_test_or_target_that_exists() -> None:
    tests = {path.stem for path in (REPOSITORY / "tests").rglob("test_*.py")}
    for path in (REPOSITORY / "tests").rglob("test_*.py"):
        tests.update(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    text = (REPOSITORY / "docs" / "concepts" / "guarantees.md").read_text()
    rows = [(found["guarantee"], re.findall(r"`(make [a-z]+|test_\w+)", found["test"])) for found in ROW.finditer(text)]
    assert len(rows) == text.count("\n| ") - text.count("\n| guarantee |") > 40
    assert [guarantee for guarantee, named in rows if not named] == []
    known = tests | {f"make {target}" for target in targets}
    assert [(guarantee, name) for guarantee, named in rows for name in named if name not in known] == []
