"""A RabbitMQ exchange: one persistent message per prediction, with the prediction's id as `message_id`."""

import json
from collections.abc import Sequence

import amqp

from include.firstday.delivery.targets import Row, message
from include.firstday.errors import DeliveryError
from include.firstday.servers import TIMEOUT, Credentials, first_line, rabbitmq
from include.firstday.use_case.connectors import RabbitmqTarget
from include.firstday.use_case.use_case import UseCase

PERSISTENT = 2


def send(use_case: UseCase, target: RabbitmqTarget, credentials: Credentials, rows: Sequence[Row]) -> None:
    """Publish the rows in order, each after the previous one is confirmed. Raises DeliveryError."""
    unroutable: list[str] = []
    try:
        with rabbitmq.connect(credentials) as connection:
            channel = connection.channel()
            channel.events["basic_return"].add(lambda *returned: unroutable.append(first_line(returned[0])))
            for row in rows:
                told = amqp.Message(
                    json.dumps(message(row)),
                    content_type="application/json",
                    delivery_mode=PERSISTENT,
                    message_id=row["id"],
                )
                channel.basic_publish(
                    told, target.exchange, target.routing_key, mandatory=True, timeout=TIMEOUT, confirm_timeout=TIMEOUT
                )
    except rabbitmq.FAILURES as error:
        raise DeliveryError(f"RabbitMQ error: {first_line(error)}") from None
    if unroutable:
        raise DeliveryError(
            f"RabbitMQ returned {unroutable[0]}: no queue is bound to the routing key {target.routing_key!r}"
        )
