"""The profile `spark` of docker-compose.yaml: work over all users is computed by the service of that name."""

import json
from collections.abc import Iterator

import pytest

from include.firstday.stack import secrets_file
from tests.containers.stack import CASE, Stack
from tests.installation import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

SETTINGS = {"COMPOSE_PROFILES": "s3,spark", "FIRSTDAY_ENGINE": "spark", "FIRSTDAY_ENGINE_PARTITIONS": "5"}


@pytest.fixture
def spark(running: Stack) -> Iterator[Stack]:
    """The services, and `spark`, as these settings in `.env` start it."""
    file = running.folder / ".env"
    before = file.read_text()
    try:
        file.write_text("".join(f"{name}={value}\n" for name, value in (secrets_file.read(file) | SETTINGS).items()))
        running.build(FIRSTDAY_ENGINE="spark")
        running.compose("up", "--detach", "--no-deps", "spark")
        wait_until(running.is_healthy, 120, every=1)
        yield running
    finally:
        running.compose("rm", "--stop", "--force", "spark")
        file.write_text(before)


def test_a_rebuild_by_the_service_spark_changes_nothing(spark: Stack) -> None:
    (container,) = spark.containers("spark")
    shown = {name for name in secrets_file.MADE if name != "COMPOSE_PROFILES"}
    shown = {name for name in shown if spark.variables[name] in json.dumps(container)}
    assert shown == {"FIRSTDAY_S3_ACCESS_KEY", "FIRSTDAY_S3_SECRET_KEY"}
    assert not container["HostConfig"]["PortBindings"]
    command = ("firstday", "--use-case", CASE, "rebuild-features")
    printed = spark.compose("run", "--rm", "--no-deps", "-T", "worker", *command)
    assert "users recomputed up to micro-batch" in printed
    assert ": 0 differed" in printed
    log = spark.engine.run(["sh", "-c", f"docker logs {container['Id']} 2>&1"], 60)
    assert "creating session" in log
