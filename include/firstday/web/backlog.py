"""Back-pressure: what waits in landing must stay small enough to drain."""

from include.firstday import landing
from include.firstday.settings import settings
from include.firstday.web.cache import Memory

RETRY_SECONDS = 30
FRESH = 0.5  # seconds that a look into landing is remembered

_MEMORY = Memory()


class BacklogError(RuntimeError):
    """More waits in landing than is allowed."""


def check(use_case: str) -> None:
    """Raises BacklogError where more bytes wait than the settings allow."""
    waiting = _MEMORY.get(lambda: landing.waiting_bytes(use_case), use_case, FRESH)
    limit = settings().backlog_megabytes * 10**6
    if waiting > limit:
        raise BacklogError(f"{waiting:,} bytes wait in landing, above the limit of {limit:,}; try again later")
