"""Keys and values of earlier versions' YAML, and what they are called now."""

from collections.abc import Iterator
from typing import Any

# Where a key was → what it is called now; `*` is any name.
KEYS = {
    "source": "mapping",
    "scoring.shipped_model": "bundled_model",
    "scoring.costs.needless_offer": "unneeded_offer",
    "training.gates.*.certain": "confident",
    "monitoring.looks": "runs",
    "monitoring.drifted_looks": "drifted_runs",
}
VALUES = {
    "training.label": {"carried": "explicit", "observed": "derived"},
    "training.gates.*.against": {"rate": "base_rate"},
    "training.gates.*.metric": {"wrong_direction": "monotonicity_violation"},
}


def renamed_keys(content: object) -> Iterator[str]:
    """One sentence per key or value of the YAML's content that an earlier version called otherwise."""
    for path, new in KEYS.items():
        yield from (f"{where}: this key is called {new} now" for where, _ in _find(content, path.split(".")))
    for path, words in VALUES.items():
        for where, value in _find(content, path.split(".")):
            if isinstance(value, str) and value in words:
                yield f"{where}: '{value}' is called '{words[value]}' now"


def _find(content: object, path: list[str], where: str = "") -> Iterator[tuple[str, Any]]:
    if not path:
        yield where, content
    elif isinstance(content, dict):
        for key in content if path[0] == "*" else {path[0]} & content.keys():
            yield from _find(content[key], path[1:], f"{where}.{key}".lstrip("."))
