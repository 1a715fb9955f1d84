"""Maintenance: keeps the number of files, the catalog and landing's archive bounded, beside running micro-batches.

DuckLake's functions are called one by one, each under the write lock and for itself, so that micro-batches get their
turn in between and an exhausted budget stops after a whole step.
"""

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from include.firstday import lake, landing
from include.firstday.lake import Run
from include.firstday.prepare import open_lake
from include.firstday.settings import settings
from include.firstday.use_case import UseCase

log = logging.getLogger(__name__)

SQL = "stages/maintain_lake"
REWRITTEN = ("users", "feature_state", "progress")
KEEP_UNNEEDED = timedelta(days=1)
KEEP_ORPHANS = timedelta(days=2)


def maintain_lake(use_case: UseCase, run: Run | None = None, budget_seconds: float = 300) -> list[str]:
    """Do the steps in order until the budget is spent; the names of those done. The rest waits for the next run."""
    ends = time.monotonic() + budget_seconds
    done = []
    with open_lake(use_case, run or Run(task="maintain_lake")) as opened:
        for statement, parameters in _steps():
            if time.monotonic() > ends:
                log.warning("the time budget of %s s is spent before: %s", budget_seconds, statement)
                break
            with opened.exclusive():
                opened.rows(f"{SQL}/{statement}", **parameters)
            done.append(" ".join([statement.replace("_", " "), *map(str, parameters.values())]))
    log.info("done: %s; %d consumed files dropped", ", ".join(done), drop_consumed(use_case))
    return done


def drop_consumed(use_case: UseCase) -> int:
    """Delete consumed landing files older than the retention; their number."""
    oldest = time.time() - settings().retention_days * 86_400
    old = [path for path in _files(landing.folder(use_case.name) / landing.CONSUMED) if path.stat().st_mtime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _steps() -> Iterator[tuple[str, dict[str, object]]]:
    """Statements in their order, with their parameters."""
    retention = max(timedelta(days=settings().retention_days), KEEP_UNNEEDED)
    for table in REWRITTEN:
        yield "rewrite_files", {"table": table}
    yield "merge_files", {}
    yield "expire_snapshots", {"before": lake.now() - retention}
    yield "cleanup_files", {"before": lake.now() - KEEP_UNNEEDED}
    yield "delete_orphans", {"before": lake.now() - KEEP_ORPHANS}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
