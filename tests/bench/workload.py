"""2,000 players with 1,001 events each, as one NDJSON file and as one of Parquet, to features: Firstday's whole path
beside other means.

Each contender is a process of its own, in turns, so that a slow minute of the machine slows all; the median of the
turns counts. Before times are compared, features are: those of each contender must be Firstday's.
"""

import json
import math
import subprocess
from pathlib import Path

from tests.bench.contenders import Rows
from tests.bench.measures import POSTCODES, ROOT, Claim, Row, Section, child, median, scratch
from tests.bench.players import Day, write_ndjson, write_parquet

OTHERS = ROOT / ".venv-bench" / "bin" / "python"
OURS, BARE, KEEPING = "firstday", "bare_duckdb", "keeping_duckdb"
IN_OUR_PYTHON = (BARE, KEEPING, OURS, "pandas_frame", "event_at_a_time")
FROM_PARQUET = {f"{name}, Parquet": name for name in (KEEPING, OURS)}
MEGABYTES = 900
IN_THEIR_PYTHON = ("polars_frame", "spark_session", "storey_flow")
STOREY_PLAYERS = 50  # it takes minutes for what the others do in seconds, so it gets fewer players; its rate counts
NAMES = {
    OURS: "Firstday: checks, Parquet by day, exact features, commits",
    BARE: "bare DuckDB over the file",
    KEEPING: "bare DuckDB that keeps the events, as Parquet by day",
    "polars_frame": "Polars",
    "pandas_frame": "pandas",
    "spark_session": "Spark, local[2]",
    "event_at_a_time": "Python, an event at a time into a dict",
    "storey_flow": f"MLRun's storey, an event at a time ({STOREY_PLAYERS} players)",
}


def run(quick: bool = False) -> Section:
    """Measure it. `quick`: fewer players, one turn, and only what needs no other Python."""
    day, turns = (Day(players=20), 1) if quick else (Day(), 5)
    contenders = (*IN_OUR_PYTHON, *FROM_PARQUET, *(() if quick else _installed()))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    peaks: dict[str, float] = {}
    with scratch() as folder:
        full, few, parquet = folder / "events.ndjson", folder / "few.ndjson", folder / "events.parquet"
        write_ndjson(day, full)
        write_parquet(day, parquet)
        write_ndjson(Day(players=STOREY_PLAYERS), few)
        expected = {path: _features(folder, OURS, path)[1] for path in (full, few, parquet)}
        for turn in range(turns):
            for name in contenders:
                if name == "storey_flow" and turn:
                    continue
                path = few if name == "storey_flow" else parquet if name in FROM_PARQUET else full
                measured, features = _features(folder, FROM_PARQUET.get(name, name), path)
                compare(name, features, expected[path])
                seconds[name].append(measured["seconds"])
                peaks[name] = max(peaks.get(name, 0.0), measured["peak_mb"])
                print(f"{name}: {measured['seconds']:.2f} s, features equal", flush=True)
        megabytes = full.stat().st_size / 1e6
    events = {name: (STOREY_PLAYERS if name == "storey_flow" else day.players) * day.events for name in contenders}
    return _section(seconds, events, peaks, day, megabytes)


def _installed() -> tuple[str, ...]:
    if OTHERS.exists():
        return IN_THEIR_PYTHON
    print(f"No {OTHERS}: Polars, Spark and storey are left out; `make bench` installs them.")
    return ()


def _features(folder: Path, name: str, events: Path) -> tuple[Row, Rows]:
    python = OTHERS if name in IN_THEIR_PYTHON else None
    output, home = folder / "features.json", folder / "home"
    measured = child(home, "tests.bench.contenders", name, events, POSTCODES, output, python=python)
    subprocess.run(["rm", "-rf", str(home)], check=True)
    rows = json.loads(output.read_text(encoding="utf-8"))
    return measured, rows


def compare(name: str, features: Rows, expected: Rows) -> None:
    """Raises SystemExit, naming contender and user, where features differ by more than rounding."""
    if features.keys() != expected.keys():
        raise SystemExit(f"{name}: {len(features)} users, expected {len(expected)}")
    for user, values in expected.items():
        for ours, theirs in zip(values, features[user], strict=True):
            if not math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-6):
                raise SystemExit(f"{name}: {user} has {features[user]}, expected {values}")


def _section(
    seconds: dict[str, list[float]], events: dict[str, int], peaks: dict[str, float], day: Day, megabytes: float
) -> Section:
    rate = {name: events[name] / median(taken) for name, taken in seconds.items()}
    section = Section(
        "workload",
        f"{day.players:,} players × {day.events:,} events to features",
        f"One NDJSON file of {megabytes:,.0f} MB. Medians of {len(seconds[OURS])} turns, side by side; imports, "
        "Spark's session and the enrichment table are ready before the time begins. Everybody's features are the same. "
        "Memory is that of the contender's own process: Spark's work is done by a JVM beside it.",
    )
    for name in sorted(rate, key=lambda name: -rate[name]):
        section.rows.append(
            {
                "contender": NAMES[FROM_PARQUET.get(name, name)] + (", from Parquet" if name in FROM_PARQUET else ""),
                "seconds": round(median(seconds[name]), 2),
                "events a second": round(rate[name]),
                "× the time of Firstday": round(rate[OURS] / rate[name], 2),
                "peak MB": round(peaks[name]),
            }
        )
    aims = [(OURS, KEEPING, 1 / 3, "at most 3 × the time of bare DuckDB that keeps the events"),
            (*reversed(FROM_PARQUET), 1 / 2, "from Parquet: at most 2 × its time"),
            (OURS, "pandas_frame", 1, "ahead of pandas"), (OURS, "spark_session", 1, "ahead of Spark"),
            (OURS, "storey_flow", 50, "at least 50 × storey's rate")]  # fmt: skip
    for ours, other, least, text in aims:
        if other in rate:
            ratio = rate[ours] / rate[other]
            measured = f"{1 / ratio:.1f} × the time" if ratio < 1 else f"{ratio:.1f} × the rate"
            section.claims.append(Claim(text, measured, ratio >= least))
    section.claims.append(
        Claim(f"at most {MEGABYTES} MB of memory", f"{peaks[OURS]:,.0f} MB", peaks[OURS] <= MEGABYTES)
    )
    return section
