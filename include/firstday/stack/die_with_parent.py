"""Run a command that gets SIGTERM when its parent ends: `python -m include.firstday.stack.die_with_parent CMD …`.

A killed supervisor cannot stop its servers; so each server watches its supervisor.
"""

import os
import signal
import sys

from include.firstday.stack import processes


def main() -> None:
    """Set the signal, then replace the process by the command."""
    processes.die_with_parent(signal.SIGTERM)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the whole point is to become the command, without a shell


if __name__ == "__main__":
    main()
