"""Targets that predictions are delivered to, and sources that events are read from."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from include.firstday.use_case.base import Frozen, Identifier, NonEmptyStr, Share

ConnectionId = Annotated[NonEmptyStr, Field(description="id of an Airflow Connection", examples=["my_server"])]


class Holdout(Frozen):
    """A share of a target's due users who do not reach it, as the control group of an experiment.

    Whether a user is held out follows from user and salt. Another salt or share is another experiment. With
    `horizon_days`, the experiment's result is that of the users of its first days, and is judged once.
    """

    share: float = Field(gt=0, lt=1, description="share of users who are held out", examples=[0.2])
    salt: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,40}$")] = Field(
        description="another salt draws other users, and is another experiment", examples=["spring_2026"]
    )
    horizon_days: float | None = Field(
        None, gt=0, description="the result is that of the users of the first days, judged once", examples=[14]
    )


class Budget(Frozen):
    """The most users that reach a target on a day, UTC, and which of the due ones: the first in this order."""

    per_day: int = Field(ge=1, description="users on a day, UTC", examples=[500])
    order_by: Literal["risk", "uplift", "gain"] = Field("risk", description="which of the due users: the first by this")


class Never(Frozen):
    """Users who must not reach a target: those in an enrichment table with a column `user_id`.

    With a column `until`, up to that time; of several rows of a user the latest micro-batch's counts.
    """

    table: Identifier = Field(description="enrichment table with a column `user_id`", examples=["opted_out"])


class DeliveryRule(Frozen):
    """A target's filters: by probability, by what was delivered before, and by who may or should not be reached."""

    probability_from: Share | None = Field(
        None, description="least probability; default: the predicted outcome only", examples=[0.7]
    )
    changed_by: Share = Field(
        0.0, description="of a user again only if the probability changed by this much", examples=[0.1]
    )
    once: bool = Field(False, description="one prediction per user", examples=[True])
    holdout: Holdout | None = Field(None, description="control group of an experiment")
    budget: Budget | None = Field(None, description="the most users on a day")
    cooldown_hours: float | None = Field(
        None, gt=0, description="not again so soon after the last delivery", examples=[72]
    )
    never: Never | None = Field(None, description="users who must not be reached")
    segment: Identifier | None = Field(None, description="users of this segment only", examples=["big_spenders"])

    @property
    def is_decided(self) -> bool:
        """Whether each due user's fate is recorded before anything is delivered."""
        return any(
            rule is not None for rule in (self.holdout, self.budget, self.cooldown_hours, self.never, self.segment)
        )


class HttpTarget(Frozen):
    """An HTTP endpoint for JSON by POST. The connection's password signs the requests."""

    kind: Literal["http"] = Field(description="JSON by POST")
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^@\s]+$")] = Field(
        description="address of the endpoint, without a login", examples=["https://crm.example/churn"]
    )
    connection: str = Field("", description="Airflow Connection whose password signs the requests", examples=["crm"])
    rows_at_once: int = Field(100, ge=1, le=10_000, description="predictions per request; 1: the body is one")
    when: DeliveryRule = Field(DeliveryRule(), description="which predictions are delivered")


class FilesTarget(Frozen):
    """A folder of files, one per micro-batch: below `<home>/published/<use case>/`, absolute, or `s3://bucket/prefix`."""

    kind: Literal["files"] = Field(description="one file per micro-batch")
    folder: str = Field(
        description="below `<home>/published/<use case>/`, absolute, or `s3://bucket/prefix`", examples=["archive"]
    )
    format: Literal["parquet", "csv", "ndjson"] = Field("parquet", description="format of the files")
    connection: str = Field(
        "", description="Airflow Connection of the bucket; default: the machine's own role or keys", examples=["s3"]
    )
    when: DeliveryRule = Field(DeliveryRule(), description="which predictions are delivered")


class PostgresTarget(Frozen):
    """A table in the PostgreSQL database of the connection, with one row per user."""

    kind: Literal["postgres"] = Field(description="one row per user, the latest prediction")
    connection: ConnectionId
    table: Identifier = Field(description="created if missing", examples=["churn"])
    when: DeliveryRule = Field(DeliveryRule(), description="which predictions are delivered")


class KafkaTarget(Frozen):
    """A topic that exists, or that the brokers create."""

    kind: Literal["kafka"] = Field(description="one record per prediction or event")
    connection: ConnectionId
    topic: NonEmptyStr = Field(description="name of the topic", examples=["churn"])
    when: DeliveryRule = Field(DeliveryRule(), description="which predictions are delivered")


class RedisTarget(Frozen):
    """A stream with approximately the latest `max_length` entries."""

    kind: Literal["redis"] = Field(description="one entry per prediction or event")
    connection: ConnectionId
    stream: NonEmptyStr = Field(description="name of the stream", examples=["churn"])
    max_length: int = Field(1_000_000, ge=1, description="approximate number of entries kept")
    when: DeliveryRule = Field(DeliveryRule(), description="which predictions are delivered")


class RabbitmqTarget(Frozen):
    """An exchange that exists; without one, the queue with the name of the routing key."""

    kind: Literal["rabbitmq"] = Field(description="one message per prediction or event")
    connection: ConnectionId
    exchange: str = Field(
        "", description="exchange that exists; default: the queue of the routing key's name", examples=["crm"]
    )
    routing_key: NonEmptyStr = Field(description="queue's name or, with `exchange`, routing key", examples=["churn"])
    when: DeliveryRule = Field(DeliveryRule(), description="which predictions are delivered")


class IcebergTarget(Frozen):
    """A table in an Iceberg catalog, with one row per prediction and one snapshot per micro-batch."""

    kind: Literal["iceberg"] = Field(description="one row per prediction, for data warehouses")
    table: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+$")] = Field(
        description="namespace and table, which are created if missing; of this target alone",
        examples=["analytics.churn"],
    )
    catalog: NonEmptyStr = Field("default", description="name of the catalog in pyiceberg's own configuration")
    connection: str = Field(
        "",
        description="Airflow Connection of the catalog; default: pyiceberg's own configuration",
        examples=["warehouse"],
    )
    features: bool = Field(True, description="also the features of each prediction, a column each")
    when: DeliveryRule = Field(DeliveryRule(), description="which predictions are delivered")


Target = HttpTarget | FilesTarget | PostgresTarget | KafkaTarget | RedisTarget | RabbitmqTarget | IcebergTarget


class KafkaSource(Frozen):
    """A topic; each record is an event, as a JSON object."""

    kind: Literal["kafka"] = Field(description="one record per prediction or event")
    connection: ConnectionId
    topic: NonEmptyStr = Field(description="name of the topic", examples=["churn"])


class RedisSource(Frozen):
    """A stream; each entry is an event: its fields, or a JSON object in one of them."""

    kind: Literal["redis"] = Field(description="one entry per prediction or event")
    connection: ConnectionId
    stream: NonEmptyStr = Field(description="name of the stream", examples=["orders"])
    field: str = Field("", description="field with the event as JSON; default: all fields", examples=["event"])


class RabbitmqSource(Frozen):
    """A queue that exists; each message is an event, as a JSON object."""

    kind: Literal["rabbitmq"] = Field(description="one message per prediction or event")
    connection: ConnectionId
    queue: NonEmptyStr = Field(description="queue that exists", examples=["payments"])


class S3Source(Frozen):
    """Files below a prefix of a bucket, in the formats of landing."""

    kind: Literal["s3"] = Field(description="files of a bucket")
    bucket: NonEmptyStr = Field(description="name of the bucket", examples=["my-events"])
    prefix: str = Field("", description="folder of the files", examples=["exports/"])
    connection: str = Field(
        "", description="Airflow Connection; default: the machine's own role or keys", examples=["s3"]
    )


SourceConfig = KafkaSource | RedisSource | RabbitmqSource | S3Source
