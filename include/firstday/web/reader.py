"""One warm read-only connection to a use case's part of the lake, and a short memory of its answers.

Opening the lake takes longer than any question of the page, and many browsers ask the same within a second.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import TypeVar, cast

from include.firstday import lake
from include.firstday.lake import Lake
from include.firstday.prepare import open_lake
from include.firstday.use_case import UseCase, load

Answer = TypeVar("Answer")

REMEMBERED = 200  # answers at most


class Reader:
    """Asks one question at a time; each sees the newest snapshot."""

    def __init__(self, use_case: UseCase) -> None:
        self.use_case = use_case
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._lake: Lake | None = None
        self._answers: dict[object, tuple[float, object]] = {}

    def ask(self, question: Callable[[Lake], Answer], *key: object, seconds: float = 0) -> Answer:
        """The answer to a question; one asked less than `seconds` ago under the same key is given again."""
        with self._lock:
            asked_at, answer = self._answers.get(key, (0.0, None))
            if not asked_at or time.monotonic() - asked_at >= seconds:
                answer = self._ask(question)
                self._remember(key, answer, seconds)
        return cast(Answer, answer)  # the key stands for the question

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        with self._lock:
            self._close()

    def _ask(self, question: Callable[[Lake], Answer]) -> Answer:
        try:
            return question(self._open())
        except lake.Unreadable:
            # The catalog was replaced, or files went that this connection still knew: a new connection knows better.
            self._close()
            return question(self._open())

    def _open(self) -> Lake:
        if self._lake is None:
            self._lake = self._stack.enter_context(open_lake(self.use_case, read_only=True))
        return self._lake

    def _close(self) -> None:
        self._stack.close()
        self._lake = None

    def _remember(self, key: object, answer: object, seconds: float) -> None:
        if not seconds:
            return
        if len(self._answers) >= REMEMBERED:
            self._answers.clear()
        self._answers[key] = (time.monotonic(), answer)


@cache
def reader(name: str) -> Reader:
    """This process's reader of the use case of that name. Raises UseCaseError where there is none."""
    return Reader(load(name))
