"""What else has a rate: scoring by users, storing by files, the generator by events, the lake's bytes by events."""

import gzip
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.firstday import landing
from include.firstday.features import update_features
from include.firstday.generator import events, generate_events
from include.firstday.ingest import store_events
from include.firstday.lake.run import Run
from include.firstday.models import promotion
from include.firstday.operations import micro_batch
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from tests.bench.measures import Claim, Row, Section, child, scratch
from tests.bench.players import EVENTS, Day, write_parquet

MODULE = "tests.bench.rates"
CASE = "first_day_churn"
START = datetime(2026, 1, 1, tzinfo=UTC)


def run(quick: bool = False) -> Section:
    """Measure all of it. `quick`: fewer users and hours."""
    section = Section(
        "rates",
        "Scoring, small files, the generator and the lake's bytes",
        "Scoring: all users of a load at once, from the lake's features to the committed log of predictions; the first "
        "call of a process loads the model, the second does not. Files: the same events in one or in many. Generator: "
        "in one process, written as gzipped NDJSON, which is what landing gets. Bytes: the same events as NDJSON, "
        "gzipped, and as the lake keeps them. Sustained: events of new players, from landing to predictions.",
    )
    with scratch() as folder:
        for users in (100,) if quick else (1_000, 100_000):
            taken = child(folder / f"home-{users}", MODULE, "scoring", users)
            for call, seconds in taken.items():
                section.rows.append(
                    {"what": f"score {users:,} users, {call} call", "value": round(seconds, 2), "unit": "s"}
                )
        for count in (1, 500):
            section.rows.append(child(folder / f"home-of-{count}", MODULE, "files", count))
        for name, (value, unit) in child(folder / "home", MODULE, "generator", 1 if quick else 12).items():
            section.rows.append({"what": name, "value": value, "unit": unit})
            if "Parquet by hour" in name:
                section.claims.append(Claim("generator: at least 300,000 events/s", f"{value:,}", value >= 300_000))
        minutes, millions = (2, 0.1) if quick else (10, 6)
        slowest = max(child(folder / "home-sustained", MODULE, "sustained", minutes, int(millions * 10**6))["seconds"])
        section.rows.append({"what": f"{millions:g} million events a minute, slowest", "value": slowest, "unit": "s"})
        text = f"{minutes} minutes of {millions:g} million events each: at most a minute each"
        section.claims.append(Claim(text, f"{slowest:.0f} s", slowest <= 60))
    return section


def scoring(users: int) -> dict[str, float]:
    """Seconds to score that many users, at once and once more."""
    case = use_case.load(CASE)
    promotion.register_bundled(case)
    taken = {}
    for number, call in enumerate(("first", "second")):
        day = Day(number, users, events=8)  # so many that none is without a bet and a win
        landing.deliver(CASE, f"users-{number}.parquet", lambda path, day=day: write_parquet(day, path))
        store_events.store_events(case)
        update_features.update_features(case)
        begun = time.perf_counter()
        step = score_users.score_users(case)
        taken[call] = time.perf_counter() - begun
        if step is None or step.users != users:
            raise SystemExit(f"scored {step}, expected {users} users")
    return taken


def files(count: int) -> Row:
    """Seconds to store the events of 25 players that come in so many files."""
    case = use_case.load(CASE)
    table = pa.concat_tables(Day(players=25).pieces())
    ends = [len(table) * number // count for number in range(count + 1)]
    for number, (start, end) in enumerate(pairwise(ends)):
        part = table.slice(start, end - start)
        landing.deliver(CASE, f"part-{number:04}.parquet", partial(pq.write_table, part))
    with open_lake(case):  # makes the lake
        pass
    begun = time.perf_counter()
    (batch,) = store_events.store_events(case)
    seconds = time.perf_counter() - begun
    if batch.rows_stored != len(table):
        raise SystemExit(f"stored {batch}, expected {len(table)} events")
    return {"what": f"store {len(table):,} events of {count} files", "value": round(seconds, 2), "unit": "s"}


def generator(hours: int) -> dict[str, tuple[float, str]]:
    """Events a second of the generator, and what its events take as NDJSON and in the lake."""
    case = use_case.load(CASE)
    assert case.generator is not None
    begun = time.perf_counter()
    made = events(case.generator, START, START + timedelta(hours=hours))
    generating = time.perf_counter() - begun
    begun = time.perf_counter()
    generate_events.generate_minutes(case, START, START + timedelta(hours=hours))
    writing = time.perf_counter() - begun
    begun = time.perf_counter()
    of_history = generate_events.generate_history(case, START, hours / 24)
    history = time.perf_counter() - begun
    for path in landing.folder(CASE).glob("*.parquet"):
        path.unlink()
    packed = list(landing.folder(CASE).glob("*.gz"))
    plain = sum(len(gzip.decompress(path.read_bytes())) for path in packed)
    size = sum(path.stat().st_size for path in packed)
    store_events.store_events(case)
    with open_lake(case, read_only=True) as lake:
        stored = lake.count("events")
    parquet = sum(
        path.stat().st_size for path in Path(settings().data_path).rglob("*.parquet") if "events" in path.parts
    )
    return {
        "generator, in memory": (round(len(made) / generating), "events/s"),
        "generator, with writing by minute": (round(len(made) / writing), "events/s"),
        "generator, with writing Parquet by hour": (round(of_history.rows / history), "events/s"),
        "NDJSON": (round(plain / stored, 1), "bytes/event"),
        "NDJSON, gzipped": (round(size / stored, 1), "bytes/event"),
        "Parquet in the lake": (round(parquet / stored, 1), "bytes/event"),
    }


def sustained(minutes: int, count: int) -> dict[str, list[float]]:
    """Seconds of each of some minutes in which so many events arrive, as Parquet, and go all the way to predictions."""
    case, seconds = use_case.load(CASE), []
    promotion.register_bundled(case)
    for minute in range(minutes):
        day = Day(minute, players=count // EVENTS)
        for part, piece in enumerate(day.pieces()):
            landing.deliver(CASE, f"minute-{minute}-{part}.parquet", partial(pq.write_table, piece))
        begun = time.perf_counter()
        micro_batch.process(case, Run(), lambda done: None)
        seconds.append(round(time.perf_counter() - begun, 2))
    return {"seconds": seconds}


if __name__ == "__main__":
    act, *numbers = sys.argv[1:]
    acts = {"scoring": scoring, "files": files, "generator": generator, "sustained": sustained}
    print(json.dumps(acts[act](*map(int, numbers))))
