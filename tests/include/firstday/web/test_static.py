"""The page's modules: what one imports, another exports, so that the page starts. A browser would say so much later."""

import re
from pathlib import Path

import pytest

from include.firstday.settings import REPOSITORY

STATIC = REPOSITORY / "include" / "firstday" / "web" / "static"
MODULES = [path for path in sorted(STATIC.glob("*.js")) if not path.name.startswith("echarts")]


def exported(path: Path) -> set[str]:
    return set(re.findall(r"^export (?:async )?(?:function|const|let|class) (\w+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_imports_what_is_exported(path: Path) -> None:
    text = path.read_text()
    for names, module in re.findall(r"^import \{([^}]+)\} from \"\./(\w+\.js)\"", text, re.MULTILINE):
        assert {name.strip() for name in names.split(",")} <= exported(STATIC / module), module
    for name, module in re.findall(r"^import \* as (\w+) from \"\./(\w+\.js)\"", text, re.MULTILINE):
        assert set(re.findall(rf"\b{name}\.(\w+)\(", text)) <= exported(STATIC / module), module


def test_each_room_is_a_function_of_its_module() -> None:
    text = (STATIC / "main.js").read_text()
    (rooms,) = re.findall(r"const ROOMS = \{([^}]+)\}", text)
    functions = {room.split(":")[-1].strip() for room in rooms.split(",")}
    assert functions <= set(re.findall(r"^import \{ (\w+) \}", text, re.MULTILINE))
