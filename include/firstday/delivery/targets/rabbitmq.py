"""A RabbitMQ exchange: a persistent message per prediction, whose `message_id` is the prediction's id."""

import json
from collections.abc import Sequence

import amqp

from include.firstday.delivery.targets import DeliveryError, Row, message
from include.firstday.servers import TIMEOUT, Credentials, first_line, rabbitmq
from include.firstday.use_case.connectors import RabbitmqTarget
from include.firstday.use_case.use_case import UseCase

PERSISTENT = 2


def send(use_case: UseCase, target: RabbitmqTarget, credentials: Credentials, rows: Sequence[Row]) -> None:
    """Publish the rows in order, each when the server has the one before. Raises DeliveryError."""
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
        raise DeliveryError(f"RabbitMQ said {first_line(error)}") from None
    if unroutable:
        raise DeliveryError(f"RabbitMQ said {unroutable[0]}: no queue takes {target.routing_key!r}")
