"""A micro-batch through every stage: what `firstday micro-batch` and the DAG `process_events` do.

Where every stage has the same checkpoint, as in the usual minute, what has arrived is stored, folded into the features
and scored in one transaction, from the rows as staged. Each stage works by itself, from its own checkpoint, where one
is behind, there is no champion or MLflow does not answer, and where a later stage fails: storing waits for no other.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from include.firstday.delivery import publish_predictions
from include.firstday.errors import CheckpointConflictError, ConflictError
from include.firstday.features import update_features
from include.firstday.features.update_features import Updated
from include.firstday.ingest import replay_rejected, store_events
from include.firstday.ingest.store_events import MicroBatch
from include.firstday.lake.lake import Commit, Lake
from include.firstday.lake.run import Run
from include.firstday.lake.words import counted
from include.firstday.models import registry
from include.firstday.scoring import held_back, score_users
from include.firstday.scoring.score_users import Scored
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

TASK = "micro_batch"


@dataclass(frozen=True)
class Done:
    """What a stage has done, in how many seconds; of publish_predictions the number of users."""

    stage: str
    result: MicroBatch | Updated | Scored | int
    seconds: float


OnDone = Callable[[Done], None]
OnBatch = Callable[[MicroBatch], None]


def describe(done: Done) -> str:
    """Describe the result in one line."""
    match done.result:
        case MicroBatch():
            return store_events.describe(done.result)
        case Updated():
            return update_features.describe(done.result)
        case Scored():
            return score_users.describe(done.result)
        case users:
            return f"{counted(users, 'user')} published"


def process(use_case: UseCase, run: Run, on_done: OnDone, seconds: float = math.inf, with_scores: bool = True) -> None:
    """Store what waits in landing, and bring every stage up to it; `on_done` is called after each step's commit.

    After `seconds` no further micro-batch is started, so that later stages can run; the next run continues. Raises
    NoChampionError, after the other stages, where there are users to score and the registry holds no champion.
    """
    reached = _store(use_case, run, on_done, seconds, with_scores)
    begun = time.perf_counter()
    if update_features.STAGE not in reached:
        for updated in update_features.update_features(use_case, replace(run, task=update_features.STAGE)):
            begun = _tell(on_done, update_features.STAGE, updated, begun)
    if not with_scores:
        return
    if score_users.STAGE not in reached:
        scored = score_users.score_users(use_case, replace(run, task=score_users.STAGE))
        if scored is not None:
            begun = _tell(on_done, score_users.STAGE, scored, begun)
    published = publish_predictions.publish_predictions(use_case, replace(run, task=publish_predictions.STAGE))
    if published is not None:
        _tell(on_done, publish_predictions.STAGE, published, begun)


def _tell(on_done: OnDone, stage: str, result: MicroBatch | Updated | Scored | int, begun: float) -> float:
    """Tell of a result, reached now; the time."""
    now = time.perf_counter()
    on_done(Done(stage, result, now - begun))
    return now


def _store(use_case: UseCase, run: Run, on_done: OnDone, seconds: float, with_scores: bool) -> frozenset[str]:
    """Store micro-batches, with the other stages where that can be; which of these have reached the last one."""
    together = _Together(use_case, run, on_done, with_scores)
    storing = replace(run, task=store_events.STAGE)
    try:
        _store_all(use_case, storing, together.committed, seconds, together)
    except Exception:
        if not together.has_failed:
            raise
        log.warning("a later stage has failed; the events are stored without it", exc_info=True)
        together.reached = frozenset()
        _store_all(use_case, storing, together.committed, seconds)
    return together.reached


def _store_all(
    use_case: UseCase, run: Run, on_batch: OnBatch, seconds: float, within: store_events.Within | None = None
) -> None:
    """Store held rows whose time has come, then files."""
    ends = time.monotonic() + seconds
    replay_rejected.store_due(use_case, run, on_batch, seconds, within)
    store_events.store_events(use_case, run, on_batch, ends - time.monotonic(), within)


class _Together:
    """Update features and score users within the transaction that stores a micro-batch."""

    def __init__(self, use_case: UseCase, run: Run, on_done: OnDone, with_scores: bool) -> None:
        self._use_case, self._run, self._on_done, self._with_scores = use_case, run, on_done, with_scores
        self._done: list[Done] = []
        self._begun = time.perf_counter()
        self.reached: frozenset[str] = frozenset()  # stages of which the last micro-batch is committed
        self.has_failed = False

    def __call__(self, lake: Lake, batch: MicroBatch, ingested_at: datetime, commit: Commit) -> None:
        """Do it, where the other stages stand at the micro-batch before; note each in the commit."""
        self._done = []
        try:
            self._work(lake, batch, ingested_at)
        except (CheckpointConflictError, ConflictError):
            raise  # the whole micro-batch is tried again
        except Exception:
            self.has_failed = True
            raise
        if self._done:
            stored = {"task": store_events.STAGE, "message": commit.message}
            others = [
                {"task": done.stage, "message": describe(done), "seconds": round(done.seconds, 3)}
                for done in self._done
            ]
            commit.about = {"task": TASK, "stages": [stored, *others]}
            commit.message = "; ".join([commit.message, *map(describe, self._done)])

    def committed(self, batch: MicroBatch) -> None:
        """Tell of the micro-batch and of what was done with it."""
        done, self._done = self._done, []
        self.reached = frozenset(each.stage for each in done)
        self._begun += sum(each.seconds for each in done)
        self._begun = _tell(self._on_done, store_events.STAGE, batch, self._begun)
        for each in done:
            self._on_done(each)

    def _work(self, lake: Lake, batch: MicroBatch, ingested_at: datetime) -> None:
        if batch.batch_id is None:
            return
        begun = time.perf_counter()
        updated = update_features.update_within(lake, self._use_case, batch.batch_id, ingested_at)
        if updated is None:
            return
        begun = _tell(self._done.append, update_features.STAGE, updated, begun)
        champion = self._champion(lake) if self._with_scores else None
        if champion is None:
            return
        scored = score_users.score_within(lake, self._use_case, self._run, champion, batch.batch_id)
        if scored is not None:
            _tell(self._done.append, score_users.STAGE, scored, begun)

    def _champion(self, lake: Lake) -> registry.Champion | None:
        """The champion; None where there is none, it cannot be had or must not act: the stage by itself says why."""
        if held_back.is_open(lake, self._use_case):
            return None
        try:
            return registry.champion(self._use_case)
        except Exception:
            log.warning("the champion cannot be loaded; the events are stored without scores", exc_info=True)
            return None
