"""Every statement keeps the house rules: one statement, its grain first, its parameters named."""

import re

import duckdb
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
    code = [line.partition("-- ")[0] for line in lines]
    assert ";" not in "".join(code)
    assert len(lines) <= 90


def declared(path: str) -> set[str]:
    """The relations in a statement's header that it says it reads; none without such a line."""
    lines = statements.statement(path).text.splitlines()
    named = next((line.removeprefix("-- reads: ") for line in lines if line.startswith("-- reads: ")), "")
    return {name.strip() for name in named.split(",")} - {"", "none"}


def read(path: str) -> set[str]:
    """The relations that a SELECT names, without those that it defines itself."""
    with duckdb.connect() as connection:
        return connection.get_table_names(re.sub(r"\$[a-z_]+", "null", statements.statement(path).text))


@pytest.mark.parametrize("path", [path for path in STATEMENTS if re.fullmatch(r"use_cases/\w+/\w+", path)])
def test_a_use_case_s_statement_declares_what_it_reads(path: str) -> None:
    """Stages put temporary tables in place of some relations before these run, so the header says which they are."""
    if not path.endswith("/events"):
        assert declared(path) == read(path)
