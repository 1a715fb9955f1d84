"""Two lakes from the same events, one clean, one through every fault: `make chaos` says what differs between them.

Into the faulty lake the files come out of order, with events repeated, late and broken, some files cut off and some
twice; two runs of process_events and maintenance work side by side, as Airflow starts them, and are killed with
SIGKILL in every stage, anywhere, within transactions and within commits, and tried again. Afterwards every table must
be that of the clean lake. The seed chooses the faults; when exactly a signal finds a process is up to the machine.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

from include.firstday.lake.shards import WHOLE, Shard
from include.firstday.landing import PARTIAL
from include.firstday.use_case import use_case as use_cases
from include.firstday.use_case.use_case import UseCase
from tests.faults import compare, deliveries
from tests.faults.deliveries import Delivery, Plan
from tests.faults.processes import STAGES, Kill, Stage, run_alone

PROCESS_EVENTS = STAGES[:4]
RUNS = ("first run of process_events", "second run")
KILLED_SHARE = 0.75


@dataclass
class Happened:
    """What was done to the stages."""

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    at_once: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def killed(self, stage: str) -> int:
        """Kills of one stage, wherever."""
        return sum(count for (name, _), count in self.kills.items() if name == stage)


@dataclass
class Lane:
    """One run of a DAG: its stages one after the other, each tried again until it ends by itself."""

    name: str
    stages: Sequence[str]
    shard: Shard = WHOLE
    number: int = 0
    at: int = 0
    current: Stage | None = None


class Chaos:
    """The faulty lake: files come, stages run side by side and die, until each has died often enough."""

    def __init__(
        self, use_case: UseCase, home: Path, plan: Plan, kills: int, rng: random.Random, shards: int = 1
    ) -> None:
        self._use_case, self._home, self._kills, self._rng = use_case, home, kills, rng
        self._waiting = list(plan.deliveries)
        self._files = len(plan.deliveries)
        self.happened = Happened()
        split = [Shard(number, shards) for number in range(shards)]
        self._lanes = [Lane(name, PROCESS_EVENTS, shard) for name in RUNS for shard in split]
        self._lanes.append(Lane("maintenance", STAGES[4:]))

    def run(self, say: Callable[[str], None]) -> Happened:
        """Run until every stage has been killed as often as asked, and everything has been delivered."""
        said = 0
        while True:
            for lane in self._lanes:
                if lane.current is None:
                    self._start(lane)
            running = {lane.current.process.sentinel: lane for lane in self._lanes if lane.current}
            for sentinel in wait(list(running)):
                self._ended(running[sentinel])
            total = sum(self.happened.kills.values())
            if total >= said + 25:
                said = total
                say(f"{total} kills, {self._files - len(self._waiting)} of {self._files} files delivered")
            if self._is_done():
                break
        for lane in self._lanes:
            if lane.current:
                lane.current.process.join()
                self._ended(lane)
        return self.happened

    def _is_done(self) -> bool:
        return not self._waiting and all(self.happened.killed(stage) >= self._kills for stage in STAGES)

    def _start(self, lane: Lane) -> None:
        stage = lane.stages[lane.at]
        if stage == "maintain_lake" and self.happened.killed(stage) > min(map(self.happened.killed, PROCESS_EVENTS)):
            return  # it has had its share; the others have the processor
        if stage == "store_events":
            self._deliver()
        if any(other.current and other.current.stage == stage for other in self._lanes):
            self.happened.at_once[stage] += 1
        dies = self.happened.killed(stage) < self._kills and self._rng.random() < KILLED_SHARE
        kill = Kill.at_random(self._rng, stage) if dies else None
        lane.current = Stage(stage, self._use_case.name, self._home, f"{lane.name} {lane.number}", kill, lane.shard)
        self.happened.runs[stage] += 1

    def _ended(self, lane: Lane) -> None:
        assert lane.current is not None
        ended, lane.current = lane.current, None
        ended.process.join()
        if ended.was_killed:
            self.happened.kills[ended.stage, ended.died_in()] += 1
        elif ended.process.exitcode:
            self.happened.failures[ended.stage] += 1
        else:
            lane.at = (lane.at + 1) % len(lane.stages)
            lane.number += lane.at == 0

    def _deliver(self) -> None:
        """Keep the files in step with the kills, so that there is work until the last of them."""
        share = sum(min(self.happened.killed(stage), self._kills) for stage in STAGES) / (self._kills * len(STAGES))
        left = self._files * (1 - share)
        for _ in range(max(1, len(self._waiting) - int(left))):
            if self._waiting:
                deliver(self._home, self._use_case, self._waiting.pop(0))


def deliver(home: Path, use_case: UseCase, delivery: Delivery) -> None:
    """Put a file into the landing folder of a home, whole, as any source may."""
    target = home / "landing" / use_case.name / delivery.name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}{PARTIAL}")
    partial.write_bytes(delivery.content)
    with suppress(FileExistsError):
        os.link(partial, target)  # not over a file that still waits: that one would be lost by its source's own doing
        partial.unlink()
        return
    partial.rename(target.with_name(f"{time.time_ns()}-{target.name}"))


def make_lakes(options: argparse.Namespace, use_case: UseCase, folder: Path, say: Callable[[str], None]) -> None:
    """Build both lakes in `folder` and print what was done to the faulty one."""
    rng = random.Random(options.seed)
    source = deliveries.source(use_case, rng, options.events)
    plan = deliveries.faulty(use_case, source, rng, options.files)
    compare.remember(folder, plan.good_rows, plan.malformed, plan.faults.truncated_files)
    for delivery in deliveries.clean(source, 4):
        deliver(folder / "clean", use_case, delivery)
    for stage in ("store_events", "update_features"):
        run_alone(stage, use_case.name, folder / "clean")
    say(f"the clean lake is made of {len(source.lines):,} events; now the faulty one")
    run_alone("register_bundled", use_case.name, folder / "faulty")
    happened = Chaos(use_case, folder / "faulty", plan, options.kills, rng, options.shards).run(say)
    for stage in PROCESS_EVENTS:
        run_alone(stage, use_case.name, folder / "faulty")
    _say_faults(plan, happened, say)


def _say_faults(plan: Plan, happened: Happened, say: Callable[[str], None]) -> None:
    say("\nfaults injected")
    for name, count in vars(plan.faults).items():
        say(f"  {name.replace('_', ' '):<46}{count:>8,}")
    say(f"  {'files delivered':<46}{len(plan.deliveries):>8,}")
    phases = ("anywhere", "in a transaction", "in a commit")
    say(
        f"\n  {'stage':<22}{'started':>8}{'killed':>8}"
        + "".join(f"{phase:>18}" for phase in phases)
        + f"{'two at once':>14}"
    )
    for stage in STAGES:
        kills = "".join(f"{happened.kills[stage, phase]:>18,}" for phase in phases)
        say(f"  {stage:<22}{happened.runs[stage]:>8,}{happened.killed(stage):>8,}{kills}{happened.at_once[stage]:>14,}")
    say(f"  {'together':<22}{sum(happened.runs.values()):>8,}{sum(happened.kills.values()):>8,}")
    for stage, count in happened.failures.items():
        say(f"  {stage} failed by itself and was tried again: {count:,}")


def say_found(found: list[compare.Found], say: Callable[[str], None]) -> None:
    """Print the comparisons as a table."""
    say(f"\n{'compared':<50}{'rows':>10}{'differing':>12}")
    for row in found:
        say(f"{row.what:<50}{row.rows:>10,}{row.differing:>12,}{'' if row.differing == 0 else '  <<<'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make both lakes, compare them; 0 where nothing differs, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=__doc__)
    parser.add_argument("--use-case", default="first_day_churn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=25, help="of each stage")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--files", type=int, default=120)
    parser.add_argument("--shards", type=int, default=1, help="processes that share each stage of a run")
    parser.add_argument("--keep", type=Path, help="leave both lakes in this folder")
    parser.add_argument("--compare", type=Path, help="only compare the lakes that --keep left in this folder")
    options = parser.parse_args(arguments)
    use_case = use_cases.load(options.use_case)
    if use_case.generator is None:
        parser.error(f"{use_case.name} has no generator: there are no events to make a lake of")
    # Who is killed cannot give back its semaphores; Python's own tracker does, and need not say so.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    folder = options.compare or options.keep or Path(tempfile.mkdtemp(prefix="firstday-chaos-"))

    def say(text: str) -> None:
        print(text, flush=True)

    try:
        if not options.compare:
            for lake in ("clean", "faulty"):
                (folder / lake).mkdir(parents=True)
            make_lakes(options, use_case, folder, say)
        found = compare.compare(use_case, folder)
    finally:
        if folder not in (options.compare, options.keep):
            shutil.rmtree(folder, ignore_errors=True)
    say_found(found, say)
    differing = sum(row.differing for row in found)
    say(f"\n{differing:,} differences")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
