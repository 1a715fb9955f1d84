"""Hashes of the statements that the stored features were computed from, to detect changes.

`user_features.sql` and the enrichment tables are excluded: they are evaluated in every query.
"""

import hashlib
import json
from datetime import datetime

from include.firstday.lake import clock, statements
from include.firstday.lake.lake import Lake
from include.firstday.use_case.use_case import UseCase

STAGE = "features/update_features"


def note(lake: Lake, use_case: UseCase) -> None:
    """Store the hashes of the present statements. Inside a transaction."""
    lake.delete_rows("feature_fingerprint")
    now = clock.now()
    for source, sha256 in _now(use_case).items():
        lake.insert_row("feature_fingerprint", source=source, sha256=sha256, noted_at=now)


def noted_at(lake: Lake) -> datetime | None:
    """Return the time of the last recompute of all features; None in a lake of an older version."""
    moments = [row["noted_at"] for row in lake.rows_of("feature_fingerprint") if row["noted_at"]]
    return max(moments, default=None)


def changed(lake: Lake, use_case: UseCase) -> list[str]:
    """Return the sources that have changed since the stored features were computed, sorted."""
    stored = {row["source"]: row["sha256"] for row in lake.rows_of("feature_fingerprint")}
    now = _now(use_case)
    return sorted(source for source in stored.keys() | now.keys() if stored.get(source) != now.get(source))


def notice(use_case: UseCase, sources: list[str]) -> str:
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
    window = [use_case.registering, use_case.opening, use_case.window.hours]
    texts["use_case.yaml: window"] = json.dumps(window)
    return {source: hashlib.sha256(text.encode()).hexdigest() for source, text in texts.items()}


def _code(text: str) -> str:
    """A statement without its comments and line breaks: changed comments change no feature."""
    lines = (line.split("--", 1)[0] for line in text.splitlines())
    return " ".join(" ".join(lines).split())
