"""A Redis stream, read by a consumer group: first what was taken and not acknowledged, then what is new."""

import json
from typing import Any

from redis import Redis, RedisError, ResponseError

from include.firstday.errors import SourceError
from include.firstday.ingest.sources import Batch, ConsumeResult, Message, queues
from include.firstday.servers import Credentials, first_line, redis
from include.firstday.use_case.connectors import RedisSource
from include.firstday.use_case.use_case import UseCase

PIECE = 1_000  # entries of one call
CONSUMER = "firstday"
NEW = ">"


def consume(use_case: UseCase, name: str, source: RedisSource, credentials: Credentials, until: float) -> ConsumeResult:
    """Bring the stream's entries into landing; the group is `firstday.<use case>.<source>`. Raises SourceError."""
    try:
        with redis.connect(credentials) as client:
            return queues.consume(
                use_case.name, name, _Stream(client, source, f"firstday.{use_case.name}.{name}"), until
            )
    except RedisError as error:
        raise SourceError(f"Redis error: {first_line(error)}") from None


class _Stream:
    """A stream as its group sees it."""

    def __init__(self, client: Redis, source: RedisSource, group: str) -> None:
        self._client = client
        self._source = source
        self._group = group
        self._after = "0"  # the last read of the unacknowledged entries
        self._taken: list[bytes] = []
        try:
            client.xgroup_create(source.stream, group, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # it is there already
                raise

    def poll(self) -> Batch:
        """The next entries."""
        taken = Batch()
        while not taken.is_full:
            entries = self._read()
            if not entries and self._after == NEW:
                break
            self._after = entries[-1][0].decode() if entries and self._after != NEW else NEW
            for id_, fields in entries:
                self._taken.append(id_)
                if fields:  # else the stream was trimmed meanwhile
                    taken.add(Message(id_.decode(), self._body(fields)))
        if not taken and self._taken:
            self.commit()
        return taken

    def commit(self) -> None:
        """Acknowledge the entries, and wait for the response."""
        for start in range(0, len(self._taken), PIECE):
            self._client.xack(self._source.stream, self._group, *self._taken[start : start + PIECE])
        self._taken.clear()

    def _read(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        found: Any = self._client.xreadgroup(self._group, CONSUMER, {self._source.stream: self._after}, count=PIECE)
        if isinstance(found, dict):
            found = [(stream, [entry for entries in lists for entry in entries]) for stream, lists in found.items()]
        return found[0][1] if found else []

    def _body(self, fields: dict[bytes, bytes]) -> bytes:
        """The entry's JSON: in the field that the YAML names, or its fields as the event's columns."""
        if (body := fields.get(self._source.field.encode())) is not None:
            return body
        text = {name.decode(errors="backslashreplace"): value.decode(errors="backslashreplace")
                for name, value in fields.items()}  # fmt: skip
        return json.dumps(text, ensure_ascii=False).encode()
