"""A cache with a time to live of seconds: many browsers send the same requests within seconds."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar, cast

Answer = TypeVar("Answer")

REMEMBERED = 200  # maximum number of entries


class Memory:
    """A thread-safe cache that computes one value at a time. Exceptions are not cached."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[object, tuple[float, object]] = {}

    def get(self, make: Callable[[], Answer], key: object, seconds: float) -> Answer:
        """Return the cached value of a key, computed again if it is older than `seconds`."""
        with self._lock:
            made_at, answer = self._answers.get(key, (float("-inf"), None))
            if time.monotonic() - made_at >= seconds:
                answer = make()
                if len(self._answers) >= REMEMBERED:
                    self._answers.clear()
                self._answers[key] = (time.monotonic(), answer)
        return cast(Answer, answer)  # a key is always used with the same `make`
