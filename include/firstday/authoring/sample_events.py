"""The events of sample files, mapped and checked as in staging, in a lake in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.firstday.errors import QueryError
from include.firstday.ingest import staging
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.records import mapping, readers
from include.firstday.use_case.use_case import UseCase

REASONS = 5


def store(lake: Lake, case: UseCase, paths: Sequence[Path], row_by_row: bool = False) -> list[dict[str, Any]]:
    """Store the events of files as micro-batch 1; one row per broken rule, of several files also per file.

    Those of most rows come first. Raises QueryError or UnreadableFileError for a file that cannot be read.
    """
    found = [
        ({"file": path.name} if len(paths) > 1 else {}) | rule
        for path in paths
        for rule in _store_file(lake, case, path, row_by_row)
    ]
    return sorted(found, key=lambda rule: -int(rule["rows"]))[:REASONS]


def _store_file(lake: Lake, case: UseCase, path: Path, row_by_row: bool) -> list[dict[str, Any]]:
    layout = mapping.layout(case, "events", lake.columns("events"), path.name)
    now = clock.now()
    own = {"batch_id": 1, "ingested_at": now, "source_file": path.name}
    reasons: list[tuple[int, str]] = []

    def keep() -> None:
        staging.type_rows(lake, case, layout, now)
        lake.insert("events", "records/contract/good_rows", **own)
        reasons.extend((row["row_number"], row["reason"]) for row in lake.query("from broken_rows").to_pylist())

    if not row_by_row:
        try:
            readers.read_whole(lake, path, layout.wanted)
            keep()
        except QueryError:
            if not readers.is_text(path) or not lake.is_alive():
                raise
            row_by_row = True
    if row_by_row:
        for piece in readers.read_rows(lake, path, layout.wanted):
            keep()
            reasons.extend((number, reason) for number, reason, _ in piece.rejected)
    rules: dict[str, dict[str, Any]] = {}
    for number, reason in sorted(dict(reversed(reasons)).items()):
        rule = rules.setdefault(reason.split(", found")[0], {"rows": 0, "first_row": number, "reason": reason})
        rule["rows"] += 1
    return list(rules.values())
