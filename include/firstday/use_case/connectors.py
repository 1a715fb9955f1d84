"""Targets that predictions are delivered to, and sources that events are read from."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from include.firstday.use_case.base import Frozen, Identifier, NonEmptyStr, Share


class Holdout(Frozen):
    """A share of a target's due users who do not reach it, as the control group of an experiment.

    Whether a user is held out follows from user and salt. Another salt or share is another experiment. With
    `horizon_days`, the experiment's result is that of the users of its first days, and is judged once.
    """

    share: float = Field(gt=0, lt=1)
    salt: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,40}$")]
    horizon_days: float | None = Field(None, gt=0)


class Budget(Frozen):
    """The most users that reach a target on a day, UTC, and which of the due ones: the first in this order."""

    per_day: int = Field(ge=1)
    order_by: Literal["risk", "uplift", "gain"] = "risk"


class Never(Frozen):
    """Users who must not reach a target: those in an enrichment table with a column `user_id`.

    With a column `until`, up to that time; of several rows of a user the latest micro-batch's counts.
    """

    table: Identifier


class DeliveryRule(Frozen):
    """A target's filters: by probability, by what was delivered before, and by who may or should not be reached.

    `probability_from`: minimum probability; default: predicted churn. `changed_by`: of a user again only if the
    probability has changed by this much since the last delivery. `once`: one prediction per user. `cooldown_hours`: not
    again so soon after the last delivery.
    """

    probability_from: Share | None = None
    changed_by: Share = 0.0
    once: bool = False
    holdout: Holdout | None = None
    budget: Budget | None = None
    cooldown_hours: float | None = Field(None, gt=0)
    never: Never | None = None

    @property
    def is_decided(self) -> bool:
        """Whether each due user's fate is recorded before anything is delivered."""
        return any(rule is not None for rule in (self.holdout, self.budget, self.cooldown_hours, self.never))


class HttpTarget(Frozen):
    """An HTTP endpoint for JSON by POST. The connection's password signs the requests."""

    kind: Literal["http"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^@\s]+$")]
    connection: str = ""
    rows_at_once: int = Field(100, ge=1, le=10_000)
    when: DeliveryRule = DeliveryRule()


class FilesTarget(Frozen):
    """A folder of files, one per micro-batch: below `<home>/published/<use case>/`, absolute, or `s3://bucket/prefix`."""

    kind: Literal["files"]
    folder: str
    format: Literal["parquet", "csv", "ndjson"] = "parquet"
    connection: str = ""
    when: DeliveryRule = DeliveryRule()


class PostgresTarget(Frozen):
    """A table in the PostgreSQL database of the connection, with one row per user."""

    kind: Literal["postgres"]
    connection: str
    table: Identifier
    when: DeliveryRule = DeliveryRule()


class KafkaTarget(Frozen):
    """A topic that exists, or that the brokers create."""

    kind: Literal["kafka"]
    connection: NonEmptyStr
    topic: NonEmptyStr
    when: DeliveryRule = DeliveryRule()


class RedisTarget(Frozen):
    """A stream with approximately the latest `max_length` entries."""

    kind: Literal["redis"]
    connection: NonEmptyStr
    stream: NonEmptyStr
    max_length: int = Field(1_000_000, ge=1)
    when: DeliveryRule = DeliveryRule()


class RabbitmqTarget(Frozen):
    """An exchange that exists; without one, the queue with the name of the routing key."""

    kind: Literal["rabbitmq"]
    connection: NonEmptyStr
    exchange: str = ""
    routing_key: NonEmptyStr
    when: DeliveryRule = DeliveryRule()


Target = HttpTarget | FilesTarget | PostgresTarget | KafkaTarget | RedisTarget | RabbitmqTarget


class KafkaSource(Frozen):
    """A topic; each record is an event, as a JSON object."""

    kind: Literal["kafka"]
    connection: NonEmptyStr
    topic: NonEmptyStr


class RedisSource(Frozen):
    """A stream; each entry is an event: its fields, or a JSON object in one of them."""

    kind: Literal["redis"]
    connection: NonEmptyStr
    stream: NonEmptyStr
    field: str = ""


class RabbitmqSource(Frozen):
    """A queue that exists; each message is an event, as a JSON object."""

    kind: Literal["rabbitmq"]
    connection: NonEmptyStr
    queue: NonEmptyStr


class S3Source(Frozen):
    """Files below a prefix of a bucket, in the formats of landing."""

    kind: Literal["s3"]
    bucket: NonEmptyStr
    prefix: str = ""
    connection: str = ""


SourceConfig = KafkaSource | RedisSource | RabbitmqSource | S3Source
