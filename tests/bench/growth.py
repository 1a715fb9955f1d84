"""One micro-batch on a lake that grows from 2 to 20 to 100 million events, and the memory that loading it takes.

Each day of history is 2,002,000 events of 2,000 players, in Parquet files of half a million. The micro-batches measured
bring 35,000 events of players in their first day, in one process, and go all the way: store, update, score, publish.
The history is loaded by a process whose memory is watched, by the same stages in the same bounds as any backlog.
"""

import json
import shutil
import sys
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.features import update_features
from include.firstday.ingest import store_events
from include.firstday.lake.run import Run
from include.firstday.models import promotion
from include.firstday.operations import maintain_lake, micro_batch
from include.firstday.scoring import score_users
from include.firstday.use_case import use_case
from tests.bench.measures import Claim, Row, Section, child, median, peak_mb, scratch
from tests.bench.players import EVENTS, PLAYERS, Day

MODULE = "tests.bench.growth"
BATCH_EVENTS = 35_000
MILLIONS = (2, 20, 100)
CASE = "first_day_churn"


def run(quick: bool = False) -> Section:
    """Grow a lake and measure at each size. `quick`: two small sizes."""
    sizes, batches = ((1, 2), 3) if quick else (tuple(size // 2 for size in MILLIONS), 15)
    players = 20 if quick else PLAYERS
    section = Section(
        "micro_batch",
        f"One micro-batch of {BATCH_EVENTS:,} events on a growing lake",
        f"Medians of {batches} micro-batches in one process, after one that warms it up; each is stored, folded into "
        "the features of 2,000 users, scored and published. Peak memory: of the process that loaded the history.",
    )
    with scratch() as folder:
        loaded = 0
        for days in sizes:
            load = child(folder / "home", MODULE, "load", loaded, days, players)
            loaded = days
            section.rows.append(
                _row(days, players, load, child(folder / "home", MODULE, "batches", days, players, batches))
            )
            print(section.rows[-1], flush=True)
    first, last = section.rows[0]["median s"], section.rows[-1]["median s"]
    peak = max(row["load: peak MB"] for row in section.rows)
    section.claims = [
        Claim("a micro-batch takes at most 0.45 s", f"{first:.2f} s on the smallest lake", first <= 0.45),
        Claim("the largest lake costs at most 1.15 × the smallest", f"{last / first:.2f} ×", last <= 1.15 * first),
        Claim("loading takes at most 1 GiB", f"{peak:,.0f} MB", peak <= 1024),
    ]
    return section


def _row(days: int, players: int, load: Row, measured: Row) -> Row:
    return {
        "events in the lake": days * players * EVENTS,
        **{f"{stage} s": round(median(seconds), 3) for stage, seconds in measured["stages"].items()},
        "median s": round(median(measured["total"]), 3),
        "slowest s": round(max(measured["total"]), 3),
        "load: events/s": round(load["events"] / load["seconds"]),
        "load: peak MB": round(load["peak_mb"]),
    }


def load(first: int, end: int, players: int) -> Row:
    """Load days of history through landing and the stages; how long the stages took, and the most memory held."""
    case, seconds = use_case.load(CASE), 0.0
    promotion.register_bundled(case)
    for number in range(first, end):
        day = Day(number, players)
        for part, piece in enumerate(day.pieces()):
            landing.deliver(CASE, f"day-{number:04}-{part}.parquet", partial(pq.write_table, piece))
        begun = time.perf_counter()
        store_events.store_events(case)
        update_features.update_features(case)
        seconds += time.perf_counter() - begun
    score_users.score_users(case)
    publish_predictions.publish_predictions(case)
    maintain_lake.maintain_lake(case)
    shutil.rmtree(landing.folder(CASE) / landing.CONSUMED, ignore_errors=True)
    return {"seconds": seconds, "events": (end - first) * players * EVENTS, "peak_mb": peak_mb()}


def batches(days: int, players: int, count: int) -> Row:
    """Bring micro-batches of the last day's players one after the other; the seconds of each, and of its stages."""
    case = use_case.load(CASE)
    stages: dict[str, list[float]] = defaultdict(list)
    total = []
    for number in range(count + 1):
        landing.deliver(
            CASE, f"batch-{days:04}-{number:04}.parquet", lambda path, n=number: _write(path, days, players, n)
        )
        done: list[micro_batch.Done] = []
        begun = time.perf_counter()
        micro_batch.process(case, Run(), done.append)
        if number:  # the first loads what the others find loaded
            total.append(time.perf_counter() - begun)
            for each in done:
                stages[each.stage].append(each.seconds)
    return {"stages": stages, "total": total}


def _write(path: Path, days: int, players: int, number: int) -> None:
    """Bets of the last day's players, in the 21st hour of their first day: later than all that is known of them."""
    known = pa.concat_tables(Day(days - 1, players).pieces())
    known = known.filter(pc.equal(known["event_type"], "new_registration"))
    chance = np.random.default_rng([days, number])
    who = np.sort(chance.integers(0, len(known), BATCH_EVENTS))
    start = known["event_time"].cast(pa.int64()).to_numpy()[who] + (20 * 3600 + 60 * number) * 10**6
    cents = chance.integers(10, 20_000, BATCH_EVENTS)
    order = np.argsort(times := start + np.arange(BATCH_EVENTS) * 1000 % 59_000_000)
    table = pa.table(
        {
            "user_id": known["user_id"].take(pa.array(who[order])),
            "event_type": pa.repeat("new_bet", BATCH_EVENTS),
            "event_time": pa.array(times[order]).cast(pa.timestamp("us")),
            "bet_amount": pa.array([f"{value / 100:.2f}" for value in cents]).cast(pa.decimal128(18, 2)),
        }
    )
    pq.write_table(table, path)


if __name__ == "__main__":
    act, *numbers = sys.argv[1:]
    print(json.dumps({"load": load, "batches": batches}[act](*map(int, numbers))))
