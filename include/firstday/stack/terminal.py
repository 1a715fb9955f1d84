"""Output of `make run`: plain lines, unbuffered."""

import os


def say(line: str) -> None:
    """Print one line. A single write, so that lines of two processes never mix; a closed terminal is not an error."""
    try:
        os.write(1, f"{line}\n".encode())
    except OSError:
        return
