"""Output of `make run`: plain lines, unbuffered; on a terminal, progress is one line that is written again."""

import os
import shutil

_CLEAR = "\r\033[K"  # the line so far


def say(line: str) -> None:
    """Print one line. A single write, so that lines of two processes never mix; a closed terminal is not an error."""
    _write(f"{_CLEAR if os.isatty(1) else ''}{line}\n")


def progress(line: str) -> None:
    """Print a line that the next one replaces on a terminal; elsewhere, one line each."""
    if not os.isatty(1):
        return say(line)
    _write(f"{_CLEAR}{line[: shutil.get_terminal_size().columns - 1]}")


def detail(line: str) -> None:
    """Print a line of progress on a terminal only: a log needs the steps, not how far each is."""
    if os.isatty(1):
        progress(line)


def _write(text: str) -> None:
    try:
        os.write(1, text.encode())
    except OSError:
        return
