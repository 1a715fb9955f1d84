"""A Kafka topic: all its partitions, from the group's committed offsets on.

Partitions are assigned, not subscribed to: a run of seconds would spend them on joining the group.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from include.firstday.errors import SourceError
from include.firstday.ingest.sources import Batch, ConsumeResult, Message, queues
from include.firstday.servers import TIMEOUT, Credentials, kafka
from include.firstday.use_case.connectors import KafkaSource
from include.firstday.use_case.use_case import UseCase

PIECE = 1_000  # records of one call


def consume(use_case: UseCase, name: str, source: KafkaSource, credentials: Credentials, until: float) -> ConsumeResult:
    """Bring the topic's new records into landing; the group is `firstday.<use case>.<source>`. Raises SourceError."""
    try:
        with _opened(source.topic, credentials, f"firstday.{use_case.name}.{name}") as log:
            return queues.consume(use_case.name, name, log, until)
    except KafkaException as error:
        raise SourceError(kafka.said(error.args[0])) from None


@contextmanager
def _opened(topic: str, credentials: Credentials, group: str) -> Iterator["_Log"]:
    consumer = Consumer(
        kafka.configuration(
            credentials,
            **{
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            },
        )
    )
    try:
        yield _Log(consumer, topic)
    finally:
        consumer.close()


class _Log:
    """The partitions of a topic, and how far each has been taken."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._next: dict[int, int] = {}  # offsets to commit, by partition
        self._at_end: set[int] = set()
        known = consumer.list_topics(topic, timeout=TIMEOUT).topics[topic]
        if known.error is not None:
            raise SourceError(f"topic {topic}: {known.error.str()}")
        self._partitions = set(known.partitions)
        committed = consumer.committed([TopicPartition(topic, number) for number in known.partitions], timeout=TIMEOUT)
        for partition in committed:
            if partition.error is not None:
                raise SourceError(kafka.said(partition.error))
            if partition.offset < 0:  # never committed
                partition.offset = OFFSET_BEGINNING
        consumer.assign(committed)

    def poll(self) -> Batch:
        """The next records, up to each partition's end."""
        taken = Batch()
        patience = time.monotonic() + TIMEOUT
        while not taken.is_full:
            is_at_end = self._at_end == self._partitions
            records = self._consumer.consume(PIECE, timeout=0.0 if is_at_end else 0.5)
            for record in records:
                self._poll_record(record, taken)
            if records:
                patience = time.monotonic() + TIMEOUT
            elif is_at_end:
                break
            elif time.monotonic() > patience:
                raise SourceError(f"topic {self._topic}: no answer for {TIMEOUT:g} s")
        return taken

    def commit(self) -> None:
        """Commit the offsets, and wait for the brokers' response."""
        offsets = [TopicPartition(self._topic, number, offset) for number, offset in self._next.items()]
        for partition in self._consumer.commit(offsets=offsets, asynchronous=False) or []:
            if partition.error is not None:
                raise SourceError(kafka.said(partition.error))
        self._next.clear()

    def _poll_record(self, record: Record, taken: Batch) -> None:
        error, number, offset = record.error(), record.partition(), record.offset()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            self._at_end.add(number or 0)
        elif error is not None:
            raise SourceError(kafka.said(error))
        elif number is not None and offset is not None:
            self._at_end.discard(number)
            self._next[number] = offset + 1
            # With its time, as a topic that was created again counts its offsets from 0.
            taken.add(Message(f"{number}:{offset}:{record.timestamp()[1]}", record.value()))
