"""The state line: whether the pipeline is healthy, degraded, behind or stalled, with the reasons and the remedy."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from include.firstday.web.auth import Schedule

Level = Literal["healthy", "degraded", "empty", "behind", "stalled"]

BEHIND_AFTER = timedelta(minutes=2)  # two schedule intervals: one run may just have been missed
STALLED_AFTER = timedelta(minutes=5)
BEHIND_BATCHES = 2


@dataclass(frozen=True)
class Work:
    """Pending work: files in landing, and micro-batches that a stage has not processed. Times are naive UTC.

    `stage_behind` is the stage that is furthest behind, by `behind` micro-batches.
    """

    events: int
    pending_files: int
    oldest_pending_at: datetime | None
    stage_behind: str | None
    behind: int
    last_commit_at: datetime | None
    has_champion: bool
    problems: tuple[str, ...] = ()  # sentences: what is not well though all is processed


@dataclass(frozen=True)
class State:
    """A level and its reasons."""

    level: Level
    reasons: tuple[str, ...]


def state(work: Work, schedule: Schedule | None, now: datetime) -> State:
    """Return the state of the pipeline at a time."""
    causes = (*_causes(work, schedule), *work.problems)
    waiting = tuple(_waiting(work, now))
    if work.events == 0 and not waiting:
        return State("empty", ("No events yet: unpause generate_events, or post events to the API.", *causes))
    if schedule and schedule.is_paused:
        return State("stalled", (*causes, *waiting))
    if not waiting:
        return State("degraded" if causes else "healthy", causes or ("All events are processed.",))
    idle = now - (work.last_commit_at or now)
    waited = now - work.oldest_pending_at if work.oldest_pending_at else idle
    if min(idle, waited) >= STALLED_AFTER:
        return State("stalled", (*waiting, *(causes or _unknown(idle))))
    if waited >= BEHIND_AFTER or work.behind > BEHIND_BATCHES:
        return State("behind", (*waiting, *causes))
    return State("degraded" if causes else "healthy", causes or ("New events are being processed.",))


def _waiting(work: Work, now: datetime) -> Iterator[str]:
    if work.pending_files:
        age = f", the oldest for {_words(now - work.oldest_pending_at)}" if work.oldest_pending_at else ""
        files = "1 file is" if work.pending_files == 1 else f"{work.pending_files:,} files are"
        yield f"{files} pending in landing{age}."
    if work.stage_behind:
        batches = "1 micro-batch" if work.behind == 1 else f"{work.behind:,} micro-batches"
        yield f"{work.stage_behind} is {batches} behind."


def _causes(work: Work, schedule: Schedule | None) -> Iterator[str]:
    if schedule is None:
        yield "process_events is not in Airflow: check its Dag import errors."
    elif schedule.is_paused:
        yield "process_events is paused: unpause it in Airflow."
    elif schedule.last_state == "failed":
        yield "The last run of process_events failed: check its log."
    if not work.has_champion:
        yield "No champion, so no users are scored: trigger train_model."


def _unknown(age: timedelta) -> tuple[str]:
    return (f"No commit for {_words(age)}: check that Airflow's scheduler is running.",)


def _words(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"
