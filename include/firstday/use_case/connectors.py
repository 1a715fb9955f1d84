"""Targets that predictions are delivered to, and sources that events are read from."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from include.firstday.use_case.base import Frozen, Identifier, NonEmptyStr, Share


class DeliveryRule(Frozen):
    """Which predictions a target is told of: whose probability is high, and of a user again only what is news.

    `probability_from`: at least that; without it, who is about to churn. `changed_by`: again when the probability has
    changed by so much since it was last told. `once`: never again.
    """

    probability_from: Share | None = None
    changed_by: Share = 0.0
    once: bool = False


class HttpTarget(Frozen):
    """An HTTP endpoint that takes JSON by POST. The connection's password signs it."""

    kind: Literal["http"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^@\s]+$")]
    connection: str = ""
    rows_at_once: int = Field(100, ge=1, le=10_000)
    when: DeliveryRule = DeliveryRule()


class FilesTarget(Frozen):
    """A folder of files, one a micro-batch: below `<home>/published/<use case>/`, elsewhere, or `s3://bucket/prefix`."""

    kind: Literal["files"]
    folder: str
    format: Literal["parquet", "csv", "ndjson"] = "parquet"
    connection: str = ""
    when: DeliveryRule = DeliveryRule()


class PostgresTarget(Frozen):
    """A table of the PostgreSQL database that the connection names, with one row per user."""

    kind: Literal["postgres"]
    connection: str
    table: Identifier
    when: DeliveryRule = DeliveryRule()


class KafkaTarget(Frozen):
    """A topic that exists, or that the brokers make."""

    kind: Literal["kafka"]
    connection: NonEmptyStr
    topic: NonEmptyStr
    when: DeliveryRule = DeliveryRule()


class RedisTarget(Frozen):
    """A stream of about the newest `max_length` entries."""

    kind: Literal["redis"]
    connection: NonEmptyStr
    stream: NonEmptyStr
    max_length: int = Field(1_000_000, ge=1)
    when: DeliveryRule = DeliveryRule()


class RabbitmqTarget(Frozen):
    """An exchange that exists; without its name, the queue that the routing key names."""

    kind: Literal["rabbitmq"]
    connection: NonEmptyStr
    exchange: str = ""
    routing_key: NonEmptyStr
    when: DeliveryRule = DeliveryRule()


Target = HttpTarget | FilesTarget | PostgresTarget | KafkaTarget | RedisTarget | RabbitmqTarget


class KafkaSource(Frozen):
    """A topic; each of its records is an event, as a JSON object."""

    kind: Literal["kafka"]
    connection: NonEmptyStr
    topic: NonEmptyStr


class RedisSource(Frozen):
    """A stream; each of its entries is an event: its fields, or a JSON object in one of them."""

    kind: Literal["redis"]
    connection: NonEmptyStr
    stream: NonEmptyStr
    field: str = ""


class RabbitmqSource(Frozen):
    """A queue that exists; each of its messages is an event, as a JSON object."""

    kind: Literal["rabbitmq"]
    connection: NonEmptyStr
    queue: NonEmptyStr


class S3Source(Frozen):
    """Files below a prefix of a bucket, as landing would take them."""

    kind: Literal["s3"]
    bucket: NonEmptyStr
    prefix: str = ""
    connection: str = ""


SourceConfig = KafkaSource | RedisSource | RabbitmqSource | S3Source
