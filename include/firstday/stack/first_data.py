"""The data of the first start: the bundled model in the registry, generated history in landing, first predictions.

Each part runs as a separate process (`python -m include.firstday.stack.first_data model|history|watch`), so that its
memory is released and the servers start meanwhile. Completed parts are recorded in FIRSTDAY_HOME and run once.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.firstday.errors import UseCaseError
from include.firstday.settings import settings
from include.firstday.stack.home import Home
from include.firstday.stack.terminal import detail, progress, say
from include.firstday.use_case import use_case as use_cases
from include.firstday.use_case.use_case import UseCase


def main(part: str) -> int:
    """Run one part for each use case; return the exit code."""
    do: dict[str, Callable[[UseCase], bool]] = {"model": register_model, "history": load_history, "watch": watch}
    done = True
    for name in use_cases.names():
        try:
            with contextlib.redirect_stdout(sys.stderr):  # output of libraries goes with their warnings
                done = do[part](use_cases.load(name)) and done
        except UseCaseError as error:
            say(f"{error}")
            done = False
    return 0 if done else 1


def register_model(use_case: UseCase) -> bool:
    """Register the use case's bundled model, if it has one."""
    journal = Journal(Home.of(settings()).mlflow / "shipped_models.json")
    if use_case.scoring.bundled_model is None or journal.finished(use_case.name):
        return True
    from include.firstday.models import promotion

    promotion.register_bundled(use_case)
    journal.finish(use_case.name)
    progress(f"{use_case.name}: the bundled model is registered.")
    return True


def load_history(use_case: UseCase) -> bool:
    """Write the generated history into landing, once; after an interruption the same files are written again."""
    _make_ready(use_case)
    journal = Journal(Home.of(settings()).stack / "first_history.json")
    if use_case.generator is None or use_case.starts_paused or journal.finished(use_case.name):
        return True
    end = journal.begun(use_case.name)
    if end is None:
        if not _empty(use_case):
            journal.finish(use_case.name)
            return True
        end = datetime.now(UTC).replace(second=0, microsecond=0)
        journal.begin(use_case.name, end)
    _generate(use_case, end)
    journal.finish(use_case.name)
    return True


def watch(use_case: UseCase, patience: timedelta = timedelta(minutes=10)) -> bool:
    """Report the progress of the first micro-batches until the first predictions are visible."""
    from include.firstday.operations import status

    deadline = time.monotonic() + patience.total_seconds()
    said = None
    while time.monotonic() < deadline:
        now = status.summary(use_case)
        line = f"{now.events:,} events, {now.users:,} users, {now.predictions:,} predictions in the lake"
        if line != said:
            progress(f"{use_case.name}: {line}; {now.pending_files} files pending.")
            said = line
        if now.predictions or not _predictable(use_case):
            return True
        time.sleep(2)
    say(f"{use_case.name}: no predictions after {patience}; check the runs of process_events in Airflow.")
    return False


class Journal:
    """Which use cases are done, or started and up to which minute. Survives a kill at any point."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def finished(self, name: str) -> bool:
        """Whether all parts are done."""
        return self._read().get(name) == "finished"

    def begun(self, name: str) -> datetime | None:
        """Return the minute up to which an interrupted start was generating; the next one repeats the same files."""
        end = self._read().get(name)
        return datetime.fromisoformat(end) if end else None

    def begin(self, name: str, end: datetime) -> None:
        """Record the minute before the first file is written."""
        self._write(name, end.isoformat())

    def finish(self, name: str) -> None:
        """Record that all parts are done."""
        self._write(name, "finished")

    def _read(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        content: dict[str, str] = json.loads(self._path.read_text(encoding="utf-8"))
        return content

    def _write(self, name: str, entry: str) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps(self._read() | {name: entry}, indent=1) + "\n", encoding="utf-8")
        temporary.rename(self._path)


def _predictable(use_case: UseCase) -> bool:
    """Whether predictions come without anybody's doing: its DAGs run, with events and a model from the start."""
    is_running = use_case.generator is not None and not use_case.starts_paused
    return is_running and use_case.scoring.bundled_model is not None


def _make_ready(use_case: UseCase) -> None:
    """Make the lake's tables while the servers start: no task has to, and the page is readable before any event."""
    from include.firstday.schema.open_lake import open_lake

    with open_lake(use_case):
        pass


def _empty(use_case: UseCase) -> bool:
    """Whether nothing has arrived: who brought events of their own before the first start gets no invented ones."""
    from include.firstday.operations import status

    now = status.summary(use_case)
    return bool(now.events == 0 and now.pending_files == 0)


def _generate(use_case: UseCase, end: datetime) -> None:
    from include.firstday.generator import generate_events

    days = settings().history_days
    progress(f"{use_case.name}: writing {days:g} days of events into landing.")
    generate_events.generate_history(
        use_case, end=end, days=days, progress=lambda done, total, text: detail(f"{use_case.name}: {text}")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
