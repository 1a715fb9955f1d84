"""Answers remembered for seconds: many browsers ask the same within a moment."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar, cast

Answer = TypeVar("Answer")

REMEMBERED = 200  # answers at most


class Memory:
    """Makes one answer at a time, and gives it again while it is young. An exception is not remembered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[object, tuple[float, object]] = {}

    def get(self, make: Callable[[], Answer], key: object, seconds: float) -> Answer:
        """The answer under a key, made anew where it is older than `seconds`."""
        with self._lock:
            made_at, answer = self._answers.get(key, (float("-inf"), None))
            if time.monotonic() - made_at >= seconds:
                answer = make()
                if len(self._answers) >= REMEMBERED:
                    self._answers.clear()
                self._answers[key] = (time.monotonic(), answer)
        return cast(Answer, answer)  # the key stands for what makes it
