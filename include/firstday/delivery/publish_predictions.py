"""Publication: users with the predicted outcome, as files for other systems.

`<home>/published/<use case>/<day of scoring>/predictions-<batch_id>.ndjson`, one file per scored micro-batch, written
before the checkpoint is committed: at least once, and a repeat replaces the file by one with the same bytes, or without
users whose risk has ended meanwhile.
`maintain_lake` deletes it after `FIRSTDAY_ARTIFACT_DAYS`.
"""

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path

from include.firstday import landing
from include.firstday.delivery.targets import message
from include.firstday.lake import checkpoints
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.lake.words import batch_range, counted
from include.firstday.privacy import tombstones
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "publish_predictions"
PATTERN = "predictions-*.ndjson"


def folder(use_case: UseCase) -> Path:
    """Return the folder of one use case's files."""
    return settings().published / use_case.name


@retrying
def publish_predictions(use_case: UseCase, run: Run | None = None) -> int | None:
    """Publish every scored micro-batch that is pending; return the number of users, None if none was pending."""
    with open_lake(use_case, run or Run(task=STAGE)) as lake:
        after, upto = checkpoints.of(lake, STAGE), checkpoints.of(lake, "score_users")
        if upto <= after:
            return None
        scored = lake.rows("delivery/publish_predictions/scored_batches", after=after, upto=upto)
        published = sum(_write(lake, use_case, row["batch_id"], row["scored_at"]) for row in scored)
        with lake.transaction() as commit:
            checkpoints.advance(lake, STAGE, after, upto)
            told = f"{counted(published, 'user')} with predicted {use_case.outcome.name} published"
            commit.message = f"{batch_range(after + 1, upto)}: {told}"
    log.info("%s", commit.message)
    return published


def _write(lake: Lake, use_case: UseCase, batch_id: int, scored_at: datetime) -> int:
    """Write a micro-batch's file, some rows at a time: after the load of a history they are all users'."""
    _, pieces = lake.read("delivery/publish_predictions/new_predictions", batch_id=batch_id)
    rows = chain.from_iterable(piece.to_pylist() for piece in pieces)
    if (first := next(rows, None)) is None:
        return 0
    count = 0

    def write(path: Path) -> None:
        nonlocal count
        with path.open("w", encoding="utf-8") as file:
            for row in chain([first], rows):
                file.write(json.dumps(message(row)) + "\n")
                count += 1

    target = folder(use_case) / f"{scored_at:%Y-%m-%d}" / f"predictions-{batch_id:09}.ndjson"
    landing.put(target, write)
    return count - tombstones.scrub_written(lake, target, _users_in(target))


def _users_in(path: Path) -> Iterator[str]:
    """The users of a file, which is read where any user has been erased."""
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line)["user_id"] for line in lines)
