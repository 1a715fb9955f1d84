"""Real servers of other people's, each of its own data and on a free port, for as long as a test session needs them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from include.firstday.servers import Credentials, rabbitmq, redis
from include.firstday.settings import REPOSITORY

START_SECONDS = 60
BENCH = REPOSITORY / ".venv-bench"  # where `make bench` installs Spark
NO_SPARK = "" if BENCH.exists() and shutil.which("java") else "needs Spark and Java: make bench installs Spark"
KAFKA = """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0})
broker = next(iter(producer.list_topics(timeout=20).brokers.values()))
print(f"{broker.host}:{broker.port}", flush=True)
sys.stdin.read()
"""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def is_open(port: int) -> bool:
    """Whether a server of this machine answers at a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def redis_server() -> Iterator[Credentials]:
    """Redis from Debian."""
    program = shutil.which("redis-server") or pytest.skip("no Redis server: apt-get install redis-server")
    at = Credentials("127.0.0.1", free_port())
    with _folder() as folder:
        command = [program, "--port", str(at.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        with _running(command, {}, folder):
            _await(lambda: redis.connect(at).ping())
            yield at


@contextmanager
def postgres_server() -> Iterator[Credentials]:
    """PostgreSQL from Debian."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    is_root = os.geteuid() == 0
    as_user = ["runuser", "-u", "postgres", "--"] if is_root else []  # the server refuses to run as root
    port = free_port()
    with _folder() as folder:
        if is_root:
            shutil.chown(folder, "postgres")

        def run(program: str, *arguments: str) -> None:
            command = [*as_user, str(programs[-1].with_name(program)), *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)

        run("initdb", "-D", f"{folder}/data", "-U", "firstday", "--auth=trust")
        options = f"-p {port} -k {folder} -h 127.0.0.1"
        run("pg_ctl", "-D", f"{folder}/data", "-w", "-o", options, "-l", f"{folder}/log", "start")
        try:
            yield Credentials("127.0.0.1", port, "firstday", "", "postgres")
        finally:
            run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")


@contextmanager
def rabbitmq_server() -> Iterator[Credentials]:
    """RabbitMQ from Debian, as whoever runs the tests, with an Erlang name server of its own."""
    program = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if not program.exists():
        pytest.skip("no RabbitMQ server: apt-get install rabbitmq-server")
    at = Credentials("127.0.0.1", free_port(), "guest", "guest")
    with _folder() as folder:
        environment = {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"firstday{at.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(at.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        # A name server that RabbitMQ had to start would stay.
        with _running(["epmd"], environment, folder), _running([str(program)], environment, folder):
            _await(lambda: rabbitmq.connect(at).close())
            yield at


@contextmanager
def kafka_server() -> Iterator[Credentials]:
    """One broker of librdkafka's own, which speaks Kafka's protocol by TCP and keeps its topics in memory."""
    command = [sys.executable, "-c", KAFKA]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        host, port = process.stdout.readline().strip().split(":")
        yield Credentials(host, int(port))
        process.kill()


@contextmanager
def s3_server() -> Iterator[Credentials]:
    """S3 by moto's server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Credentials(login="key", password="secret", extra={"endpoint_url": f"http://{host}:{port}"})
    server.stop()


@contextmanager
def spark_server(master: str) -> Iterator[str]:
    """The URL of a Spark Connect server, its executors where `master` says; their Python is that of the tests."""
    if NO_SPARK:
        pytest.skip(NO_SPARK)
    (spark,) = BENCH.glob("lib/python*/site-packages/pyspark")
    port = free_port()
    options = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
    }
    command = ["bin/spark-submit", "--master", master]
    command += [word for name, value in options.items() for word in ("--conf", f"{name}={value}")]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    with _folder() as folder:
        for each in ("bin", "jars", "python"):  # a home of its own, as executors write their logs into it
            (folder / each).symlink_to(spark / each)
        own = {"FIRSTDAY_HOME": str(folder), "SPARK_HOME": str(folder), "SPARK_LOCAL_DIRS": str(folder)}
        own["PYSPARK_PYTHON"] = sys.executable
        with _running(command, own, folder):
            _await(lambda: socket.create_connection(("127.0.0.1", port)).close(), 3 * START_SECONDS)
            yield f"sc://127.0.0.1:{port}"


@contextmanager
def sail(home: Path, mode: str) -> Iterator[str]:
    """The URL of a Sail server, whose executors are its threads; those of a `local-cluster` exchange rows by gRPC."""
    port = free_port()
    command = [sys.executable, "-m", "include.firstday", "engine", "sail", "--port", str(port)]
    with _folder() as folder, _running(command, {"FIRSTDAY_HOME": str(home), "SAIL_MODE": mode}, folder):
        _await(lambda: socket.create_connection(("127.0.0.1", port)).close())
        yield f"sc://127.0.0.1:{port}"


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="firstday-server-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _running(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    """A server in a process group of its own, which is killed as a whole."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(answers: Callable[[], object], seconds: float = START_SECONDS) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            answers()
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return
