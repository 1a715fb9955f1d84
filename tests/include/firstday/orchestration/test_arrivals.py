"""Files in a real landing folder, and what the trigger says of them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from include.firstday import landing
from include.firstday.generator import generate_events
from include.firstday.orchestration import arrivals
from include.firstday.use_case.use_case import UseCase

SOON = 10.0  # seconds in which a thread reads a folder, also on a busy machine
NOT_AGAIN = 3 * arrivals.POLL_SECONDS


def put(case: UseCase, name: str) -> None:
    landing.add(case.name, name, lambda path: path.write_text("{}\n"))


def watched(case: UseCase, check: Callable[[Callable[[float], Awaitable[int | None]]], Awaitable[None]]) -> None:
    """Run `check` with a function that waits so many seconds for the trigger's next event: files, or None."""

    async def watch() -> None:
        events = arrivals.FilesArrived(case.name, sorted(case.enrichment)).run()
        task = None

        async def told(seconds: float) -> int | None:
            nonlocal task
            task = task or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait([task], timeout=seconds)
            if not done:
                return None
            event, task = task.result(), None
            return int(event.payload["files"])

        await check(told)
        if task:
            task.cancel()

    asyncio.run(watch())


def test_each_arrival_is_told_once(churn: UseCase) -> None:
    async def check(told: Callable[[float], Awaitable[int | None]]) -> None:
        assert await told(NOT_AGAIN) is None
        put(churn, "a.ndjson")
        assert await told(SOON) == 1
        assert await told(NOT_AGAIN) is None
        (landing.folder(churn.name) / "a.ndjson").unlink()
        put(churn, "b.ndjson")
        assert await told(SOON) == 1

    watched(churn, check)


def test_a_file_that_is_still_being_written_is_not_told(churn: UseCase) -> None:
    async def check(told: Callable[[float], Awaitable[int | None]]) -> None:
        folder = landing.folder(churn.name)
        folder.mkdir(parents=True)
        (folder / f".a.ndjson{landing.PARTIAL}").write_text("{")
        assert await told(NOT_AGAIN) is None

    watched(churn, check)


def test_what_still_waits_is_told_again(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "AGAIN_SECONDS", 1.0)
    put(churn, "a.ndjson")

    async def check(told: Callable[[float], Awaitable[int | None]]) -> None:
        assert [await told(SOON) for _ in range(3)] == [1, 1, 1]

    watched(churn, check)


def test_a_file_of_the_generator_is_told_where_its_task_has_started_no_run(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    async def check(told: Callable[[float], Awaitable[int | None]]) -> None:
        assert generate_events.generate_minutes(churn, noon, noon + timedelta(minutes=1)).files == 1
        assert await told(NOT_AGAIN) is None
        monkeypatch.setattr(arrivals, "GENERATED_SECONDS", 0.0)
        assert await told(SOON) == 1

    watched(churn, check)


def test_an_enrichment_file_is_told_too(churn: UseCase) -> None:
    (table, *_) = churn.enrichment
    landing.add(churn.name, "new.csv", lambda path: path.write_text("a\n"), table=table)

    async def check(told: Callable[[float], Awaitable[int | None]]) -> None:
        assert await told(SOON) == 1

    watched(churn, check)


def test_where_nothing_arrives_a_run_is_asked_for_now_and_then(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "QUIET_SECONDS", 1.0)

    async def check(told: Callable[[float], Awaitable[int | None]]) -> None:
        assert [await told(SOON) for _ in range(2)] == [0, 0]

    watched(churn, check)


def test_no_run_is_asked_for_while_the_generator_starts_them(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "QUIET_SECONDS", 3.0)
    noon = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    async def check(told: Callable[[float], Awaitable[int | None]]) -> None:
        assert generate_events.generate_minutes(churn, noon, noon + timedelta(minutes=1)).files == 1
        assert await told(6.0) is None  # as long as its file is new, and is not left to this trigger
        (file,) = landing.pending(churn.name)
        file.path.unlink()
        assert await told(SOON) == 0

    watched(churn, check)
