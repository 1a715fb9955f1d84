"""A Redis stream: one entry per prediction, with its `id`, `user_id` and the JSON in `prediction`."""

import json
from collections.abc import Sequence

from redis import RedisError

from include.firstday.delivery.targets import Row, message
from include.firstday.errors import DeliveryError
from include.firstday.servers import Credentials, first_line, redis
from include.firstday.use_case.connectors import RedisTarget
from include.firstday.use_case.use_case import UseCase


def send(use_case: UseCase, target: RedisTarget, credentials: Credentials, rows: Sequence[Row]) -> None:
    """Append the rows in order, atomically. Raises DeliveryError."""
    try:
        with redis.connect(credentials) as client, client.pipeline(transaction=True) as entries:
            for row in rows:
                fields = {"id": row["id"], "user_id": row["user_id"], "prediction": json.dumps(message(row))}
                entries.xadd(target.stream, fields, maxlen=target.max_length, approximate=True)
            entries.execute()
    except RedisError as error:
        raise DeliveryError(f"Redis error: {first_line(error)}") from None
