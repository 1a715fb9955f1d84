"""Posted events to landing: several requests share one file, and each is answered once the file is durable.

One file per request would cost one fsync each, and each micro-batch would read thousands of files. So the requests of
50 ms are written together. A receipt for each Idempotency-Key is made durable before the file is published; a repeated
request finds the receipt, checks whether its file reached landing, and is written again only if it did not.
"""

import hashlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from include.firstday import landing
from include.firstday.errors import KeyReusedError
from include.firstday.settings import settings
from include.firstday.web.schemas.lake import Accepted

GATHER_SECONDS = 0.05
GATHER_BYTES = 32 * 2**20
KEPT_SECONDS = 86_400  # how long a key is stored; a consumed landing file is kept at least as long

_TABLE = """
create table if not exists receipts (
    key_sha256 text primary key, body_sha256 text not null, source_file text not null, received_at real not null
)
"""


@dataclass(frozen=True, eq=False)
class _Post:
    lines: list[bytes]
    key_sha256: str | None
    body_sha256: str
    answer: "Future[Accepted]" = field(default_factory=Future)


class Delivery:
    """Writes posted events of one use case to landing, in its own thread."""

    def __init__(self, use_case: str) -> None:
        self._use_case = use_case
        self._posts: queue.Queue[_Post] = queue.Queue()
        self._files = 0
        threading.Thread(target=self._run, name=f"delivery of {use_case}", daemon=True).start()

    def put(self, lines: list[bytes], key: str | None) -> "Future[Accepted]":
        """Queue events, one per line, and return a future that completes when they are durable.

        The future fails with KeyReusedError if the key was used with different events, with OSError if landing is not
        writable.
        """
        body = hashlib.sha256(b"\n".join(lines)).hexdigest()
        post = _Post(lines, hashlib.sha256(key.encode()).hexdigest() if key else None, body)
        self._posts.put(post)
        return post.answer

    def _run(self) -> None:
        while True:
            posts = [self._posts.get()]
            ends = time.monotonic() + GATHER_SECONDS
            gathered = 0
            while gathered < GATHER_BYTES and (left := ends - time.monotonic()) > 0:
                try:
                    posts.append(self._posts.get(timeout=left))
                    gathered += sum(map(len, posts[-1].lines))
                except queue.Empty:
                    break
            try:
                self._deliver(posts)
            except Exception as error:
                for post in posts:
                    if not post.answer.done():
                        post.answer.set_exception(error)

    def _deliver(self, posts: list[_Post]) -> None:
        self._files += 1
        name = f"posted-{time.time_ns()}-{os.getpid()}-{self._files}.ndjson"
        with _receipts(self._use_case) as receipts:
            fresh, repeats = self._sorted(posts, receipts)
            now = time.time()
            rows = [(post.key_sha256, post.body_sha256, name, now) for post in fresh if post.key_sha256]
            if rows:
                with receipts:
                    receipts.execute("delete from receipts where received_at < ?", (now - KEPT_SECONDS,))
                    receipts.executemany("insert or replace into receipts values (?, ?, ?, ?)", rows)
        if fresh:
            text = b"".join(line + b"\n" for post in fresh for line in post.lines)
            landing.deliver(self._use_case, name, lambda path: path.write_bytes(text))
        for post in (*fresh, *repeats):
            post.answer.set_result(Accepted(accepted=len(post.lines), repeated=post in repeats))

    def _sorted(self, posts: list[_Post], receipts: sqlite3.Connection) -> tuple[list[_Post], list[_Post]]:
        """Split posts into new and repeated ones; a reused key with different events fails at once."""
        fresh: dict[str, _Post] = {}
        repeats: list[_Post] = []
        for post in posts:
            key = post.key_sha256
            known = fresh[key].body_sha256 if key in fresh else self._delivered(key, receipts)
            if known is None:
                fresh[key or f"no key {id(post)}"] = post
            elif known == post.body_sha256:
                repeats.append(post)
            else:
                post.answer.set_exception(KeyReusedError("Idempotency-Key: already used with different events"))
        return list(fresh.values()), repeats

    def _delivered(self, key: str | None, receipts: sqlite3.Connection) -> str | None:
        """Return the hash of the events that reached landing with a key; None if there are none."""
        found = receipts.execute(
            "select body_sha256, source_file from receipts where key_sha256 = ? and received_at >= ?",
            (key, time.time() - KEPT_SECONDS),
        ).fetchone()
        return found[0] if found and landing.has_arrived(self._use_case, found[1]) else None


@cache
def delivery(use_case: str) -> Delivery:
    """Return this process's Delivery of a use case."""
    return Delivery(use_case)


@contextmanager
def _receipts(use_case: str) -> Iterator[sqlite3.Connection]:
    path = _path(use_case)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=30)) as receipts:
        receipts.execute("pragma journal_mode = wal")
        receipts.execute("pragma synchronous = full")  # a receipt is on disk before the request is answered
        receipts.execute(_TABLE)
        yield receipts


def _path(use_case: str) -> Path:
    return settings().posted / f"{use_case}.sqlite"
