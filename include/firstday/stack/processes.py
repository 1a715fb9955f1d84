"""Process trees: the end of a parent ends its children, and no started process outlives the stack.

Linux signals a child when its parent ends and re-parents orphans to a chosen ancestor; elsewhere both are no-ops.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable

import psutil  # type: ignore[import-untyped]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(number: signal.Signals) -> None:
    """Let the kernel send this process a signal when its parent ends in any way. Survives exec."""
    _prctl(_PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none is lost."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants() -> list[psutil.Process]:
    """Return every process below this one."""
    return list(psutil.Process().children(recursive=True))


def orphans(known: Iterable[int]) -> list[psutil.Process]:
    """Return direct children that are not in `known`: descendants whose parent ended before them."""
    started = set(known)
    return [child for child in psutil.Process().children() if child.pid not in started]


def end(processes: Iterable[psutil.Process], patience: float = 0.0) -> None:
    """End these processes: SIGTERM, then SIGKILL after `patience` seconds. Without patience, SIGKILL at once."""
    left = list(processes)
    if patience:
        _signal(left, signal.SIGTERM)
        _, left = psutil.wait_procs(left, timeout=patience)
    _signal(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)


def end_descendants(patience: float) -> None:
    """End everything below this process, including processes started meanwhile."""
    end(descendants(), patience)
    deadline = time.monotonic() + 10
    while (left := descendants()) and time.monotonic() < deadline:
        end(left)


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
