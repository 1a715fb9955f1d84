"""Publication: users with the predicted outcome, as files for other systems.

`<home>/published/<use case>/<day of scoring>/predictions-<batch_id>.ndjson`, one file per scored micro-batch, written
before the checkpoint is committed: at least once, and a repeat replaces the file by one with the same bytes, or without
users whose risk has ended meanwhile.
`maintain_lake` deletes it after `FIRSTDAY_ARTIFACT_DAYS`.
"""

import json
import logging
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
        published = sum(_write(lake, use_case, row["batch_id"]) for row in scored)
        with lake.transaction() as commit:
            checkpoints.advance(lake, STAGE, after, upto)
            told = f"{counted(published, 'user')} with predicted {use_case.outcome.name} published"
            commit.message = f"{batch_range(after + 1, upto)}: {told}"
    log.info("%s", commit.message)
    return published


def _write(lake: Lake, use_case: UseCase, batch_id: int) -> int:
    rows = lake.rows("delivery/publish_predictions/new_predictions", batch_id=batch_id)
    if not rows:
        return 0
    day = min(row["scored_at"] for row in rows).date()
    target = folder(use_case) / f"{day:%Y-%m-%d}" / f"predictions-{batch_id:09}.ndjson"
    lines = (json.dumps(message(row)) + "\n" for row in rows)
    landing.put(target, lambda path: path.write_text("".join(lines), encoding="utf-8"))
    return len(rows) - tombstones.scrub_written(lake, target, [row["user_id"] for row in rows])
