"""Where code belongs: which package may import which, and what only one of them may do."""

import ast
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FIRSTDAY = ROOT / "include" / "firstday"
FILES = sorted(path for folder in ("dags", "include", "plugins") for path in (ROOT / folder).rglob("*.py"))

# From top to bottom. A package imports only from the layers below its own, and from itself.
LAYERS = (
    ("__main__",),
    ("cli", "web", "stack", "orchestration"),
    ("operations",),
    ("monitoring", "scoring", "authoring", "delivery"),
    ("models",),
    ("ingest", "features"),
    ("privacy", "schema"),
    ("records", "generator"),
    ("use_case",),
    ("lake", "landing"),
    ("servers",),
    ("settings",),
    ("errors",),
)
DEPTH = {package: depth for depth, layer in enumerate(LAYERS) for package in layer}
ENTRIES = 24  # directly in include/firstday: more of them, and no folder shows the pipeline


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def package(module: str) -> str | None:
    """The package of `include.firstday` that a module belongs to."""
    parts = module.split(".")
    return parts[2] if parts[:2] == ["include", "firstday"] and len(parts) > 2 else None


def upward(own: str, modules: set[str]) -> list[str]:
    """Those of the imported modules that a package may not import: of its own layer, or of one above."""
    others = {module: package(module) for module in modules}
    return sorted(
        module for module, other in others.items() if other and other != own and DEPTH.get(other, -1) <= DEPTH[own]
    )


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def own_package(path: Path) -> str:
    return path.relative_to(FIRSTDAY).parts[0].removesuffix(".py")


PACKAGED = [path for path in FILES if path.is_relative_to(FIRSTDAY) and own_package(path) != "__init__"]


def test_there_are_files() -> None:
    assert len(FILES) > 20


def test_an_import_of_a_higher_layer_is_found() -> None:
    above, beside, below = (
        "include.firstday." + module for module in ("web.app.build", "schema.open_lake", "lake.lake")
    )
    assert upward("privacy", {above, beside, below, "json"}) == [beside, above]


@pytest.mark.parametrize("path", PACKAGED, ids=name)
def test_a_package_imports_from_lower_layers_only(path: Path) -> None:
    assert upward(own_package(path), imported(path)) == []


def test_packages_are_few_and_say_what_they_hold() -> None:
    entries = [entry for entry in FIRSTDAY.iterdir() if entry.name != "__pycache__"]
    assert len(entries) <= ENTRIES
    for folder in (entry for entry in entries if entry.is_dir()):
        docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert docstring, f"{folder.name}/__init__.py: expected a docstring that says what lives there"
        assert "\n\n" in docstring, f"{folder.name}/__init__.py: expected a second paragraph that says what may not"


def imports_between(paths: list[Path]) -> dict[str, set[str]]:
    """Module → the modules of `include.firstday` that it imports, also inside functions."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    return {
        module: {found for each in imported(path) if (found := _module(each, modules.keys())) and found != module}
        for module, path in modules.items()
    }


def _module(imported_name: str, modules: Collection[str]) -> str | None:
    parent = imported_name.rpartition(".")[0]
    return imported_name if imported_name in modules else parent if parent in modules else None


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter(imports_between(PACKAGED)).prepare()  # raises CycleError, which names the modules
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_module_imports_what_its_room_allows(path: Path) -> None:
    modules = {module.split(".")[0] for module in imported(path)}
    assert "dags" not in modules
    if not name(path).startswith("include/firstday/lake/"):
        assert "duckdb" not in modules
    if not name(path).startswith("include/firstday/models/"):
        assert "mlflow" not in modules
    if name(path).startswith("include/") and not name(path).startswith("include/firstday/orchestration/"):
        assert "airflow" not in modules


@pytest.mark.parametrize("path", FILES, ids=name)
def test_only_settings_reads_the_environment(path: Path) -> None:
    if name(path) == "include/firstday/settings.py" or "/stack/" in name(path):
        return
    text = path.read_text(encoding="utf-8")
    assert "os.environ" not in text
    assert "getenv" not in text
