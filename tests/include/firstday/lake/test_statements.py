"""Every statement keeps the house rules: one statement, its grain first, its parameters named."""

import pytest

from include.firstday.lake import statements

STATEMENTS = sorted(str(path.relative_to(statements.SQL).with_suffix("")) for path in statements.SQL.rglob("*.sql"))


def test_there_are_statements() -> None:
    assert len(STATEMENTS) > 40


@pytest.mark.parametrize("path", STATEMENTS)
def test_a_statement_says_its_grain_and_its_parameters(path: str) -> None:
    statement = statements.statement(path)
    lines = statement.text.splitlines()
    assert lines[0].startswith("-- ")
    (said,) = [line for line in lines if line.startswith("-- params: ")]
    names = said.removeprefix("-- params: ")
    assert {name.strip(" $") for name in names.split(",")} - {"none"} == statement.parameters
    code = [line for line in lines if not line.startswith("--")]
    assert ";" not in "".join(code)
    assert len(lines) <= 90
