"""A billion events of a million players: loaded, recomputed and trained on, by one machine.

500 days of 2,002,000 events, loaded as any backlog, 25 days by a process; the next day is generated meanwhile, in a
process beside it. Then micro-batches of 35,000 events of the last day's players, and the same on a lake of one day, in
turns; the features of all users recomputed; and a training. Each is a process of its own, whose memory is watched.

It takes hours, so `make bench` does it only where it is asked for. What is done stays in `var/billion`: a run that was
interrupted goes on where it was, as the lake knows the files that it has stored.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
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
BATCHES, TURN = 15, 5
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
    once, day = partial(_once, folder, "home"), players * EVENTS
    steps = [once(MODULE, "load", first, min(first + step, days), players) for first in range(0, days, step)]
    _once(folder, "small", growth.MODULE, "load", 0, 1, players, EVENTS, 1)
    few, many = _in_turns(folder, days, players, batches)
    works = [once(MODULE, "rebuild"), built := once(MODULE, "build")]
    case = use_case.load(growth.CASE)
    trained = [once(MODULE, "train", name, built["training set"]) for name in case.training.candidates]
    works += [*trained, once(MODULE, "test", built["training set"], [one["candidate"] for one in trained])]
    loading, settling = (sum(one[part] for one in steps) for part in ("load, s", "settle, s"))
    rates, peak = [day * step / one["load, s"] for one in steps], max(one["peak, MB"] for one in steps)
    section.rows += [
        _row(
            "load", loading, peak, f"{day * days / loading:,.0f} events a second, {min(rates):,.0f} in the slowest step"
        ),
        _row(
            "score, publish, maintain", settling, peak, f"{len(steps)} times, {steps[-1]['settle, s']:.0f} s the last"
        ),
        _row(f"a micro-batch after {day:,} events", few, None, f"median of {batches}"),
        _row(f"a micro-batch after {day * days:,} events", many, None, f"median of {batches}"),
        *(_row(one["what"], one["s"], one["peak, MB"], one["result"]) for one in works),
    ]
    hours = (loading + settling + sum(one["s"] for one in works)) / 3600
    cores = psutil.cpu_count() or 1
    cost = hours * cores * PRICE
    section.claims = [
        Claim("a micro-batch costs at most 1.25 × that after one day", f"{many / few:.2f} ×", many <= 1.25 * few),
        Claim(
            f"all of it costs at most 1 US dollar, at {PRICE} for a core and hour",
            f"{cost:.2f}, for {hours:.1f} hours of {cores} cores",
            cost <= 1,
        ),
    ]


def _in_turns(folder: Path, days: int, players: int, batches: int) -> tuple[float, float]:
    """The median seconds of micro-batches on the lake of one day and on that of all, as the machine's speed varies."""
    total: dict[str, list[float]] = {"small": [], "home": []}
    for first in range(0, batches, TURN):
        for home, end in (("small", 1), ("home", days)):
            numbers = end, players, min(TURN, batches), EVENTS, first + first // TURN
            total[home] += _once(folder, home, growth.MODULE, "batches", *numbers)["total"]
    return median(total["small"]), median(total["home"])


def _once(folder: Path, home: str, module: str, act: str, *arguments: object) -> Row:
    """What a process printed as its result, now or in a run that was interrupted afterwards."""
    path, key = folder / "done.json", " ".join([home, act, *(str(one) for one in arguments if not _is_long(one))])
    done: dict[str, Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if key not in done:
        done[key] = child(folder / home, module, act, *map(json.dumps, arguments))
        path.write_text(json.dumps(done, indent=2), encoding="utf-8")
        print(key, done[key], flush=True)
    return done[key]


def _is_long(argument: object) -> bool:
    return isinstance(argument, dict | list)


def _row(what: str, seconds: float, peak: float | None, result: str) -> Row:
    return {"what": what, "s": round(seconds, 2), "peak MB": "" if peak is None else round(peak), "result": result}


def load(first: int, end: int, players: int) -> Row:
    """Load days of labelled players, each while the next one is generated."""
    case, ahead = use_case.load(growth.CASE), settings().home / "ahead"
    shutil.rmtree(ahead, ignore_errors=True)
    ahead.mkdir(parents=True)
    promotion.register_bundled(case)
    taken: Row = {}
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
    """Recompute the features of all users; none may differ."""
    with _measured("recompute the features of all users") as row:
        rebuilt = rebuild_features.rebuild_features(use_case.load(growth.CASE))
    if rebuilt.changed:
        raise SystemExit(f"{rebuilt.changed:,} users differ from what the micro-batches made")
    return row | {"result": f"{rebuilt.users:,} users, none of whom differed"}


def build() -> Row:
    """Build a training set, as the first task of a training does."""
    with _measured("build a training set") as row:
        built = training_set.build_training_set(use_case.load(growth.CASE))
    return row | {"training set": built, "result": f"{built['rows']:,} rows of {built['users']:,} users"}


def train(name: str, built: Row) -> Row:
    """Train one candidate."""
    with _measured(f"train {name}") as row:
        candidate = candidates.train_candidate(use_case.load(growth.CASE), built, name)
    return row | {"candidate": candidate, "result": candidate.get(candidates.SKIPPED, "trained")}


def test(built: Row, trained: list[Row]) -> Row:
    """Test the best candidate on the newest users."""
    with _measured("test the best") as row:
        tested = evaluate.evaluate_candidate(use_case.load(growth.CASE), built, trained)
    return row | {"result": f"{tested['name']}; the labels of these players are chance"}


@contextmanager
def _measured(what: str) -> Iterator[Row]:
    row: Row = {"what": what}
    with _clock(row, "s"):
        yield row
    row["peak, MB"] = peak_mb()


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


ACTS: dict[str, Callable[..., Row]] = {"load": load, "rebuild": rebuild, "build": build, "train": train, "test": test}

if __name__ == "__main__":
    print(json.dumps(ACTS[sys.argv[1]](*map(json.loads, sys.argv[2:])), default=float))
