"""Hashes of the statements that the stored features were computed from, to detect changes.

`user_features.sql` and the enrichment tables are excluded: they are evaluated in every query.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.firstday.lake import clock, statements
from include.firstday.lake.lake import Lake
from include.firstday.use_case.recent import as_json
from include.firstday.use_case.use_case import UseCase

STAGE = "features/update_features"
TABLE = "feature_fingerprint"


def note(lake: Lake, use_case: UseCase) -> None:
    """Store the hashes of the present statements. Inside a transaction."""
    lake.delete_rows(TABLE)
    now = clock.now()
    for source, sha256 in _now(use_case).items():
        lake.insert_row(TABLE, source=source, sha256=sha256, noted_at=now)


@dataclass(frozen=True)
class Comparison:
    """When all features were last recomputed (naive UTC; None by an older version), and the sources changed since."""

    noted_at: datetime | None
    changed: tuple[str, ...]


def compare(lake: Lake, use_case: UseCase) -> Comparison:
    """Compare the fingerprint of the stored features with the present statements."""
    rows, now = lake.rows_of(TABLE), _now(use_case)
    stored = {row["source"]: row["sha256"] for row in rows}
    changed = sorted(source for source in stored.keys() | now.keys() if stored.get(source) != now.get(source))
    return Comparison(_latest(rows), tuple(changed))


def noted_at(lake: Lake) -> datetime | None:
    """Return the time of the last recompute of all features; None in a lake of an older version."""
    return _latest(lake.rows_of(TABLE))


def _latest(rows: list[dict[str, Any]]) -> datetime | None:
    return max((row["noted_at"] for row in rows if row["noted_at"]), default=None)


def notice(use_case: UseCase, sources: Collection[str]) -> str:
    """Return the warning about changed sources."""
    return (
        f"{', '.join(sources)} changed since the stored features were computed: users without new events keep their "
        f"previous features until {use_case.name}.rebuild_features has run"
    )


def _now(use_case: UseCase) -> dict[str, str]:
    paths = (
        f"use_cases/{use_case.name}/measures",
        f"use_cases/{use_case.name}/registrations",
        *statements.below(STAGE),
    )
    texts = {f"sql/{path}.sql": _code(statements.statement(path).text) for path in paths}
    window = [use_case.registering, use_case.opening, use_case.closing, use_case.window.hours]
    texts["use_case.yaml: window"] = json.dumps(window)
    if use_case.repeating:
        texts["use_case.yaml: events"] = json.dumps(use_case.repeating)
    if use_case.gaps:
        texts["use_case.yaml: gaps"] = json.dumps({name: gap.model_dump() for name, gap in use_case.gaps.items()})
    if use_case.recent:
        texts["use_case.yaml: recent"] = as_json(use_case.recent)
    return {source: hashlib.sha256(text.encode()).hexdigest() for source, text in texts.items()}


def _code(text: str) -> str:
    """A statement without its comments and line breaks: changed comments change no feature."""
    lines = (line.split("--", 1)[0] for line in text.splitlines())
    return " ".join(" ".join(lines).split())
