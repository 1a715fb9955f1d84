"""What costs with all users, and what must not: on lakes of 50 thousand, a million and 5 million users.

10,000 players a day, with random ids and 20 events each: at last 100 million events. On each lake a micro-batch of
35,000 events of the last day's players, in one process; then all that concerns every user, each in a process of its
own, whose memory is watched: recomputing the features, the training set, and scoring everybody. On all lakes but the
largest, Sail and, where `make bench` has installed it, Spark divide the users too.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from include.firstday.features import rebuild_features
from include.firstday.models.training import training_set
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests import servers
from tests.bench import growth
from tests.bench.measures import Claim, Row, Section, child, median, peak_mb, scratch

MODULE, LOADER = "tests.bench.scale", "tests.bench.growth"
CASE = growth.CASE
PLAYERS, EVENTS = 10_000, 20
DAYS = (5, 100, 500)


def run(quick: bool = False) -> Section:
    """Measure on lakes of growing length. `quick`: two short ones."""
    sizes, players, count = ((1, 3), 500, 3) if quick else (DAYS, PLAYERS, 15)
    section = Section("scale", "Micro-batches, and work over all users, as users grow", str(__doc__))
    with scratch() as folder:
        home, loaded = folder / "home", 0
        for days in sizes:
            load = child(home, LOADER, "load", loaded, days, players, EVENTS, 1)
            loaded = days
            batches = child(home, LOADER, "batches", days, players, count, EVENTS)
            row = {"users": days * players, "events": days * players * EVENTS}
            row["micro-batch, s"] = round(median(batches["total"]), 3)
            for stage in ("update_features", "score_users"):
                row[f"{stage}, s"] = round(median(batches["stages"].get(stage, [0.0])), 3)
            row["load, MB"] = round(load["peak_mb"])
            for work in WORKS:
                done = child(home, MODULE, work)
                row |= {f"{work}, s": round(done["seconds"], 1), f"{work}, MB": round(done["peak_mb"])}
            row |= _by_engines(home, is_measured=days != sizes[-1])
            section.rows.append(row)
            print(row, flush=True)
    section.claims = list(_claims(section.rows))
    return section


def rebuild(case: UseCase) -> None:
    """Recompute the features of all users; none may differ."""
    if rebuild_features.rebuild_features(case).changed:
        raise SystemExit("a recompute differs from what the micro-batches made")


def build_rows(case: UseCase) -> None:
    """Build the rows of a training set, and write them."""
    with open_lake(case) as lake, training_set.computed_rows(lake, case, lake.count("micro_batches")):
        training_set.write(lake, settings().home / training_set.FILE)


def score(case: UseCase) -> None:
    """Score every user, as if a new version had been promoted and nobody had been scored."""
    with open_lake(case) as lake, lake.transaction():
        lake._connection.execute("update checkpoints set batch_id = 0 where stage = 'score_users'")
    if score_users.score_users(case) is None:
        raise SystemExit("nobody was scored")


WORKS: dict[str, Callable[[UseCase], None]] = {"rebuild": rebuild, "training set": build_rows, "score all": score}


def measure(work: str) -> Row:
    """Seconds of one work over all users, and the most memory that this process has held."""
    case = use_case.load(CASE)
    begun = time.perf_counter()
    WORKS[work](case)
    return {"seconds": time.perf_counter() - begun, "peak_mb": peak_mb()}


def _by_engines(home: Path, is_measured: bool) -> Row:
    """Seconds of a recompute whose users an engine divides, by engine; Spark's where it is installed."""
    engines = {"Sail": partial(servers.sail, home, "local")}
    if not servers.NO_SPARK:
        engines["Spark, local[2]"] = partial(servers.spark_server, "local[2]")
    taken: Row = dict.fromkeys((f"rebuild by {engine}, s" for engine in engines), "")
    for engine, server in engines.items() if is_measured else ():
        with server() as url:
            done = child(home, MODULE, "rebuild", FIRSTDAY_ENGINE="spark", FIRSTDAY_SPARK=url)
        taken[f"rebuild by {engine}, s"] = round(done["seconds"], 1)
    return taken


def _claims(rows: list[Row]) -> Iterator[Claim]:
    first, last = rows[0], rows[-1]
    ratio = last["micro-batch, s"] / first["micro-batch, s"]
    yield Claim(
        "a micro-batch on the largest lake costs at most 1.15 × that on the smallest", f"{ratio:.2f} ×", ratio <= 1.15
    )
    grown = last["users"] / rows[-2]["users"]
    for work in WORKS:
        ratio = last[f"{work}, s"] / rows[-2][f"{work}, s"] / grown
        yield Claim(
            f"{work}: the time a user is at most 1.25 × that of the lake before", f"{ratio:.2f} ×", ratio <= 1.25
        )
    for row in rows[-2:]:
        users, peak = row["users"], row["training set, MB"]
        yield Claim(f"a training set of {users:,} users takes at most 1.5 GB", f"{peak:,.0f} MB", peak <= 1500)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
