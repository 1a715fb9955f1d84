"""Delivery to real queues and to S3: in order, at least once with the same id, and a failure where it fails."""

import io
import json
import uuid
from typing import Any

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer

from include.firstday.delivery import deliver_predictions
from include.firstday.errors import BackedOffError, DeliveryError
from include.firstday.lake import checkpoints
from include.firstday.servers import Credentials, kafka, rabbitmq, redis, s3
from include.firstday.use_case.use_case import UseCase
from tests import servers
from tests.include.firstday.delivery.test_deliver_predictions import REASONS, begin, predict, with_targets

pytestmark = pytest.mark.slow  # servers

QUEUES = ("kafka", "redis", "rabbitmq")


def target(kind: str, name: str) -> dict[str, Any]:
    word = {"kafka": "topic", "redis": "stream", "rabbitmq": "routing_key"}[kind]
    return {"kind": kind, "connection": "there", word: name}


def received(kind: str, name: str, at: Credentials) -> list[tuple[str, dict[str, Any]]]:
    """What a reader of the queue finds: ids, and predictions."""
    if kind == "kafka":
        ours = {"group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"}
        consumer = Consumer(kafka.configuration(at, **ours))
        consumer.subscribe([name])
        found = []
        while record := consumer.poll(8 if not found else 1):
            assert record.error() is None
            headers = dict(record.headers() or [])
            assert record.key().decode() == json.loads(record.value())["user_id"]
            found.append((headers["id"].decode(), json.loads(record.value())))
        consumer.close()
        return found
    if kind == "redis":
        with redis.connect(at) as client:
            entries = [fields for _, fields in client.xrange(name)]
        return [(fields[b"id"].decode(), json.loads(fields[b"prediction"])) for fields in entries]
    with rabbitmq.connect(at) as connection:
        channel, found = connection.channel(), []
        while message := channel.basic_get(name, no_ack=True):
            found.append((message.properties["message_id"], json.loads(message.body)))
        return found


def make(kind: str, name: str, at: Credentials) -> None:
    if kind == "rabbitmq":
        with rabbitmq.connect(at) as connection:
            connection.channel().queue_declare(name, durable=True, auto_delete=False)


@pytest.mark.parametrize("kind", QUEUES)
def test_a_queue_is_told_in_order_and_again_with_the_same_id(
    churn: UseCase, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, name = request.getfixturevalue(f"{kind}_server"), f"told-{uuid.uuid4().hex}"
    case = with_targets(churn, crm=target(kind, name))
    begin(case)
    make(kind, name, at)
    predict(case, {"a": 0.9, "b": 0.1}, {"a": 0.95})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(checkpoints, "advance", die)
        with pytest.raises(KeyboardInterrupt):
            deliver_predictions.deliver_predictions(case, "crm", at)
    done = deliver_predictions.deliver_predictions(case, "crm", at)
    assert done is not None
    assert done.predictions == 2
    assert deliver_predictions.deliver_predictions(case, "crm", at) is None
    told = received(kind, name, at)
    assert [id_ for id_, _ in told] == ["first_day_churn/1/a", "first_day_churn/1/a", "first_day_churn/2/a"]
    assert told[2][1]["probability"] == 0.95
    assert told[2][1]["scored_at"] == "2026-11-20T12:00:00Z"
    assert told[2][1]["reasons"] == REASONS


@pytest.mark.parametrize("kind", QUEUES)
def test_a_queue_that_is_not_there_is_a_failure_of_the_target(
    churn: UseCase, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.firstday.delivery.targets.kafka.TIMEOUT", 1)
    case = with_targets(churn, crm=target(kind, "nowhere"))
    begin(case)
    predict(case, {"a": 0.9})
    nowhere = Credentials("127.0.0.1", servers.free_port(), "", "not-in-any-log")
    with pytest.raises(DeliveryError, match=r"^crm: (Kafka|Redis|RabbitMQ) error") as caught:
        deliver_predictions.deliver_predictions(case, "crm", nowhere)
    assert "not-in-any-log" not in str(caught.value)
    with pytest.raises(BackedOffError):
        deliver_predictions.deliver_predictions(case, "crm", nowhere)


def test_a_message_that_no_queue_takes_is_a_failure(churn: UseCase, rabbitmq_server: Credentials) -> None:
    case = with_targets(churn, crm=target("rabbitmq", "no-such-queue"))
    begin(case)
    predict(case, {"a": 0.9})
    with pytest.raises(
        DeliveryError, match=r"crm: RabbitMQ returned .*NO_ROUTE.*: no queue is bound to .*'no-such-queue'"
    ):
        deliver_predictions.deliver_predictions(case, "crm", rabbitmq_server)


def test_files_appear_on_s3(churn: UseCase, s3_server: Credentials, bucket: str) -> None:
    case = with_targets(churn, lake={"kind": "files", "connection": "there", "folder": f"s3://{bucket}/churn/"})
    begin(case)
    predict(case, {"a": 0.9}, {"b": 0.8})
    deliver_predictions.deliver_predictions(case, "lake", s3_server)
    with s3.file_system(s3_server).open_input_file(f"{bucket}/churn/predictions-000000002.parquet") as file:
        assert pq.read_table(io.BytesIO(file.read()))["user_id"].to_pylist() == ["b"]


def test_a_bucket_that_is_not_there_is_a_failure_of_the_target(churn: UseCase, s3_server: Credentials) -> None:
    case = with_targets(churn, lake={"kind": "files", "connection": "there", "folder": "s3://no-such-bucket/churn"})
    begin(case)
    predict(case, {"a": 0.9})
    with pytest.raises(DeliveryError, match=r"lake: s3://no-such-bucket/churn is not writable: .*NO_SUCH_BUCKET"):
        deliver_predictions.deliver_predictions(case, "lake", s3_server)
