"""Keys and values of earlier versions' YAML: their present names, and what to do about removed ones."""

from collections.abc import Iterator
from typing import Any

# Earlier key → present key; `*` is any name.
KEYS = {
    "source": "mapping",
    "scoring.shipped_model": "bundled_model",
    "scoring.costs.missed_churner": "missed_user",
    "scoring.costs.needless_offer": "unneeded_offer",
    "training.gates.*.certain": "confident",
    "monitoring.churn_rate_shift": "rate_shift",
    "monitoring.looks": "runs",
    "monitoring.drifted_looks": "drifted_runs",
}
VALUES = {
    "training.label": {"carried": "explicit", "observed": "derived"},
    "training.gates.*.against": {"rate": "base_rate"},
    "training.gates.*.metric": {"wrong_direction": "monotonicity_violation"},
}
REMOVED = {"shards": "delete it, as each stage is one task; several workers help with several use cases"}


def earlier_keys(content: object) -> Iterator[str]:
    """Return one sentence per renamed or removed key, or renamed value, in the YAML."""
    for path, remedy in REMOVED.items():
        yield from (f"{where}: this key was removed: {remedy}" for where, _ in _find(content, path.split(".")))
    for path, new in KEYS.items():
        yield from (f"{where}: this key was renamed to {new}" for where, _ in _find(content, path.split(".")))
    for path, words in VALUES.items():
        for where, value in _find(content, path.split(".")):
            if isinstance(value, str) and value in words:
                yield f"{where}: the value '{value}' was renamed to '{words[value]}'"


def _find(content: object, path: list[str], where: str = "") -> Iterator[tuple[str, Any]]:
    if not path:
        yield where, content
    elif isinstance(content, dict):
        for key in content if path[0] == "*" else {path[0]} & content.keys():
            yield from _find(content[key], path[1:], f"{where}.{key}".lstrip("."))
