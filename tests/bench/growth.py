"""One micro-batch on a lake that grows from 2 to 20 to 100 million events, and the memory that loading it takes.

Each day of history is 2,002,000 events of 2,000 players, in Parquet files of half a million. The micro-batches measured
bring 35,000 events of players in their first day, in one process, and go all the way: store, update, score, publish.
The history is loaded by a process whose memory is watched, by the same stages in the same bounds as any backlog.
"""

import json
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fastapi.testclient import TestClient

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.features import update_features
from include.firstday.ingest import store_events
from include.firstday.lake.run import Run
from include.firstday.models import promotion
from include.firstday.operations import maintain_lake, micro_batch
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.app import build
from tests.bench.measures import Claim, Row, Section, child, median, peak_mb, percentile_95, scratch
from tests.bench.players import EVENTS, PLAYERS, Day
from tests.light_server import gate_of_everybody

MODULE = "tests.bench.growth"
BATCH_EVENTS = 35_000
MILLIONS = (2, 20, 100)
CASE = "first_day_churn"
QUERIES = ("select count(*) from events", "select * from users order by last_seen_at desc limit 10")
ANSWERS = ("status", "activity", "users?search=0", "model", "alerts", "lake")


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
        answers = child(folder / "home", MODULE, "answers", sizes[-1], players, 5)
    first, last = section.rows[0]["median s"], section.rows[-1]["median s"]
    peak = max(row["load: peak MB"] for row in section.rows)
    query, page = (percentile_95(answers[kind]) for kind in ("query", "page"))
    section.claims = [
        Claim("`firstday query` on the largest lake, 95 %: at most 0.3 s", f"{query:.2f} s", query <= 0.3),
        Claim("an answer of the page there, 95 %: at most 0.5 s", f"{page:.2f} s", page <= 0.5),
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


def load(first: int, end: int, players: int, events: int = EVENTS, labelled: int = False) -> Row:
    """Load days of history through landing and the stages; how long the stages took, and the most memory held."""
    case, seconds = use_case.load(CASE), 0.0
    promotion.register_bundled(case)
    for number in range(first, end):
        day = Day(number, players, events, bool(labelled))
        for part, piece in enumerate(day.pieces()):
            landing.deliver(CASE, f"day-{number:04}-{part}.parquet", partial(pq.write_table, piece))
        seconds += _seconds(partial(store, case))
    settle(case)
    return {"seconds": seconds, "events": (end - first) * players * events, "peak_mb": peak_mb()}


def store(case: UseCase) -> None:
    """Store the files in landing and update the features, without keeping the files. None may be rejected."""
    _none_rejected(store_events.store_events(case))
    update_features.update_features(case)
    shutil.rmtree(landing.folder(CASE) / landing.CONSUMED, ignore_errors=True)


def _none_rejected(results: Iterable[object]) -> None:
    rejected = sum(one.rows_rejected for one in results if isinstance(one, store_events.MicroBatch))
    if rejected:
        raise SystemExit(f"{rejected:,} events were rejected")


def _as_a_day_later(case: UseCase) -> None:
    """Expire the snapshots of the load, as maintenance does after a day: DuckLake's catalog has all of their files."""
    with open_lake(case, Run(task="bench")) as lake, lake.exclusive():
        maintain_lake.purge(lake)


def settle(case: UseCase) -> None:
    """Do what is due after many micro-batches: score, publish and maintain."""
    score_users.score_users(case)
    publish_predictions.publish_predictions(case)
    maintain_lake.maintain_lake(case)


def batches(days: int, players: int, count: int, events: int = EVENTS, first: int = 0) -> Row:
    """Bring micro-batches of the last day's players one after the other; the seconds of each, and of its stages.

    `first`: the number of the first one, which must not have been brought before.
    """
    case = use_case.load(CASE)
    _as_a_day_later(case)
    stages: dict[str, list[float]] = defaultdict(list)
    total = []
    for number in range(first, first + count + 1):
        landing.deliver(
            CASE,
            f"batch-{days:04}-{number:04}.parquet",
            lambda path, n=number: _write(path, Day(days - 1, players, events), n),
        )
        done: list[micro_batch.Done] = []
        begun = time.perf_counter()
        micro_batch.process(case, Run(), done.append)
        _none_rejected(each.result for each in done)
        if number > first:  # it loads what the others find loaded
            total.append(time.perf_counter() - begun)
            for each in done:
                stages[each.stage].append(each.seconds)
    return {"stages": stages, "total": total}


def answers(days: int, players: int, count: int) -> dict[str, list[float]]:
    """Seconds of queries by the command line, start included, and of the page's answers, none of them remembered."""
    case = use_case.load(CASE)
    taken: dict[str, list[float]] = {"query": [], "page": []}
    with TestClient(build(gate_of_everybody())) as client:
        for number in range(1000, 1000 + count):
            landing.deliver(
                CASE, f"answers-{number}.parquet", lambda path, n=number: _write(path, Day(days - 1, players), n)
            )
            micro_batch.process(case, Run(), lambda done: None)
            for text in QUERIES:
                command = [sys.executable, "-m", "include.firstday", "query", text]
                taken["query"].append(_seconds(partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)))
            for path in ANSWERS:
                taken["page"].append(_seconds(lambda path=path: client.get(f"/api/{CASE}/{path}").raise_for_status()))
    return taken


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _write(path: Path, day: Day, number: int) -> None:
    """Bets of a day's players, in the 21st hour of their first day: later than all that is known of them."""
    known = pa.concat_tables(day.pieces())
    known = known.filter(pc.equal(known["event_type"], "new_registration"))
    chance = np.random.default_rng([day.number, number])
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
    print(json.dumps({"load": load, "batches": batches, "answers": answers}[act](*map(int, numbers))))
