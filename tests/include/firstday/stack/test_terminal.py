"""Progress of `make run`: one line that is written again on a terminal, lines of their own in a file."""

import os
import pty
import subprocess
import sys

from include.firstday.settings import REPOSITORY

PROGRAM = """
from include.firstday.stack.terminal import detail, progress, say
detail("first"); progress("second " + "x" * 500); say("third")
"""


def test_on_a_terminal_progress_is_one_line_that_fits() -> None:
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=REPOSITORY, stdout=follower, check=True)
    os.close(follower)
    first, second, third = os.read(leader, 10_000).decode().split("\r\x1b[K")[1:]
    assert first == "first"
    assert second == ("second " + "x" * 500)[: len(second)]
    assert 70 < len(second) < 507
    assert third == "third\r\n"


def test_in_a_file_each_step_is_a_line_without_details() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().splitlines() == ["second " + "x" * 500, "third"]
