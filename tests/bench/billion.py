"""A billion events of a million players: loaded, recomputed and trained on, by one machine.

500 days of 2,002,000 events, loaded as any backlog, 25 days by a process; the next day is generated meanwhile, in a
process beside it. Then micro-batches of 35,000 events of the last day's players, and the same on a lake of one day;
the features of all users recomputed; and a training. Each is a process of its own, whose memory is watched.

It takes hours, so `make bench` does it only where it is asked for. What is done stays in `var/billion`: a run that was
interrupted goes on where it was, as the lake knows the files that it has stored.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from include.firstday import landing
from include.firstday.features import rebuild_features
from include.firstday.models import promotion
from include.firstday.models.training import candidates, evaluate, training_set
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from tests.bench import growth
from tests.bench.measures import ROOT, Claim, Row, Section, child, median, peak_mb, scratch
from tests.bench.players import EVENTS, PLAYERS, Day

MODULE = "tests.bench.billion"
FOLDER = ROOT / "var" / "billion"
DAYS, STEP = 500, 25
BATCHES = 15
PRICE = 0.05  # US dollars for a core and hour: an assumption


def run(quick: bool = False) -> Section:
    """Do what is not done yet, and report all of it. `quick`: two small days, from the start."""
    section = Section("billion", "A billion events on one machine", str(__doc__))
    if quick:
        with scratch() as folder:
            _measure(section, folder, days=2, step=1, players=500, batches=3)
    else:
        _measure(section, FOLDER, DAYS, STEP, PLAYERS, BATCHES)
        shutil.rmtree(FOLDER)
    return section


def _measure(section: Section, folder: Path, days: int, step: int, players: int, batches: int) -> None:
    home, small = folder / "home", folder / "small"
    steps = [
        _once(folder, home, MODULE, "load", first, min(first + step, days), players) for first in range(0, days, step)
    ]
    _once(folder, small, growth.MODULE, "load", 0, 1, players)
    few = median(_once(folder, small, growth.MODULE, "batches", 1, players, batches)["total"])
    many = median(_once(folder, home, growth.MODULE, "batches", days, players, batches)["total"])
    rebuilt = _once(folder, home, MODULE, "rebuild")
    trained = _once(folder, home, MODULE, "train")
    loading, settling = (sum(one[part] for one in steps) for part in ("load, s", "settle, s"))
    events, peak = days * players * EVENTS, max(one["peak, MB"] for one in steps)
    rates = [one["events"] / one["load, s"] for one in steps]
    section.rows += [
        _row("load", loading, peak, f"{events / loading:,.0f} events a second, {min(rates):,.0f} in the slowest step"),
        _row(
            "score, publish, maintain", settling, peak, f"{len(steps)} times, {steps[-1]['settle, s']:.0f} s the last"
        ),
        _row(f"a micro-batch after {players * EVENTS:,} events", few, None, f"median of {batches}"),
        _row(f"a micro-batch after {events:,} events", many, None, f"median of {batches}"),
        _row("recompute the features of all users", rebuilt["s"], rebuilt["peak, MB"], rebuilt["result"]),
        *(_row(what, seconds, trained["peak, MB"], trained["result"][what]) for what, seconds in trained["s"].items()),
    ]
    hours = (loading + settling + rebuilt["s"] + sum(trained["s"].values())) / 3600
    cores = psutil.cpu_count() or 1
    cost = hours * cores * PRICE
    section.claims = [
        Claim("a micro-batch costs at most 1.25 × that after one day", f"{many / few:.2f} ×", many <= 1.25 * few),
        Claim("no user differs in the recompute", rebuilt["result"], rebuilt["changed"] == 0),
        Claim(
            f"all of it costs at most 1 US dollar, at {PRICE} for a core and hour",
            f"{cost:.2f}, for {hours:.1f} hours of {cores} cores",
            cost <= 1,
        ),
    ]


def _once(folder: Path, home: Path, module: str, *arguments: object) -> Row:
    """What a process printed as its result, now or in a run that was interrupted afterwards."""
    path, key = folder / "done.json", " ".join(map(str, (home.name, *arguments)))
    done: dict[str, Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if key not in done:
        done[key] = child(home, module, *arguments)
        path.write_text(json.dumps(done, indent=2), encoding="utf-8")
        print(key, done[key], flush=True)
    return done[key]


def _row(what: str, seconds: float, peak: float | None, result: str) -> Row:
    return {"what": what, "s": round(seconds, 2), "peak MB": "" if peak is None else round(peak), "result": result}


def load(first: int, end: int, players: int) -> Row:
    """Load days of labelled players, each while the next one is generated."""
    case, ahead = use_case.load(growth.CASE), settings().home / "ahead"
    shutil.rmtree(ahead, ignore_errors=True)
    ahead.mkdir(parents=True)
    promotion.register_bundled(case)
    taken: Row = {"events": (end - first) * players * EVENTS}
    with ProcessPoolExecutor(1) as generator, _clock(taken, "load, s"):
        coming = generator.submit(_generate, ahead, first, players)
        for number in range(first, end):
            files = coming.result()
            if number + 1 < end:
                coming = generator.submit(_generate, ahead, number + 1, players)
            for file in files:
                landing.deliver(growth.CASE, file.name, partial(shutil.move, file))
            growth.store(case)
    with _clock(taken, "settle, s"):
        growth.settle(case)
    return taken | {"peak, MB": peak_mb()}


def rebuild() -> Row:
    """Recompute the features of all users; how many differed."""
    taken: Row = {}
    with _clock(taken, "s"):
        rebuilt = rebuild_features.rebuild_features(use_case.load(growth.CASE))
    result = f"{rebuilt.users:,} users, {rebuilt.changed:,} differed"
    return taken | {"peak, MB": peak_mb(), "changed": rebuilt.changed, "result": result}


def train() -> Row:
    """Build a training set, train the candidates, and test the best, as `firstday train` does."""
    case, seconds = use_case.load(growth.CASE), dict[str, float]()
    with _clock(seconds, "build a training set"):
        built = training_set.build_training_set(case)
    with _clock(seconds, "train the candidates"):
        found = [candidates.train_candidate(case, built, name) for name in case.training.candidates]
    with _clock(seconds, "test the best"):
        tested = evaluate.evaluate_candidate(case, built, found)
    skipped = [f"{one['name']}: {one[candidates.SKIPPED]}" for one in found if candidates.SKIPPED in one]
    result = {
        "build a training set": f"{built['rows']:,} rows of {built['users']:,} users",
        "train the candidates": f"{len(found) - len(skipped)} of {len(found)}" + "".join(f"; {one}" for one in skipped),
        "test the best": f"{tested['name']}; the labels of these players are chance",
    }
    return {"s": seconds, "peak, MB": peak_mb(), "result": result}


@contextmanager
def _clock(taken: dict[str, float], name: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    taken[name] = time.perf_counter() - begun


def _generate(folder: Path, number: int, players: int) -> list[Path]:
    files = []
    for part, piece in enumerate(Day(number, players, labelled=True).pieces()):
        files.append(folder / f"day-{number:04}-{part}.parquet")
        pq.write_table(piece, files[-1])
    return files


if __name__ == "__main__":
    act, *numbers = sys.argv[1:]
    print(json.dumps({"load": load, "rebuild": rebuild, "train": train}[act](*map(int, numbers))))
