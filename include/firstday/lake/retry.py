"""Retries of a stage after a conflict with another run."""

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from include.firstday.errors import CheckpointConflictError, ConflictError

# A stage that lost a race starts again from a fresh connection: it reads the new progress and finds less, or nothing.
retrying = retry(
    retry=retry_if_exception_type((CheckpointConflictError, ConflictError)),
    stop=stop_after_attempt(10),
    wait=wait_random_exponential(multiplier=0.1, max=5),
    reraise=True,
)
