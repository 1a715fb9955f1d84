"""The tree of errors: complete, as its docstring draws it, and what a caller of the lake meets."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import duckdb
import pytest

from include.firstday import errors
from include.firstday.errors import ConflictError, FatalQueryError, FirstdayError, QueryError, SettingsError
from include.firstday.lake import connections
from include.firstday.lake.database import Database
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

ROOT = Path(errors.__file__).resolve().parents[2]


def children(kind: type[FirstdayError]) -> list[type[FirstdayError]]:
    return [each for each in kind.__subclasses__() if each.__module__ == errors.__name__]


def drawn(kind: type[FirstdayError], depth: int = 0) -> list[tuple[int, str]]:
    return [(depth, kind.__name__), *(line for child in children(kind) for line in drawn(child, depth + 1))]


def test_the_docstring_draws_the_tree() -> None:
    lines = re.findall(r"^((?:[│ ]   |├── |└── )*)(\w+Error)\b", errors.__doc__ or "", re.M)
    assert [(len(indent) // 4, name) for indent, name in lines] == drawn(FirstdayError)


def test_every_exception_of_the_project_is_in_the_tree() -> None:
    roots = []
    for path in sorted((ROOT / "include").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith(ENDS) for base in node.bases):
                module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
                kind = getattr(module, node.name)
                if inspect.isclass(kind) and issubclass(kind, Exception) and not issubclass(kind, FirstdayError):
                    roots.append(f"{path}: {node.name}")
    assert roots == []


ENDS = ("Error", "Exception", "Refusal", "Warning")


def test_duckdbs_errors_are_query_errors_with_their_cause(churn: UseCase) -> None:
    with connections.scratch(churn.name) as lake:
        with pytest.raises(QueryError, match="Table with name nothing does not exist") as raised:
            lake.query("select * from nothing")
        assert isinstance(raised.value.__cause__, duckdb.CatalogException)
        with pytest.raises(QueryError, match="expected one statement, found 2"):
            lake.query("select 1; select 2")
        with pytest.raises(QueryError, match="expected one statement, found none"):
            lake.query("-- nothing")


def test_a_failed_transaction_can_be_told_from_other_errors() -> None:
    database = Database()
    database.begin()
    with pytest.raises(ConflictError, match="transaction"):
        database.begin()


def test_a_lost_connection_can_be_told_from_other_errors(tmp_path: Path) -> None:
    database = Database()
    database._connection = duckdb.connect(str(tmp_path / "file.db"))  # one that can be made to fail for good
    database.execute("create table numbers as select 1 as n; set debug_checkpoint_abort = 'before_truncate'")
    for statement in ("checkpoint", "from numbers"):
        with pytest.raises(FatalQueryError, match="FATAL"):
            database.execute(statement)


@pytest.mark.parametrize(("name", "value"), [("FIRSTDAY_THREADS", "many"), ("FIRSTDAY_RETENTION_DAYS", "0.5")])
def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    settings.cache_clear()
    with pytest.raises(SettingsError, match=rf"{name}: .*, found '{value}'"):
        settings()
