"""Delivery to real targets: what was asked for, at least once with the same id, in order, each at its own pace."""

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from include.firstday.delivery import deliver_predictions, publish_predictions
from include.firstday.errors import BackedOffError, DeliveryError
from include.firstday.lake import checkpoints
from include.firstday.operations import status
from include.firstday.schema.open_lake import open_lake
from include.firstday.servers import Credentials
from include.firstday.use_case.use_case import UseCase

SECRET = "not-in-any-log"
REASONS = [{"features": ["bet_count", "win_count"], "effect": 0.2}, {"features": ["hours_since_event"], "effect": 0.1}]


@dataclass
class Endpoint:
    """A real HTTP server that keeps what it was sent, and answers as it is told."""

    url: str = ""
    status: int = 200
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def users(self) -> list[str]:
        """Users of all rows received, in order."""
        bodies = [json.loads(body) for _, body in self.received]
        return [row["user_id"] for body in bodies for row in body.get("predictions", [body])]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    kept = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.received.append((dict(self.headers), body))
            if kept.status == 0:
                self.wfile.write(b"no HTTP at all\r\n\r\n")
                return
            self.send_response(kept.status)
            if kept.status == 302:
                self.send_header("Location", kept.url)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/churn"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()


def with_targets(case: UseCase, **targets: dict[str, Any]) -> UseCase:
    return UseCase.model_validate(case.model_dump() | {"targets": targets})


def predict(case: UseCase, *probabilities: dict[str, float]) -> None:
    """One scored micro-batch for each dictionary of user → probability."""
    for users in probabilities:
        with open_lake(case) as lake, lake.transaction():
            after = checkpoints.of(lake, "score_users")
            rows = [
                {"user_id": user, "probability": probability, "predicted": probability >= 0.5,
                 "scored_at": datetime(2026, 11, 20, 12), "batch_id": after + 1, "model_name": "m", "model_version": 1,
                 "reasons": json.dumps(REASONS) if probability >= 0.5 else None}
                for user, probability in users.items()
            ]  # fmt: skip
            lake.append("predictions", pa.Table.from_pylist(rows))
            checkpoints.advance(lake, "score_users", after, after + 1)


def begin(case: UseCase) -> None:
    """Let every target begin: what is predicted from now on is theirs."""
    for name in case.targets:
        assert deliver_predictions.deliver_predictions(case, name) is None


def deliver(case: UseCase, name: str) -> int | None:
    done = deliver_predictions.deliver_predictions(case, name, Credentials(password=SECRET))
    return None if done is None else done.predictions


def forget_pause(case: UseCase) -> None:
    """As if the pause of every failing target were over."""
    with open_lake(case) as lake, lake.transaction():
        lake._connection.execute("update delivery_failures set retry_at = timestamp '2000-01-01'")


def test_an_endpoint_gets_signed_rows_in_order_once(churn: UseCase, endpoint: Endpoint) -> None:
    case = with_targets(churn, crm={"kind": "http", "url": endpoint.url, "rows_at_once": 2})
    predict(case, {"old": 0.9})
    begin(case)
    predict(case, {"a": 0.9, "b": 0.2, "c": 0.8, "d": 0.7}, {"a": 0.95})
    assert deliver(case, "crm") == 4
    assert deliver(case, "crm") is None
    assert endpoint.users() == ["a", "c", "d", "a"]
    headers, body = endpoint.received[0]
    first = json.loads(body)["predictions"][0]
    assert first["id"] == "first_day_churn/2/a"
    assert first["scored_at"] == "2026-11-20T12:00:00Z"
    assert first["reasons"] == REASONS
    seconds, signed = (part.split("=")[1] for part in headers["Firstday-Signature"].split(","))
    assert signed == hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert len({headers["Idempotency-Key"] for headers, _ in endpoint.received}) == len(endpoint.received) == 3


def test_with_nothing_to_deliver_a_target_is_not_behind(churn: UseCase, endpoint: Endpoint) -> None:
    case = with_targets(churn, crm={"kind": "http", "url": endpoint.url})
    begin(case)
    with open_lake(case) as lake, lake.transaction():
        for stage in ("store_events", "update_features", "score_users", "publish_predictions"):
            checkpoints.advance(lake, stage, 0, 3)
        times = dict.fromkeys(("started_at", "committed_at"), datetime(2026, 11, 20, 12))
        batches = [{"batch_id": number, "rows_stored": 1, "rows_rejected": 0} | times for number in (1, 2, 3)]
        lake.append("micro_batches", pa.Table.from_pylist(batches))
    assert deliver(case, "crm") == 0
    assert deliver(case, "crm") is None
    assert [row["behind"] for row in status.stages(case) if row["stage"] == "deliver_to_crm"] == [0]
    assert endpoint.users() == []


def test_a_single_row_is_the_body_itself(churn: UseCase, endpoint: Endpoint) -> None:
    case = with_targets(churn, crm={"kind": "http", "url": endpoint.url, "rows_at_once": 1})
    begin(case)
    predict(case, {"a": 0.9, "c": 0.8})
    deliver(case, "crm")
    assert [json.loads(body)["user_id"] for _, body in endpoint.received] == ["a", "c"]


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({}, ["a", "a", "a", "b"]),
        ({"once": True}, ["a", "b"]),
        ({"changed_by": 0.2}, ["a", "a", "b"]),
        ({"probability_from": 0.85}, ["a", "a"]),
        ({"probability_from": 0.0, "once": True}, ["a", "b"]),
    ],
)
def test_only_what_matters_is_sent(churn: UseCase, endpoint: Endpoint, when: dict[str, Any], told: list[str]) -> None:
    case = with_targets(churn, crm={"kind": "http", "url": endpoint.url, "when": when})
    begin(case)
    predict(case, {"a": 0.9, "b": 0.1}, {"a": 0.95}, {"a": 0.7, "b": 0.6})
    deliver(case, "crm")
    assert endpoint.users() == told


@pytest.mark.parametrize(("answer", "tries"), [(503, 3), (400, 1), (302, 1)])
def test_a_failing_target_is_left_alone_misses_nothing_and_delays_nobody(
    churn: UseCase, endpoint: Endpoint, home: Path, answer: int, tries: int
) -> None:
    case = with_targets(
        churn, crm={"kind": "http", "url": endpoint.url}, archive={"kind": "files", "folder": "archive"}
    )
    begin(case)
    predict(case, {"a": 0.9}, {"a": 0.95})
    endpoint.status = answer
    with pytest.raises(DeliveryError, match=f"crm: answered {answer}"):
        deliver(case, "crm")
    assert len(endpoint.received) == tries
    with pytest.raises(BackedOffError, match="crm: backed off until"):
        deliver(case, "crm")
    assert len(endpoint.received) == tries
    assert f"answered {answer}" in status.notices(case)[0]
    assert deliver(case, "archive") == 2

    forget_pause(case)
    with pytest.raises(DeliveryError):
        deliver(case, "crm")
    with open_lake(case, read_only=True) as lake:
        (failure,) = lake.query("from delivery_failures").to_pylist()
    assert failure["failures"] == 2
    assert (failure["retry_at"] - failure["failed_at"]).total_seconds() == 20
    assert SECRET not in str(failure)

    endpoint.status, sent_before = 200, endpoint.received[0][0]["Idempotency-Key"]
    forget_pause(case)
    endpoint.received.clear()
    assert deliver(case, "crm") == 2
    assert endpoint.users() == ["a", "a"]
    assert endpoint.received[0][0]["Idempotency-Key"] == sent_before
    assert status.notices(case) == []


def test_a_server_that_is_not_there_is_a_failure_of_the_target(churn: UseCase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    case = with_targets(churn, crm={"kind": "http", "url": f"http://127.0.0.1:{port}/"})
    begin(case)
    predict(case, {"a": 0.9})
    with pytest.raises(DeliveryError, match=r"crm: did not respond: .*refused"):
        deliver(case, "crm")


def test_taken_but_not_noted_comes_again_with_the_same_id(
    churn: UseCase, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = with_targets(churn, crm={"kind": "http", "url": endpoint.url})
    begin(case)
    predict(case, {"a": 0.9})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(checkpoints, "advance", die)
        with pytest.raises(KeyboardInterrupt):
            deliver(case, "crm")
    assert deliver(case, "crm") == 1
    (first, once), (again, twice) = endpoint.received
    assert once == twice
    assert first["Idempotency-Key"] == again["Idempotency-Key"]


def test_a_target_that_does_not_answer_in_http_is_backed_off(churn: UseCase, endpoint: Endpoint) -> None:
    case = with_targets(churn, crm={"kind": "http", "url": endpoint.url})
    begin(case)
    predict(case, {"a": 0.9})
    endpoint.status = 0
    with pytest.raises(DeliveryError, match="did not respond with HTTP: "):
        deliver(case, "crm")
    with pytest.raises(BackedOffError):
        deliver(case, "crm")


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_files_appear_whole_one_a_micro_batch(churn: UseCase, ending: str) -> None:
    case = with_targets(churn, archive={"kind": "files", "folder": "archive", "format": ending})
    begin(case)
    predict(case, {"a": 0.9, "b": 0.8}, {"a": 0.1}, {"c": 0.7})
    deliver(case, "archive")
    folder = publish_predictions.folder(case) / "archive"
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"predictions-{number:09}.{ending}" for number in (1, 3)]
    if ending == "ndjson":
        rows = [json.loads(line) for line in files[0].read_text().splitlines()]
    else:
        rows = (pq.read_table(files[0]) if ending == "parquet" else pa.csv.read_csv(files[0])).to_pylist()
        rows = [row | {"reasons": json.loads(row["reasons"])} for row in rows]
    assert [row["user_id"] for row in rows] == ["a", "b"]
    assert [row["reasons"] for row in rows] == [REASONS, REASONS]


def test_a_database_has_the_newest_prediction_of_each_user(churn: UseCase, postgres_server: Credentials) -> None:
    when = {"probability_from": 0.0}
    case = with_targets(churn, crm={"kind": "postgres", "connection": "crm", "table": "churn", "when": when})
    begin(case)
    predict(case, {"a": 0.9, "b": 0.2}, {"a": 0.6})
    done = deliver_predictions.deliver_predictions(case, "crm", postgres_server)
    assert done is not None
    assert done.predictions == 3
    connection = psycopg2.connect(
        host=postgres_server.host, port=postgres_server.port, user=postgres_server.login, dbname=postgres_server.schema
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("select user_id, id, probability, batch_id, reasons from churn order by user_id")
            assert cursor.fetchall() == [
                ("a", "first_day_churn/2/a", 0.6, 2, REASONS),
                ("b", "first_day_churn/1/b", 0.2, 1, []),
            ]
            cursor.execute("alter table churn drop column reasons")  # as an earlier version made it
            connection.commit()
            # What comes late does not replace what is newer.
            from include.firstday.delivery.targets import identified, postgres

            old = {"user_id": "a", "probability": 0.1, "predicted": False, "model_name": "m",
                   "model_version": 1, "scored_at": datetime(2026, 11, 20), "batch_id": 1, "reasons": "[]"}  # fmt: skip
            postgres.send(case, case.targets["crm"], postgres_server, identified(case.name, [old]))
            cursor.execute("select probability from churn where user_id = 'a'")
            assert cursor.fetchall() == [(0.6,)]
    finally:
        connection.close()


def test_a_database_that_is_not_there_is_a_failure_of_the_target(churn: UseCase) -> None:
    case = with_targets(churn, crm={"kind": "postgres", "connection": "crm", "table": "churn"})
    begin(case)
    predict(case, {"a": 0.9})
    with pytest.raises(DeliveryError, match="crm: OperationalError: connection to server"):
        deliver_predictions.deliver_predictions(case, "crm", Credentials("127.0.0.1", 1, "u", SECRET, "d"))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"kind": "http", "url": "ftp://example.org"}, "targets.crm.http.url: String should match"),
        ({"kind": "http", "url": "https://me:secret@example.org"}, "targets.crm.http.url: String should match"),
        ({"kind": "pigeon"}, "does not match any of the expected tags"),
    ],
)
def test_a_wrong_target_is_refused(churn: UseCase, target: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said.split(":")[0].split(".")[-1]):
        with_targets(churn, crm=target)
