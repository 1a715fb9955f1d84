"""Servers of other people's that several tests share."""

import uuid
from collections.abc import Iterator

import psycopg2
import pytest
from pyarrow import fs

from include.firstday.servers import Credentials
from include.firstday.settings import settings
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


@pytest.fixture
def catalog(postgres_server: Credentials, monkeypatch: pytest.MonkeyPatch) -> str:
    """A PostgreSQL database of its own, as the settings' catalog; its DSN."""
    at, name = postgres_server, f"lake_{uuid.uuid4().hex}"
    server = psycopg2.connect(host=at.host, port=at.port, user=at.login, dbname=at.schema)
    server.autocommit = True
    server.cursor().execute(f"create database {name}")
    server.close()
    dsn = f"host={at.host} port={at.port} user={at.login} dbname={name}"
    monkeypatch.setenv("FIRSTDAY_LAKE_CATALOG", f"postgres:{dsn}")
    settings.cache_clear()
    return dsn


@pytest.fixture
def on_s3(s3_server: Credentials, bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket as the settings' place of the lake's files."""
    for name, value in {
        "LAKE_DATA": f"s3://{bucket}/lake/",
        "S3_ENDPOINT": s3_server.extra["endpoint_url"],
        "S3_ACCESS_KEY": s3_server.login,
        "S3_SECRET_KEY": s3_server.password,
    }.items():
        monkeypatch.setenv(f"FIRSTDAY_{name}", value)
    settings.cache_clear()
    return bucket
