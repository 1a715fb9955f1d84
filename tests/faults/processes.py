"""Stages as processes of their own, as Airflow runs them, and SIGKILL or SIGSTOP at a chosen point of their work.

A stage is started by a fork of a process that has imported what it needs, as Airflow's scheduler has. Where it dies is
chosen by phase: anywhere, so long after it has begun a transaction, or so long after it has begun to commit one. Its
own connection tells the phase, and a thread in it sends the signal, or a window of milliseconds would never be hit.
"""

import logging
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from include.firstday.lake.run import Run
from include.firstday.use_case.use_case import UseCase
from tests.faults import clock, deliveries, experiment

ANYWHERE, TRANSACTION, COMMIT = "anywhere", "in a transaction", "in a commit"
SECONDS = {ANYWHERE: 0.8, TRANSACTION: 0.2, COMMIT: 0.03}  # within which the signal comes, after the phase has begun
MODULES = (
    "ingest.store_events",
    "features.update_features",
    "scoring.score_users",
    "delivery.publish_predictions",
    "operations.maintain_lake",
    "operations.forget_user",
    "delivery.deliver_predictions",
    "operations.micro_batch",
    "ingest.replay_rejected",  # only of held rows, by a clock at which their time has come
)
STAGES = tuple(module.rpartition(".")[2] for module in MODULES)
LOG = "stages.log"  # what a process says, beside the lakes
_BEGIN, _COMMIT, _END = b"t", b"c", b"."

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([f"include.firstday.{module}" for module in MODULES] + ["mlflow.sklearn", "skops.io"])


@dataclass(frozen=True)
class Kill:
    """When a process dies, or stops for a while: so many seconds after a phase has begun for the n-th time."""

    phase: str
    seconds: float
    turn: int = 1
    pause: float = 0.0  # seconds until it goes on, where it is stopped

    @classmethod
    def at_random(cls, rng: random.Random, stage: str) -> "Kill":
        """As often in a commit as elsewhere, though commits are short."""
        turns = {"maintain_lake": range(1, 7), "forget_user": range(1, 5)}.get(stage, (1,))
        phase = rng.choice([ANYWHERE, TRANSACTION, COMMIT, COMMIT])
        if phase == ANYWHERE or (stage == "maintain_lake" and phase == TRANSACTION):
            return cls(ANYWHERE, rng.uniform(0, SECONDS[ANYWHERE]))
        return cls(phase, rng.uniform(0, SECONDS[phase]), rng.choice(turns))

    @classmethod
    def pause_at_random(cls, rng: random.Random) -> "Kill":
        """Stop within a transaction, or while it commits: who holds the write lock then makes all others wait."""
        phase = rng.choice([TRANSACTION, COMMIT])
        return cls(phase, rng.uniform(0, SECONDS[COMMIT]), pause=rng.uniform(0.3, 3))


class Stage:
    """One running process of one stage."""

    def __init__(
        self, stage: str, use_case: str, home: Path, run: str, kill: Kill | None = None, hours: float = 0
    ) -> None:
        self.stage, self.kill = stage, kill
        self._phases, told = _context.Pipe(duplex=False)
        arguments = (stage, use_case, str(home), run, kill, told, hours)
        self.process: BaseProcess = _context.Process(target=_run, args=arguments)
        self.process.start()
        told.close()  # so that the pipe ends when the process does
        self._stopped_at: float | None = None

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it before its work did."""
        return self.process.exitcode == -signal.SIGKILL

    def resume_if_due(self) -> bool:
        """Let a stopped process go on where its pause is over; whether it was let."""
        if not (self.kill and self.kill.pause and self._is_stopped()):
            return False
        now = time.monotonic()
        self._stopped_at = self._stopped_at or now
        if now < self._stopped_at + self.kill.pause:
            return False
        os.kill(self.process.pid or 0, signal.SIGCONT)
        self.kill = None
        return True

    def _is_stopped(self) -> bool:
        try:
            state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state == "T"

    def died_in(self) -> str:
        """The phase it died in, as far as it had told."""
        phase = ANYWHERE
        while self._phases.poll():
            try:
                told = self._phases.recv_bytes()
            except EOFError:
                break
            phase = {_BEGIN: TRANSACTION, _COMMIT: COMMIT, _END: ANYWHERE}[told]
        return phase


def run_alone(stage: str, use_case: str, home: Path, hours: float = 0) -> None:
    """Run a stage to its end, undisturbed, by a clock so many hours ahead. Raises RuntimeError where it fails."""
    started = Stage(stage, use_case, home, "alone", hours=hours)
    started.process.join()
    if started.process.exitcode:
        raise RuntimeError(f"{stage} ended with {started.process.exitcode}")


def _run(stage: str, use_case: str, home: str, run: str, kill: Kill | None, told: Any, hours: float) -> None:
    os.environ["FIRSTDAY_HOME"] = home
    logging.disable(logging.WARNING)
    sys.stdout = sys.stderr = (Path(home).parent / LOG).open("a")
    from include.firstday.lake import clock as lake_clock
    from include.firstday.use_case import use_case as use_cases

    clock.sleep_by_events()
    _observe(_Phases(told, kill))
    case = use_cases.load(use_case).model_copy(update={"hold_hours": deliveries.HOLD_HOURS})
    with lake_clock.simulated(lake_clock.now() + timedelta(hours=hours)) if hours else nullcontext():
        _tasks()[stage](case, Run("chaos", run, stage))


def _forget(case: UseCase, run: Run) -> None:
    from include.firstday.operations import forget_user

    for user_id in deliveries.erased_users():
        forget_user.forget_user(case, user_id, run)


def _tasks() -> dict[str, Callable[..., object]]:
    from include.firstday.delivery import publish_predictions
    from include.firstday.features import update_features as update
    from include.firstday.ingest import replay_rejected, store_events
    from include.firstday.models import promotion
    from include.firstday.operations import maintain_lake, micro_batch
    from include.firstday.scoring import score_users

    return {
        "store_events": store_events.store_events,
        "update_features": update.update_features,
        "score_users": score_users.score_users,
        "publish_predictions": publish_predictions.publish_predictions,
        "maintain_lake": maintain_lake.maintain_lake,
        "forget_user": _forget,
        "deliver_predictions": experiment.deliver,
        "micro_batch": lambda case, run: micro_batch.process(case, run, on_done=lambda done: None),
        "replay_rejected": lambda case, run: replay_rejected.store_due(case, run, on_batch=lambda batch: None),
        "register_bundled": lambda case, run: promotion.register_bundled(case),
    }


class _Phases:
    """Tells the phases to who started the process, and dies in the chosen one."""

    def __init__(self, told: Any, kill: Kill | None) -> None:
        self._told, self._kill = told, kill
        self._turns = {ANYWHERE: 0, TRANSACTION: 0, COMMIT: 0}
        self.begin(ANYWHERE, _END)

    def begin(self, phase: str, sign: bytes) -> None:
        self._told.send_bytes(sign)
        self._turns[phase] += 1
        if self._kill and self._kill.phase == phase and self._kill.turn == self._turns[phase]:
            threading.Thread(target=_signal, args=(self._kill,), daemon=True).start()

    def end(self) -> None:
        self._told.send_bytes(_END)


def _signal(kill: Kill) -> None:
    time.sleep(kill.seconds)
    os.kill(os.getpid(), signal.SIGSTOP if kill.pause else signal.SIGKILL)


def _observe(phases: _Phases) -> None:
    import duckdb

    connect = duckdb.connect

    def observed(*arguments: Any, **settings: Any) -> Any:
        return _Connection(connect(*arguments, **settings), phases)

    duckdb.connect = observed


class _Connection:
    """A DuckDB connection that tells when it begins a transaction and when it begins to commit one."""

    def __init__(self, connection: Any, phases: _Phases) -> None:
        self._connection, self._phases = connection, phases

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def begin(self) -> None:
        self._connection.begin()
        self._phases.begin(TRANSACTION, _BEGIN)

    def commit(self) -> None:
        self._phases.begin(COMMIT, _COMMIT)
        self._connection.commit()
        self._phases.end()

    def rollback(self) -> None:
        self._connection.rollback()
        self._phases.end()

    def execute(self, text: str, *parameters: Any) -> Any:
        if "call ducklake_" not in text:
            return self._connection.execute(text, *parameters)
        self._phases.begin(COMMIT, _COMMIT)  # these commit by themselves
        result = self._connection.execute(text, *parameters)
        self._phases.end()
        return result
