"""A RabbitMQ queue: messages are acknowledged together, when their file is durable.

RabbitMQ numbers no messages. It marks redelivered ones; among those, a message is recognised by
its bytes and its own properties.
"""

import hashlib
import time
from typing import Any

import amqp

from include.firstday.errors import SourceError
from include.firstday.ingest.sources import Batch, ConsumeResult, Message, queues
from include.firstday.servers import Credentials, first_line, rabbitmq
from include.firstday.use_case.connectors import RabbitmqSource
from include.firstday.use_case.use_case import UseCase

UNACKNOWLEDGED = 5_000  # messages that the server sends ahead: a round has no more
IDLE_SECONDS = 0.3  # without a message, the queue counts as consumed


def consume(
    use_case: UseCase, name: str, source: RabbitmqSource, credentials: Credentials, until: float
) -> ConsumeResult:
    """Bring the queue's messages into landing. Raises SourceError."""
    try:
        with rabbitmq.connect(credentials) as connection:
            return queues.consume(use_case.name, name, _Queue(connection, source.queue), until)
    except rabbitmq.FAILURES as error:
        raise SourceError(f"RabbitMQ error: {first_line(error)}") from None


class _Queue:
    """A queue that exists, and what has come from it."""

    def __init__(self, connection: amqp.Connection, queue: str) -> None:
        self._connection = connection
        self._queue = queue
        self._came: list[Any] = []
        self._last_tag = 0
        self._channel = connection.channel()
        self._channel.auto_decode = False
        self._channel.queue_declare(queue, passive=True)
        self._channel.basic_qos(0, UNACKNOWLEDGED, False)
        self._channel.basic_consume(queue, callback=self._came.append)

    def poll(self) -> Batch:
        """The next messages."""
        taken = Batch()
        patience = time.monotonic() + IDLE_SECONDS
        while not taken.is_full and len(taken.messages) < UNACKNOWLEDGED:
            if not self._came:
                try:
                    self._connection.drain_events(timeout=max(patience - time.monotonic(), 0.001))
                except TimeoutError:
                    break
                continue
            for message in self._came:
                taken.add(_message(message))
                self._last_tag = message.delivery_tag
            self._came.clear()
            patience = time.monotonic() + IDLE_SECONDS
        return taken

    def commit(self) -> None:
        """Acknowledge all messages that were read, and wait for the server."""
        self._channel.basic_ack(self._last_tag, multiple=True)
        self._channel.queue_declare(self._queue, passive=True)  # answered after what was said before


def _message(message: Any) -> Message:
    body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    own = f"{sorted((key, str(value)) for key, value in message.properties.items())}\n".encode()
    digest = hashlib.sha256(own + body).hexdigest()
    return Message(digest, body, may_be_repeated=bool(message.delivery_info["redelivered"]))
