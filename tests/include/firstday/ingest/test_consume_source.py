"""Sources on real servers: what they hold comes into landing and counts once, wherever a run is killed."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import amqp
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from filelock import FileLock

from include.firstday import landing
from include.firstday.errors import SourceBusyError, SourceError
from include.firstday.ingest.consume_source import consume_source
from include.firstday.ingest.sources import Batch, ConsumeResult
from include.firstday.ingest.store_events import store_events
from include.firstday.schema.open_lake import open_lake
from include.firstday.servers import Credentials, kafka, rabbitmq, redis, s3
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase
from tests import servers

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow  # servers

QUEUES = ("kafka", "redis", "rabbitmq")
TIMES = "2026-11-20T12:00:00Z"


@dataclass
class Server:
    """A topic, stream or queue of its own on a real server."""

    kind: str
    name: str
    credentials: Credentials

    @property
    def source(self) -> dict[str, str]:
        word = {"kafka": "topic", "redis": "stream", "rabbitmq": "queue"}[self.kind]
        return {"kind": self.kind, "connection": "there", word: self.name} | (
            {"field": "event"} if self.kind == "redis" else {}
        )

    def publish(self, bodies: Iterable[bytes]) -> None:
        if self.kind == "kafka":
            producer = Producer(kafka.configuration(self.credentials, **{"message.max.bytes": 5_000_000}))
            for body in bodies:
                producer.produce(self.name, body or None, key=body[:20])
            assert producer.flush(20) == 0
        elif self.kind == "redis":
            with redis.connect(self.credentials) as client, client.pipeline(transaction=False) as many:
                for body in bodies:
                    many.xadd(self.name, {"event": body})
                many.execute()
        else:
            with rabbitmq.connect(self.credentials) as connection:
                channel = connection.channel()
                channel.queue_declare(self.name, durable=True, auto_delete=False)
                for body in bodies:
                    channel.basic_publish(amqp.Message(body), routing_key=self.name)

    def left(self) -> int:
        """Messages that the server would send again, or still has to send."""
        if self.kind == "kafka":
            group = f"firstday.first_day_churn.{self.kind}"
            consumer = Consumer(kafka.configuration(self.credentials, **{"group.id": group}))
            parts = [
                TopicPartition(self.name, one) for one in consumer.list_topics(self.name).topics[self.name].partitions
            ]
            ends = {part.partition: consumer.get_watermark_offsets(part)[1] for part in parts}
            left = sum(ends[part.partition] - max(part.offset, 0) for part in consumer.committed(parts))
            consumer.close()
            return left
        if self.kind == "redis":
            with redis.connect(self.credentials) as client:
                (group,) = client.xinfo_groups(self.name)
                return int(group["pending"]) + int(group["lag"] or 0)
        with rabbitmq.connect(self.credentials) as connection:
            return int(connection.channel().queue_declare(self.name, passive=True).message_count)


@pytest.fixture(params=QUEUES)
def server(request: pytest.FixtureRequest) -> Server:
    return Server(request.param, f"events-{uuid.uuid4().hex}", request.getfixturevalue(f"{request.param}_server"))


def with_source(case: UseCase, name: str, source: dict[str, str]) -> UseCase:
    return UseCase.model_validate(case.model_dump() | {"sources": {name: source}})


def registrations(*users: str) -> list[bytes]:
    return [
        json.dumps({"event_type": "new_registration", "user_id": user, "event_time": TIMES, "postcode": "1"}).encode()
        for user in users
    ]


def stored(case: UseCase) -> list[str]:
    store_events(case)
    with open_lake(case) as lake:
        return [str(user) for user in lake.query("select user_id from events order by user_id")["user_id"].to_pylist()]


def rejected(case: UseCase) -> list[dict[str, Any]]:
    with open_lake(case) as lake:
        return lake.query("select reason, raw from rejected_events order by row_number").to_pylist()


def test_what_is_there_comes_into_landing_once(churn: UseCase, server: Server) -> None:
    case = with_source(churn, server.kind, server.source)
    server.publish(registrations("a", "b", "c"))
    assert consume_source(case, server.kind, server.credentials) == ConsumeResult(3, 1)
    assert server.left() == 0
    assert consume_source(case, server.kind, server.credentials) is None
    server.publish(registrations("d"))
    assert consume_source(case, server.kind, server.credentials) == ConsumeResult(1, 1)
    assert stored(case) == ["a", "b", "c", "d"]


def test_broken_messages_block_nothing_and_are_refused_by_rule(churn: UseCase, server: Server) -> None:
    case = with_source(churn, server.kind, server.source)
    pretty = json.dumps(json.loads(registrations("b")[0]), indent=2).encode()
    broken = [b"", b"{", b"\xff\xfe", b"[1]", b"{}\n{}", b"x" * 2_000_000]
    server.publish([*registrations("a"), *broken, pretty])
    done = consume_source(case, server.kind, server.credentials)
    assert done is not None
    assert done.messages == 8
    assert server.left() == 0
    assert stored(case) == ["a", "b"]
    assert len(rejected(case)) == 6, rejected(case)


KILLED = """
import json, os, signal, sys
from include.firstday import landing
from include.firstday.ingest import consume_source
from include.firstday.use_case import use_case
from include.firstday.servers import Credentials
from include.firstday.ingest.sources import kafka, rabbitmq, receipts, redis

kind, source, credentials, place = sys.argv[1], *map(json.loads, sys.argv[2:4]), sys.argv[4]
case = use_case.load("first_day_churn")
case = use_case.UseCase.model_validate(case.model_dump() | {"sources": {kind: source}})
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if place == "before the file is there":
    landing.deliver = die
elif place == "before the server is told":
    {"kafka": kafka._Log, "redis": redis._Stream, "rabbitmq": rabbitmq._Queue}[kind].commit = die
else:
    receipts.Receipts.settle = die
consume_source.consume_source(case, kind, Credentials(**credentials))
"""


def consume_and_die(case: UseCase, server: Server, home: Path, place: str) -> None:
    arguments = [server.kind, json.dumps(server.source), json.dumps(asdict(server.credentials)), place]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        env=os.environ | {"FIRSTDAY_HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(
    ("place", "landed", "deaths", "is_stored_between"),
    [
        ("before the file is there", 0, 1, False),
        ("before the server is told", 1, 2, False),
        ("before the server is told", 1, 1, True),
        ("before it is noted", 1, 1, True),
    ],
)
def test_a_killed_run_loses_nothing_and_doubles_nothing(
    churn: UseCase, server: Server, home: Path, place: str, landed: int, deaths: int, is_stored_between: bool
) -> None:
    case = with_source(churn, server.kind, server.source)
    server.publish(registrations("a", "b", "c"))
    for _ in range(deaths):
        consume_and_die(case, server, home, place)
        assert len(landing.pending(case.name)) == landed
    if is_stored_between:
        assert stored(case) == ["a", "b", "c"][: 3 * landed]
    server.publish(registrations("d", "e"))
    consume_source(case, server.kind, server.credentials)
    assert server.left() == 0
    assert stored(case) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("kind", QUEUES)
def test_a_server_that_is_not_there_is_an_error_that_names_the_source(
    churn: UseCase, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.firstday.ingest.sources.kafka.TIMEOUT", 1)
    case = with_source(churn, "orders", Server(kind, "events", Credentials()).source)
    nowhere = Credentials("127.0.0.1", servers.free_port(), "me", "not-in-any-log")
    with pytest.raises(SourceError, match=r"^orders: (Kafka|Redis|RabbitMQ) error") as caught:
        consume_source(case, "orders", nowhere)
    assert "not-in-any-log" not in str(caught.value)


def test_a_queue_that_is_not_there_is_an_error(churn: UseCase, rabbitmq_server: Credentials) -> None:
    case = with_source(churn, "orders", {"kind": "rabbitmq", "connection": "there", "queue": "none"})
    with pytest.raises(SourceError, match=r"orders: RabbitMQ error: .*no queue 'none'"):
        consume_source(case, "orders", rabbitmq_server)


def test_a_full_landing_makes_the_source_wait(
    churn: UseCase, redis_server: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server("redis", "waits", redis_server)
    case = with_source(churn, "redis", server.source)
    server.publish(registrations("a"))
    with monkeypatch.context() as full:
        full.setenv("FIRSTDAY_BACKLOG_MEGABYTES", "1")
        settings.cache_clear()
        landing.deliver(case.name, "much.ndjson", lambda path: path.write_bytes(b" " * 1_000_001))
        assert consume_source(case, "redis", server.credentials) is None
    settings.cache_clear()
    assert consume_source(case, "redis", server.credentials) == ConsumeResult(1, 1)


def test_another_run_at_the_same_source_is_left_to_it(churn: UseCase, redis_server: Credentials) -> None:
    case = with_source(churn, "redis", Server("redis", "busy", redis_server).source)
    landing.folder(case.name).mkdir(parents=True)
    with (
        FileLock(landing.folder(case.name) / ".redis.lock"),
        pytest.raises(SourceBusyError, match="redis: another run"),
    ):
        consume_source(case, "redis", redis_server)


def test_entries_without_the_field_are_events_by_their_fields(churn: UseCase, redis_server: Credentials) -> None:
    case = with_source(churn, "redis", {"kind": "redis", "connection": "there", "stream": "fields"})
    with redis.connect(redis_server) as client:
        client.xadd("fields", {"event_type": "new_registration", "user_id": "a", "event_time": TIMES, "postcode": "1"})
    consume_source(case, "redis", redis_server)
    assert stored(case) == ["a"]


def test_many_messages_are_several_files(
    churn: UseCase, redis_server: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server("redis", "many", redis_server)
    case = with_source(churn, "redis", server.source)
    users = [f"u{number:05}" for number in range(3_500)]
    server.publish(registrations(*users))
    monkeypatch.setattr(Batch, "LIMIT", 2_000)
    assert consume_source(case, "redis", server.credentials) == ConsumeResult(3_500, 2)
    assert stored(case) == users


def put_object(credentials: Credentials, path: str, content: bytes) -> None:
    with s3.file_system(credentials).open_output_stream(path) as stream:
        stream.write(content)


def test_files_below_a_prefix_come_once_and_again_when_changed(
    churn: UseCase, s3_server: Credentials, bucket: str
) -> None:
    case = with_source(churn, "shop", {"kind": "s3", "connection": "there", "bucket": bucket, "prefix": "in/"})
    assert consume_source(case, "shop", s3_server) is None
    put_object(s3_server, f"{bucket}/in/a/events.ndjson", b"\n".join(registrations("a", "b")))
    put_object(s3_server, f"{bucket}/in/b/events.ndjson", b"\n".join(registrations("c")))
    put_object(s3_server, f"{bucket}/in/readme.txt", b"no events")
    put_object(s3_server, f"{bucket}/elsewhere/events.ndjson", b"\n".join(registrations("z")))
    assert consume_source(case, "shop", s3_server) == ConsumeResult(2, 2)
    assert consume_source(case, "shop", s3_server) is None
    assert stored(case) == ["a", "b", "c"]
    put_object(s3_server, f"{bucket}/in/b/events.ndjson", b"\n".join(registrations("c", "d")))
    assert consume_source(case, "shop", s3_server) == ConsumeResult(1, 1)
    assert "d" in stored(case)


@pytest.mark.parametrize("is_stored_between", [False, True])
def test_a_file_that_was_copied_and_not_noted_counts_once(
    churn: UseCase, s3_server: Credentials, bucket: str, monkeypatch: pytest.MonkeyPatch, is_stored_between: bool
) -> None:
    case = with_source(churn, "shop", {"kind": "s3", "connection": "there", "bucket": bucket})
    put_object(s3_server, f"{bucket}/events.ndjson", b"\n".join(registrations("a", "b")))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("include.firstday.ingest.sources.s3._Seen.add", die)
        with pytest.raises(KeyboardInterrupt):
            consume_source(case, "shop", s3_server)
    if is_stored_between:
        assert stored(case) == ["a", "b"]
    assert consume_source(case, "shop", s3_server) is None
    assert stored(case) == ["a", "b"]


def test_a_bucket_that_is_not_there_is_an_error(churn: UseCase, s3_server: Credentials) -> None:
    case = with_source(churn, "shop", {"kind": "s3", "connection": "there", "bucket": "no-such-bucket"})
    with pytest.raises(SourceError, match="shop: bucket no-such-bucket: not there"):
        consume_source(case, "shop", s3_server)
