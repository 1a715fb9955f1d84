"""The stage before the pipeline: what a source's server holds, into landing, a turn at a time.

Messages are acknowledged only when they are durable in landing. So a run that is killed anywhere
loses nothing, and what comes again counts once.
"""

import importlib
import time

from filelock import FileLock, Timeout

from include.firstday import landing
from include.firstday.errors import SourceBusyError, SourceError
from include.firstday.ingest.sources import ConsumeResult
from include.firstday.servers import Credentials
from include.firstday.use_case.use_case import UseCase

TURN_SECONDS = 45.0  # after which a run leaves the rest to the next


def consume_source(use_case: UseCase, name: str, credentials: Credentials | None = None) -> ConsumeResult | None:
    """Bring what is there into landing; None where nothing was.

    Raises SourceError where the server fails, and SourceBusyError while another run, perhaps an orphaned one, is at it.
    """
    source = use_case.sources[name]
    module = importlib.import_module(f"include.firstday.ingest.sources.{source.kind}")
    folder = landing.folder(use_case.name)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f".{name}.lock", timeout=0):
            consumed: ConsumeResult = module.consume(
                use_case, name, source, credentials or Credentials(), time.monotonic() + TURN_SECONDS
            )
    except Timeout:
        raise SourceBusyError(f"{name}: another run is at it") from None
    except SourceError as error:
        raise SourceError(f"{name}: {error}") from None
    return consumed if consumed.files else None
