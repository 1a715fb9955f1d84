"""A Kafka topic: one record per prediction, with the user as key, so that a user's records stay in order."""

import json
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from include.firstday.delivery.targets import Row, message
from include.firstday.errors import DeliveryError
from include.firstday.servers import TIMEOUT, Credentials, kafka
from include.firstday.use_case.connectors import KafkaTarget
from include.firstday.use_case.use_case import UseCase


def send(use_case: UseCase, target: KafkaTarget, credentials: Credentials, rows: Sequence[Row]) -> None:
    """Send the rows in order; the broker removes librdkafka's duplicates. Raises DeliveryError."""
    failures: list[KafkaError] = []

    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    ours = {"enable.idempotence": True, "message.timeout.ms": int(TIMEOUT * 1000)}
    try:
        producer = Producer(kafka.configuration(credentials, **ours))
        for row in rows:
            body = json.dumps(message(row)).encode()
            while True:
                try:
                    producer.produce(
                        target.topic, body, row["user_id"].encode(), headers={"id": row["id"]}, on_delivery=note
                    )
                    break
                except BufferError:  # until the broker has accepted some
                    producer.poll(0.1)
        waiting = producer.flush(TIMEOUT * 2)
    except KafkaException as error:
        raise DeliveryError(kafka.said(error.args[0])) from None
    if failures:
        raise DeliveryError(kafka.said(failures[0]))
    if waiting:
        raise DeliveryError(f"Kafka accepted {len(rows) - waiting:,} of {len(rows):,} records in {TIMEOUT * 2:g} s")
