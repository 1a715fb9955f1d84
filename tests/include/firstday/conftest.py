"""Servers of other people's that several tests share."""

import uuid
from collections.abc import Iterator

import pytest
from pyarrow import fs

from include.firstday.servers import Credentials
from tests import servers


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[Credentials]:
    with servers.kafka_server() as at:
        yield at


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Credentials]:
    with servers.redis_server() as at:
        yield at


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Credentials]:
    with servers.postgres_server() as at:
        yield at


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[Credentials]:
    with servers.rabbitmq_server() as at:
        yield at


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Credentials]:
    with servers.s3_server() as at:
        yield at


@pytest.fixture
def bucket(s3_server: Credentials) -> str:
    """A bucket of its own."""
    name = f"events-{uuid.uuid4().hex[:20]}"
    endpoint = s3_server.extra["endpoint_url"].removeprefix("http://")
    keys = {"access_key": s3_server.login, "secret_key": s3_server.password, "region": "us-east-1"}
    fs.S3FileSystem(endpoint_override=endpoint, scheme="http", allow_bucket_creation=True, **keys).create_dir(name)
    return name
