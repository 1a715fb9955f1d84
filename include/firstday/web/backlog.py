"""Back-pressure: posts are refused while the backlog in landing is above its limit."""

from include.firstday import landing
from include.firstday.errors import BacklogError
from include.firstday.settings import settings
from include.firstday.web.cache import Memory

RETRY_SECONDS = 30
FRESH = 0.5  # seconds for which the size of landing is cached

_MEMORY = Memory()


def check(use_case: str) -> None:
    """Check the size of pending files in landing. Raises BacklogError above FIRSTDAY_BACKLOG_MEGABYTES."""
    waiting = _MEMORY.get(lambda: landing.waiting_bytes(use_case), use_case, FRESH)
    limit = settings().backlog_megabytes * 10**6
    if waiting > limit:
        raise BacklogError(f"{waiting:,} bytes pending in landing, above the limit of {limit:,}; retry later")
