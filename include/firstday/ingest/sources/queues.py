"""From a queue into landing: one file per batch, durable before its messages are acknowledged."""

import hashlib
import logging
import time
from functools import partial
from pathlib import Path

from include.firstday import landing
from include.firstday.ingest.sources import Batch, ConsumeResult, Queue
from include.firstday.ingest.sources.receipts import Receipts

log = logging.getLogger(__name__)


def consume(use_case: str, name: str, queue: Queue, until: float) -> ConsumeResult:
    """Write messages into landing until the queue is empty, the monotonic clock reaches `until`, or landing is full.

    Raises SourceError where the queue fails; what was brought before stays.
    """
    receipts = Receipts(use_case, name)
    messages = files = 0
    while time.monotonic() < until and not landing.is_full(use_case) and (taken := queue.poll()):
        new = Batch(receipts.new(taken.messages))
        if new:
            file_name = _file_name(name, new)
            receipts.expect(file_name, new.messages)
            landing.deliver(use_case, file_name, partial(_write, new))
            messages, files = messages + len(new.messages), files + 1
        queue.commit()
        receipts.settle()
        if repeated := len(taken.messages) - len(new.messages):
            log.warning("%s repeated %s messages; they are not taken again", name, f"{repeated:,}")
    return ConsumeResult(messages, files)


def _file_name(name: str, taken: Batch) -> str:
    """The same for the same messages, so that a file that is written again replaces itself."""
    ids = "\n".join(message.id for message in taken.messages)
    return f"{name}-{hashlib.sha256(ids.encode()).hexdigest()[:16]}.ndjson"


def _write(taken: Batch, path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(taken.lines())
