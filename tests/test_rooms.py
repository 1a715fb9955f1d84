"""The rooms of the code: who may import what."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(path for folder in ("dags", "include", "plugins") for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.split(".")[0] for name in found}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_files() -> None:
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_module_imports_what_its_room_allows(path: Path) -> None:
    modules = imported(path)
    assert "dags" not in modules
    if name(path) != "include/firstday/lake.py":
        assert "duckdb" not in modules
    if not name(path).startswith(("include/firstday/training/", "include/firstday/registry.py")):
        assert "mlflow" not in modules
    if name(path).startswith("include/") and name(path) != "include/firstday/orchestration.py":
        assert "airflow" not in modules


@pytest.mark.parametrize("path", FILES, ids=name)
def test_only_settings_reads_the_environment(path: Path) -> None:
    if name(path) == "include/firstday/settings.py" or "/stack/" in name(path):
        return
    text = path.read_text(encoding="utf-8")
    assert "os.environ" not in text
    assert "getenv" not in text
