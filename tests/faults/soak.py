"""A simulated day at full speed: `make soak` runs 1,440 micro-batches with maintenance every simulated hour.

The events are a day's: those of the generator's minutes, one after the other, on top of three days of history. The
snapshots are stamped by the real clock, in which the day lasts less than an hour, so that a retention of days would
expire nothing. The soak keeps them for some simulated hours (`--retention-hours`): it passes maintenance the real
moments at which those hours began. Nothing else differs from what Airflow runs. It fails where a number has no bound.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import connections
from include.firstday.models import promotion
from include.firstday.operations import maintain_lake
from include.firstday.operations.maintain_lake import Limits
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase

MINUTE = timedelta(minutes=1)
BOUND = 1.2
REFERENCE_EACH = 5
THINNED_HOURS = int(maintain_lake.THINNED_AFTER / timedelta(hours=1))
COUNTS = """
select
    cast(sum(file_count) as bigint) as live_files,
    cast(sum(delete_file_count) as bigint) as delete_files,
    (select count(*) from ducklake_snapshots('lake')) as snapshots,
    (
        select coalesce(sum(rows_stored), 0)::bigint
        from micro_batches
        where batch_id > (select max(batch_id) from micro_batches) - {batches}
    ) as events
from ducklake_table_info('lake')
"""


@dataclass(frozen=True)
class Hour:
    """What one simulated hour cost and left: medians per micro-batch, and how things stood after maintenance.

    `reference_seconds` is the processor time of work beside it that never grows with the lake, about as much of it.
    """

    hour: int
    events: int
    wall_seconds: float
    cpu_seconds: float
    reference_seconds: float
    maintenance_seconds: float
    live_files: int
    delete_files: int
    files_on_disk: int
    snapshots: int
    catalog_mb: float
    consumed_files: int
    memory_mb: float


@dataclass(frozen=True)
class Options:
    """How long, how often maintained, and for how long snapshots are kept, in simulated hours."""

    use_case: str
    micro_batches: int
    batches_an_hour: int
    retention_hours: int
    history_days: float
    maintained: bool = True


def soak(options: Options, say: Callable[[str], None]) -> list[Hour]:
    """Run the micro-batches; one row an hour."""
    case = use_case.load(options.use_case)
    start = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=options.history_days)
    since = start - timedelta(days=options.history_days)
    promotion.register_bundled(case)
    if options.history_days:
        generate_events.generate_history(case, start, options.history_days)
    _micro_batch(case)
    say(f"{options.history_days:g} days of history are in; {options.micro_batches:,} micro-batches begin")
    began = [_now()]
    hours: list[Hour] = []
    costs: list[tuple[float, float]] = []
    references: list[float] = []
    for number in range(options.micro_batches):
        minute = start + number * MINUTE
        generate_events.generate_minutes(case, minute, minute + MINUTE, since=since)
        costs.append(_cost(lambda: _micro_batch(case)))
        if number % REFERENCE_EACH == 0 or not references:
            references.append(_cost(_fixed_work)[1])
        if len(costs) == options.batches_an_hour:
            maintain = partial(maintain_lake.maintain_lake, case, limits=_limits(began, options.retention_hours))
            seconds, _ = _cost(maintain) if options.maintained else (0.0, 0.0)
            hours.append(_look(case, len(hours) + 1, costs, statistics.median(references), seconds))
            say(line(hours[-1]) if hours[1:] else heading() + "\n" + line(hours[-1]))
            costs.clear()
            references.clear()
            began.append(_now())
    return hours


def failures(hours: list[Hour], retention_hours: int) -> Iterator[str]:
    """What was not bounded. Counts may grow until the retention is reached, and then no more."""
    settled = [hour for hour in hours if hour.hour > retention_hours]
    middle = len(settled) // 2
    if middle < 1:
        raise ValueError(f"expected at least {retention_hours + 2} hours, found {len(hours)}")
    before, after = settled[:middle], settled[middle:]
    for name in ("files_on_disk", "delete_files", "snapshots", "catalog_mb", "consumed_files", "memory_mb"):
        early, late = (max(getattr(hour, name) for hour in part) for part in (before, after))
        if late > BOUND * early + 5:
            yield f"{name}: at most {early:,.0f} in hours {_span(before)}, but {late:,.0f} in hours {_span(after)}"
    ratio = slowdown(hours)
    if ratio > BOUND:
        yield f"a micro-batch of the last hour took {ratio:.2f} times one of the first"


def slowdown(hours: list[Hour]) -> float:
    """How much slower the last hour's micro-batches are than the first's, each by its own hour's reference.

    Other programs on the machine slow both; also their processor time, as they share its caches.
    """
    first, last = (hour.cpu_seconds / hour.reference_seconds for hour in (hours[0], hours[-1]))
    return last / first


def heading() -> str:
    """Names of the columns."""
    return "  ".join(f"{field.name.replace('_', ' '):>{_width(field.name)}}" for field in fields(Hour))


def line(hour: Hour) -> str:
    """One row of the table."""
    values = {field.name: getattr(hour, field.name) for field in fields(Hour)}
    return "  ".join(
        f"{value:>{_width(name)},.2f}" if isinstance(value, float) else f"{value:>{_width(name)},}"
        for name, value in values.items()
    )


def _width(name: str) -> int:
    return max(len(name), 6)


def _span(hours: list[Hour]) -> str:
    return f"{hours[0].hour} to {hours[-1].hour}"


def _micro_batch(case: UseCase) -> None:
    """What the tasks of process_events call, in their order."""
    store_events.store_events(case)
    update_features.update_features(case)
    score_users.score_users(case)
    publish_predictions.publish_predictions(case)


def _limits(began: list[datetime], retention_hours: int) -> Limits:
    kept_from, thinned = (began[max(0, len(began) - hours)] for hours in (retention_hours, THINNED_HOURS))
    # DuckLake deletes unneeded files by the day; with tomorrow as their limit, those of today go at once.
    return Limits(thinned, kept_from, _now() + timedelta(days=1), kept_from, kept_from, kept_from)


def _cost(run: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def _fixed_work() -> None:
    """What a micro-batch is made of: lakes are opened, empty ones here, and rows are sorted and counted."""
    for _ in range(4):
        with tempfile.TemporaryDirectory() as folder:
            lake = connections.attach(settings().model_copy(update={"home": Path(folder)}), create=True)
            lake.execute("create temp table words as select md5(n::varchar) as word from range(150000) as numbers (n)")
            lake.execute("select count(distinct word[1:6]) from (from words order by word)").fetchone()
            lake.close()


def _look(
    case: UseCase, hour: int, costs: list[tuple[float, float]], reference: float, maintenance_seconds: float
) -> Hour:
    with open_lake(case, read_only=True) as lake:
        (counts,) = lake.query(COUNTS.format(batches=len(costs))).to_pylist()
    folder = settings().lake_folder
    return Hour(
        hour=hour,
        wall_seconds=statistics.median(wall for wall, _ in costs),
        cpu_seconds=statistics.median(processor for _, processor in costs),
        reference_seconds=reference,
        maintenance_seconds=maintenance_seconds,
        files_on_disk=_count(folder / "data"),
        **counts,
        catalog_mb=sum(file.stat().st_size for file in folder.glob("catalog.sqlite*")) / 1e6,
        consumed_files=_count(landing.folder(case.name) / landing.CONSUMED),
        memory_mb=_memory_bytes() / 1e6,
    )


def _count(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())


def _memory_bytes() -> int:
    """What the process holds in memory now (proc(5), statm: the second number, in pages)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def main() -> int:
    """Run the soak in a home of its own; 0 where everything is bounded."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--use-case", default="first_day_churn")
    parser.add_argument("--micro-batches", type=int, default=1440)
    parser.add_argument("--batches-an-hour", type=int, default=60)
    parser.add_argument("--retention-hours", type=int, default=6, help="simulated hours for which snapshots are kept")
    parser.add_argument("--history-days", type=float, default=3)
    parser.add_argument("--without-maintenance", action="store_true", help="to see it fail")
    given = parser.parse_args()
    options = Options(
        given.use_case,
        given.micro_batches,
        given.batches_an_hour,
        given.retention_hours,
        given.history_days,
        not given.without_maintenance,
    )
    if options.micro_batches // options.batches_an_hour < options.retention_hours + 2:
        parser.error("expected two hours more than the retention")
    home = Path(tempfile.mkdtemp(prefix="firstday-soak-"))
    os.environ["FIRSTDAY_HOME"] = str(home)
    try:
        hours = soak(options, lambda text: print(text, flush=True))
        found = list(failures(hours, options.retention_hours))
    finally:
        shutil.rmtree(home)
    print(f"\nlast hour / first hour: {slowdown(hours):.2f} in processor time by the reference, at most {BOUND}")
    print("\n".join(f"NOT BOUNDED: {failure}" for failure in found) or "everything is bounded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
