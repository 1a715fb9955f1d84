"""Sessions of Spark Connect whose executors can compute what this machine can.

On the executors Firstday is installed, with the same DuckDB and statements, and they share a folder with this machine.
See https://spark.apache.org/docs/latest/spark-connect-overview.html.
"""

import hashlib
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from include.firstday.errors import EngineError, FirstdayError
from include.firstday.lake import statements
from include.firstday.lake.database import duckdb_version
from include.firstday.settings import settings

CONNECT_SECONDS = 10.0
DEFAULT_PORT = 15002
RETRIES = 5  # of a request, within about 20 seconds: the client's own 15 take ten minutes where a server has died

# Spark starts a process for each task, Sail runs all of them at once, as threads of one: memory is that of one at work.
AT_WORK = threading.Lock()

Batches = Iterator[pa.RecordBatch]


@contextmanager
def connected(folder: Path) -> Iterator[Any]:
    """A Spark session whose executors can compute what this machine can, and share a folder with it.

    Raises EngineError otherwise, before any work.
    """
    with _main_with_file():
        session = _session(settings().spark.get_secret_value())
        try:
            with own_errors():
                _check(session, folder)
            yield session
        finally:
            session.stop()


def address() -> str:
    """The server's address without what follows it, among which may be a token."""
    at = urlsplit(settings().spark.get_secret_value())
    return f"{at.scheme}://{at.hostname}:{at.port or DEFAULT_PORT}" if at.hostname else at.path.partition("/")[0]


@contextmanager
def own_errors() -> Iterator[None]:
    """Raise what Spark's client, gRPC, and Python on executors raise as EngineError."""
    try:
        yield
    except FirstdayError:
        raise
    except Exception as error:
        text = str(error)
        if "No module named" in text:
            raise EngineError(
                f"{address()}: Firstday is not installed on the executors: {text.strip().splitlines()[-1]}"
            ) from error
        raise EngineError(f"{address()}: {text}") from error


@contextmanager
def _main_with_file() -> Iterator[None]:
    """Spark's client ends a process whose main module has no file, as of `python -c`: it expects its own doctests."""
    main = sys.modules["__main__"]
    if hasattr(main, "__file__"):
        yield
        return
    main.__file__ = "<none>"
    try:
        yield
    finally:
        vars(main).pop("__file__", None)  # another thread may have done so


def facts(folder: str) -> dict[str, str]:
    """What must be the same here and on each executor, and whether there is a folder, as `yes` or `no`."""
    texts = "\0".join(path.read_text(encoding="utf-8") for path in sorted(statements.SQL.rglob("*.sql")))
    return {
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "DuckDB": duckdb_version(),
        "the statements of sql/": hashlib.sha256(texts.encode()).hexdigest()[:12],
        f"the folder {folder}": "yes" if Path(folder).is_dir() else "no",
    }


def difference(expected: dict[str, str], found: dict[str, str]) -> str:
    """In what an executor differs from the machine that uses it; empty where it does not."""
    for name, value in expected.items():
        if found[name] != value:
            return f"an executor differs from this machine in {name}: expected {value}, found {found[name]}"
    return ""


def _check(session: Any, folder: Path) -> None:
    here, place = facts(str(folder)), str(folder)

    def probe(batches: Batches) -> Batches:
        rows = sum(batch.num_rows for batch in batches)
        found = [{"text": difference(here, facts(place))}] if rows else []
        yield pa.RecordBatch.from_pylist(found, pa.schema([("text", pa.string())]))

    tasks = min(settings().engine_partitions or 16, 16)
    for row in session.range(0, tasks, 1, tasks).mapInArrow(probe, "text string").collect():
        if row["text"]:
            raise EngineError(f"{address()}: {row['text']}; nothing was computed")


def _session(url: str) -> Any:
    at = urlsplit(url)
    if at.scheme != "sc" or not at.hostname:
        raise EngineError(f"FIRSTDAY_SPARK: expected sc://HOST:PORT for FIRSTDAY_ENGINE=spark, found '{address()}'")
    try:
        from pyspark.sql import SparkSession
        from pyspark.sql.connect.client.retries import DefaultPolicy
    except ImportError as error:
        raise EngineError("Spark's client is not installed; install it with: make spark") from error
    try:  # Spark's client tries for minutes
        socket.create_connection((at.hostname, at.port or DEFAULT_PORT), CONNECT_SECONDS).close()
    except OSError as error:
        raise EngineError(f"{address()}: no Spark Connect server answers there: {error}") from error
    with own_errors():
        session = SparkSession.builder.remote(url).create()
        session.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES)])
        return session
