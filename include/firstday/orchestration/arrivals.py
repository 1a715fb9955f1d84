"""Tells Airflow that files are waiting in a landing folder; run by Airflow's triggerer."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from include.firstday import landing

POLL_SECONDS = 0.25
AGAIN_SECONDS = 60.0  # a run takes what waits within seconds: what waits for longer may have been told to nobody
QUIET_SECONDS = 600.0  # without any files, users fall silent and are scored again
GENERATED = re.compile(r"events-\d{8}T\d{4}")  # how the generator names files; its task starts a run by itself
GENERATED_SECONDS = 10.0  # in which that run begins; without it, the trigger reports these files as it does others


class FilesArrived(BaseEventTrigger):
    """Fires when a file arrives, and each minute while any waits, as an event may be lost or a run fail.

    Where none arrives it fires every ten minutes, for users who have fallen silent. The generator's own files start a
    run by themselves; this trigger would start a second one, without work, so they have some seconds.
    """

    def __init__(self, use_case: str, enrichment: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.use_case, self.enrichment = use_case, enrichment

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, as Airflow's database keeps them."""
        arguments = {"use_case": self.use_case, "enrichment": self.enrichment}
        return f"{__name__}.{type(self).__name__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event, with the number of files that wait, whenever a run is needed; never ends."""
        told: set[tuple[int, int]] = set()
        told_at = time.monotonic()
        while True:
            waiting, is_generated = await asyncio.to_thread(self._waiting)
            patience = AGAIN_SECONDS if waiting else QUIET_SECONDS
            if waiting - told or time.monotonic() - told_at >= patience:
                told_at = time.monotonic()
                yield TriggerEvent({"files": len(waiting)})  # type: ignore[no-untyped-call]
            elif is_generated and not waiting:
                told_at = time.monotonic()  # nobody is silent for want of a run
            told = waiting
            await asyncio.sleep(POLL_SECONDS)

    def _waiting(self) -> tuple[set[tuple[int, int]], bool]:
        """The files to be reported, and whether the generator has just written others.

        Each by its inode and status change time: one replaced by another is a new one.
        """
        found = landing.pending(self.use_case, tuple(self.enrichment))
        latest = time.time_ns() - GENERATED_SECONDS * 10**9
        own = {file for file in found if file.arrived_at_ns > latest and GENERATED.match(file.name)}
        return {(file.inode, file.changed_ns) for file in found if file not in own}, bool(own)
