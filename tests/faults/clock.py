"""A clock that jumps while processes work, where libfaketime is installed (Debian: apt-get install faketime)."""

import os
import random
import threading
import time
from pathlib import Path

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1")
FILE = "FAKETIME_TIMESTAMP_FILE"
SECONDS = 1200  # a jump forth or back, within the hour for which each snapshot is kept


class Clock:
    """The wall clock of processes that are started from now on; its offset is in a file that each of them reads."""

    def __init__(self, folder: Path, is_wanted: bool = True) -> None:
        self._file, self._library = folder / "clock", _library() if is_wanted else None
        self.jumps = 0
        if self._library:
            self._set(0)
            # The time that has passed is not faked: only the clock on the wall jumps.
            os.environ |= {FILE: str(self._file), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            os.environ |= {"LD_PRELOAD": self._library, "NO_FAKE_STAT": "1"}

    @property
    def is_faked(self) -> bool:
        """Whether it can jump."""
        return self._library is not None

    def jump(self, rng: random.Random) -> None:
        """Set the clock forth or back."""
        if self.is_faked:
            self._set(rng.randint(-SECONDS, SECONDS))
            self.jumps += 1

    def _set(self, seconds: int) -> None:
        partial = self._file.with_suffix(".new")
        partial.write_text(f"{seconds:+}s\n")
        partial.rename(self._file)


def sleep_by_events() -> None:
    """In a process with a faked clock: libfaketime 0.9.10 fails Python's own sleep with EINVAL."""
    if FILE in os.environ:
        time.sleep = lambda seconds: threading.Event().wait(seconds) and None  # type: ignore[assignment]


def _library() -> str | None:
    return next((str(path) for pattern in LIBRARIES for path in Path("/").glob(pattern[1:])), None)
