"""What Airflow calls when a run of process_events missed its deadline: says as a warning how the pipeline stands."""

import logging

from include.firstday.operations import status
from include.firstday.use_case.use_case import load

log = logging.getLogger(__name__)


def warn(use_case: str) -> None:
    """Log that a run is late, and how far each stage is."""
    case = load(use_case)
    now = status.summary(case)
    behind = ", ".join(f"{row['stage']} {row['behind']}" for row in status.stages(case) if row["behind"])
    log.warning(
        "a run of %s.process_events is late: %s files are pending in landing; micro-batches behind: %s",
        use_case,
        f"{now.pending_files:,}",
        behind or "none",
    )
