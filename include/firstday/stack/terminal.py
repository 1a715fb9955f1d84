"""What the user of `make run` sees: plain lines, at once."""

import os


def say(line: str) -> None:
    """Print one line. A single write, so that lines of two processes never mix; a closed terminal is no error."""
    try:
        os.write(1, f"{line}\n".encode())
    except OSError:
        return
