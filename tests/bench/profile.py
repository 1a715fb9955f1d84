"""Where the time of a load goes: the 2 million events of the workload, statement by statement.

One process loads the file as `make bench ARGS=workload` does, with a clock around each statement and each commit. The
last rows are DuckDB alone on the same events: what writing them costs without a lake, in one file and by the day.
"""

import json
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.firstday.lake.database import Database
from include.firstday.lake.statements import SQL, statement
from tests.bench.contenders import firstday
from tests.bench.contenders.bare_duckdb import connect, read
from tests.bench.measures import POSTCODES, Row, Section, child, median, scratch
from tests.bench.players import Day, write_ndjson, write_parquet

MODULE = "tests.bench.profile"
SHOWN = 12  # statements with a row of their own
REST = "all other statements"
OUTSIDE = "outside of DuckDB: hashes, moving files, Python"
COPIES = {
    "DuckDB alone: read, no file": "create or replace table read_events as {source}",
    "DuckDB alone: read, write one Parquet file": "copy ({source}) to '{folder}/one.parquet' (format parquet)",
    "DuckDB alone: read, write Parquet by the day": (
        "copy (select *, date_trunc('day', event_time) as event_day {source}) to '{folder}/days' "
        "(format parquet, partition_by (event_day))"
    ),
}
Spent = dict[str, list[float]]  # seconds and processor seconds of each label


def run(quick: bool = False) -> Section:
    """Profile a load from NDJSON and one from Parquet. `quick`: few players, one turn."""
    day, turns = (Day(players=20), 1) if quick else (Day(), 3)
    section = Section(
        "profile",
        "Where the time of a load goes",
        f"{day.players * day.events:,} events into an empty lake: seconds, and seconds of processor time on all cores, "
        f"of each statement of `sql/` and each commit; the turn with the median time of {turns}.",
    )
    with scratch() as folder:
        for kind, write in {"NDJSON": write_ndjson, "Parquet": write_parquet}.items():
            events = folder / f"events.{kind.lower()}"
            write(day, events)
            taken = [_load(folder / "home", events) for _ in range(turns)]
            section.rows += _rows(kind, sorted(taken, key=lambda spent: spent["total"][0])[turns // 2])
            whole = section.rows[-1]
            for label, parts in child(folder / "home", MODULE, "copy", events, turns).items():
                section.rows.append(_row(kind, label, parts, [whole["s"]]))
    return section


def _load(home: Path, events: Path) -> Spent:
    taken = child(home, MODULE, "load", events)
    shutil.rmtree(home)
    return taken


def _rows(kind: str, spent: Spent) -> Iterator[Row]:
    """The statements that took longest, all others, and what no statement took."""
    whole = spent.pop("total")
    shown = sorted(spent.items(), key=lambda item: -item[1][0])
    rest = _sum(parts for _, parts in shown[SHOWN:])
    outside = [all_of_it - inside for all_of_it, inside in zip(whole, _sum(spent.values()), strict=True)]
    for label, parts in [*shown[:SHOWN], (REST, rest), (OUTSIDE, outside), ("the load", whole)]:
        yield _row(kind, label, parts, whole)


def _sum(parts: Iterable[Sequence[float]]) -> list[float]:
    return [sum(part) for part in zip([0.0, 0.0], *parts, strict=True)]


def _row(kind: str, label: str, parts: Sequence[float], whole: Sequence[float]) -> Row:
    seconds, processor = parts
    share = round(100 * seconds / whole[0])
    return {
        "from": kind,
        "what": label,
        "s": round(seconds, 2),
        "processor s": round(processor, 2),
        "% of the load": share,
    }


def load(events: str) -> Spent:
    """What each statement of a load took, each commit, and the whole."""
    spent: Spent = defaultdict(lambda: [0.0, 0.0])
    texts = {statement(path).text: path for path in _paths()}
    case = firstday.deliver(events)
    for name in ("execute", "commit"):
        setattr(Database, name, _watched(getattr(Database, name), texts, spent))
    with _clock(spent, "total"):
        firstday.process(case)
    return spent


def copy(events: str, turns: str) -> Spent:
    """What DuckDB alone takes to read a file, and to write its events: medians."""
    turn: list[Spent] = []
    with connect(str(POSTCODES)) as connection, tempfile.TemporaryDirectory() as folder:
        for _ in range(int(turns)):
            turn.append(defaultdict(lambda: [0.0, 0.0]))
            for label, text in COPIES.items():
                with _clock(turn[-1], label):
                    connection.execute(text.format(source=read(events), folder=folder), {"path": events})
            for written in Path(folder).iterdir():
                shutil.rmtree(written) if written.is_dir() else written.unlink()
    return {label: [median(part) for part in zip(*(one[label] for one in turn), strict=True)] for label in COPIES}


def _watched(method: Callable[..., Any], texts: dict[str, str], spent: Spent) -> Callable[..., Any]:
    """The method of a Database, with a clock around it."""

    def watched(database: Database, *given: Any) -> Any:
        with _clock(spent, _label(given[0], texts) if given else method.__name__):
            return method(database, *given)

    return watched


def _label(text: str, texts: dict[str, str]) -> str:
    """The path of a statement of `sql/` with the first word of what was made of it, or the first words of another."""
    words = text.split()
    for whole, path in texts.items():
        if whole in text:
            return path if text.startswith(whole) else f"{words[0]} {path}"
    return " ".join(words[:3])


def _paths() -> list[str]:
    return [str(path.relative_to(SQL).with_suffix("")) for path in SQL.rglob("*.sql")]


@contextmanager
def _clock(spent: Spent, label: str) -> Iterator[None]:
    begun, processor = time.perf_counter(), time.process_time()
    yield
    spent[label][0] += time.perf_counter() - begun
    spent[label][1] += time.process_time() - processor


if __name__ == "__main__":
    print(json.dumps({"load": load, "copy": copy}[sys.argv[1]](*sys.argv[2:])))
