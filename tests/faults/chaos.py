"""Two lakes from the same events, one clean, one through every fault: `make chaos` says what differs between them.

Into the faulty lake the files come out of order, with events repeated, late and broken, some files cut off and some
twice, and with events of users who are erased meanwhile; two runs of process_events, delivery to a target with a
holdout and a budget, maintenance and erasure work side by side, as Airflow starts them. They are killed with SIGKILL in
every stage, anywhere, within transactions and within commits, and tried again; some are stopped with SIGSTOP while they
hold the write lock. The clock jumps, where libfaketime is installed, and the disk is full at times, where this user may
mount one. Afterwards every table must be that of the clean lake, and every delivery as its target's rules say. The seed
chooses the faults; when exactly a signal finds a process is up to the machine.
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

from include.firstday.landing import PARTIAL
from include.firstday.use_case import use_case as use_cases
from include.firstday.use_case.use_case import UseCase
from tests.faults import compare, deliveries
from tests.faults.clock import Clock
from tests.faults.deliveries import AHEAD_HOURS, AHEAD_SHARE, ERASED_USERS, Delivery, Plan
from tests.faults.disk import Disk
from tests.faults.processes import STAGES, Kill, Stage, run_alone

PROCESS_EVENTS = STAGES[:4]
TOGETHER = "micro_batch"
ERASURE = "forget_user"
DELIVERY = "deliver_predictions"
HELD = "replay_rejected"
HELD_HOURS = AHEAD_HOURS[1] + 1  # its clock is ahead: every held row's time has come
NO_CLOCK = "libfaketime is not installed (Debian: apt-get install faketime)"
OPTIONAL = ("clock", "disk", "erasure")
RUNS = ("first run of process_events", "second run")
KILLED_SHARE = 0.75
PAUSED_SHARE = 0.15
JUMPS_SHARE = 0.2  # of the starts of a stage before which the clock jumps
FILLINGS_SHARE = 0.02  # and before which the disk is filled
FULL_SECONDS = 0.7
ERASED_AFTER = 0.4  # of the files, so that more of the users' events come before and after


@dataclass
class Happened:
    """What was done to the stages."""

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    at_once: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    pauses: Counter[str] = field(default_factory=Counter)

    def killed(self, stage: str) -> int:
        """Kills of one stage, wherever."""
        return sum(count for (name, _), count in self.kills.items() if name == stage)


@dataclass
class Lane:
    """One run of a DAG: its stages one after the other, each tried again until it ends by itself."""

    name: str
    stages: Sequence[str]
    number: int = 0
    at: int = 0
    current: Stage | None = None


class Chaos:
    """The faulty lake: files come, stages run side by side and die, until each has died often enough."""

    def __init__(
        self,
        use_case: UseCase,
        disk: Disk,
        clock: Clock,
        plan: Plan,
        kills: int,
        rng: random.Random,
        erased: bool,
    ) -> None:
        self._use_case, self._home, self._rng = use_case, disk.folder, rng
        self._disk, self._clock, self._full_until = disk, clock, 0.0
        # An erasure is all of maintenance, for each of the users: it is killed less often.
        self._kills = dict.fromkeys(STAGES, kills) | {ERASURE: max(1, kills // 5) if erased else 0}
        self._kills[HELD] = max(1, kills // 5)  # it has work only after another file
        self._waiting = list(plan.deliveries)
        self._files = len(plan.deliveries)
        self.happened = Happened()
        self._delivered = -1  # runs of scoring before the last delivery
        self._released = -1  # files pending when held rows were stored last
        # All stages in one process and one transaction, and beside it each in its own, as where one is behind.
        self._lanes = [Lane(name, stages) for name, stages in zip(RUNS, ((TOGETHER,), PROCESS_EVENTS), strict=True)]
        self._lanes.append(Lane("maintenance", ("maintain_lake",)))
        self._lanes.append(Lane("delivery", (DELIVERY,)))
        self._lanes.append(Lane("held rows", (HELD,)))
        if erased:
            self._lanes.append(Lane("erasure", (ERASURE,)))

    def run(self, say: Callable[[str], None]) -> Happened:
        """Run until every stage has been killed as often as asked, and everything has been delivered."""
        said = 0
        while True:
            for lane in self._lanes:
                if lane.current is None:
                    self._start(lane)
            running = {lane.current.process.sentinel: lane for lane in self._lanes if lane.current}
            for sentinel in wait(list(running), timeout=0.1):
                self._ended(running[sentinel])
            self._relieve()
            total = sum(self.happened.kills.values())
            if total >= said + 25:
                said = total
                say(f"{total} kills, {self._files - len(self._waiting)} of {self._files} files delivered")
            if self._is_done():
                break
        for lane in self._lanes:
            while lane.current:
                if wait([lane.current.process.sentinel], timeout=0.1):
                    self._ended(lane)
                self._relieve()
        self._disk.free()
        return self.happened

    def _relieve(self) -> None:
        """Let processes go on that were stopped for long enough, and free a disk that was full for long enough."""
        for lane in self._lanes:
            if lane.current and lane.current.resume_if_due():
                self.happened.pauses[lane.current.stage] += 1
        if time.monotonic() > self._full_until:
            self._disk.free()

    def _is_done(self) -> bool:
        is_erased = all(lane.number > 0 for lane in self._lanes if lane.stages == (ERASURE,))
        return is_erased and not self._waiting and all(self.happened.killed(one) >= self._kills[one] for one in STAGES)

    def _start(self, lane: Lane) -> None:
        stage = lane.stages[lane.at]
        if stage == ERASURE and len(self._waiting) > (1 - ERASED_AFTER) * self._files:
            return
        if stage == ERASURE and lane.number and self.happened.killed(stage) >= self._kills[stage]:
            return
        if stage == DELIVERY and self._scorings() == self._delivered:
            return  # nothing has been scored since
        if stage == HELD and self._waiting and len(self._waiting) == self._released:
            return  # no other file has come since
        if stage == "maintain_lake" and self.happened.killed(stage) > min(map(self.happened.killed, PROCESS_EVENTS)):
            return  # it has had its share; the others have the processor
        if stage in (PROCESS_EVENTS[0], TOGETHER):
            self._deliver()
        if any(other.current and other.current.stage == stage for other in self._lanes):
            self.happened.at_once[stage] += 1
        dies = self.happened.killed(stage) < self._kills[stage] and self._rng.random() < KILLED_SHARE
        kill = Kill.at_random(self._rng, stage) if dies else None
        if not dies and self._rng.random() < PAUSED_SHARE / (1 - KILLED_SHARE):
            kill = Kill.pause_at_random(self._rng)
        if self._rng.random() < JUMPS_SHARE:
            self._clock.jump(self._rng)
        if self._rng.random() < FILLINGS_SHARE:
            self._disk.fill()
            self._full_until = time.monotonic() + FULL_SECONDS
        hours = HELD_HOURS if stage == HELD else 0
        lane.current = Stage(stage, self._use_case.name, self._home, f"{lane.name} {lane.number}", kill, hours)
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
            if ended.stage == DELIVERY:
                self._delivered = self._scorings()
            if ended.stage == HELD:
                self._released = len(self._waiting)
            lane.at = (lane.at + 1) % len(lane.stages)
            lane.number += lane.at == 0

    def _scorings(self) -> int:
        return self.happened.runs["score_users"] + self.happened.runs[TOGETHER]

    def _deliver(self) -> None:
        """Keep the files in step with the kills, so that there is work until the last of them."""
        self._disk.free()  # a source without room for its file has not delivered it
        share = sum(min(self.happened.killed(one), self._kills[one]) for one in STAGES) / sum(self._kills.values())
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


def make_lakes(
    options: argparse.Namespace, use_case: UseCase, folder: Path, disk: Disk, say: Callable[[str], None]
) -> None:
    """Build both lakes in `folder`, the faulty one on `disk`, and print what was done to it."""
    clock, erased = Clock(folder, "clock" not in options.without), "erasure" not in options.without
    rng = random.Random(options.seed)
    source = deliveries.source(use_case, rng, options.events, AHEAD_SHARE)
    plan = deliveries.faulty(use_case, source, rng, options.files, ERASED_USERS if erased else 0)
    compare.remember(folder, plan)
    for delivery in deliveries.clean(source, 4):
        deliver(folder / "clean", use_case, delivery)
    for stage in ("register_bundled", "store_events", "update_features", "score_users"):
        run_alone(stage, use_case.name, folder / "clean", HELD_HOURS if stage == "store_events" else 0)
    say(f"the clean lake is made of {len(source.lines):,} events; now the faulty one")
    for stage in ("register_bundled", DELIVERY):  # a target begins with what is predicted from then on
        run_alone(stage, use_case.name, disk.folder)
    happened = Chaos(use_case, disk, clock, plan, options.kills, rng, erased).run(say)
    for stage in (PROCESS_EVENTS[0], HELD, *PROCESS_EVENTS[1:], DELIVERY):
        run_alone(stage, use_case.name, disk.folder, HELD_HOURS if stage == HELD else 0)
    _say_faults(plan, happened, say)
    say(f"  {'jumps of the clock':<46}{clock.jumps:>8,}" if clock.is_faked else f"  no jumps of the clock: {NO_CLOCK}")
    say(f"  {'times the disk was full':<46}{disk.fillings:>8,}" if not disk.fault else f"  no full disk: {disk.fault}")


def _say_faults(plan: Plan, happened: Happened, say: Callable[[str], None]) -> None:
    say("\nfaults injected")
    for name, count in vars(plan.faults).items():
        say(f"  {name.replace('_', ' '):<46}{count:>8,}")
    say(f"  {'processes stopped for a while':<46}{sum(happened.pauses.values()):>8,}")
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
    parser.add_argument("--without", nargs="+", choices=OPTIONAL, default=[], help="faults to leave out")
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

    disk = None
    try:
        if not options.compare:
            for lake in ("clean", "faulty"):
                (folder / lake).mkdir(parents=True)
            disk = Disk(folder / "faulty", is_wanted="disk" not in options.without)
            make_lakes(options, use_case, folder, disk, say)
        found = compare.compare(use_case, folder)
    finally:
        if disk:
            disk.unmount(keep=folder == options.keep)
        if folder not in (options.compare, options.keep):
            shutil.rmtree(folder, ignore_errors=True)
    say_found(found, say)
    differing = sum(row.differing for row in found)
    say(f"\n{differing:,} differences")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
