"""Lineage by OpenLineage, as really run tasks tell it: off unless asked for, tables by their names, and no person."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from include.firstday.settings import REPOSITORY, settings
from include.firstday.stack import environment
from include.firstday.stack.home import Home

pytestmark = pytest.mark.usefixtures("airflow_tables")

CODE = """
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(DAGS, bundle_name="dags-folder")
from datetime import UTC, datetime
from include.firstday.generator import generate_events
from include.firstday.use_case import use_case
case = use_case.load("first_day_churn")
minute = datetime(2026, 11, 20, 12, tzinfo=UTC)
generate_events.generate_minutes(case, minute, minute.replace(minute=2))
process = bag.dags["first_day_churn.process_events"]
process.deadline = None  # dag.test() cannot read deadlines, https://github.com/apache/airflow/issues/73428
process.test()
bag.dags["first_day_churn.forget_user"].test(run_conf={"user_id": "person-of-the-test"})
""".replace("DAGS", repr(str(REPOSITORY / "dags")))


def run(home: Path) -> str:
    """Run DAGs in the environment that `make run` gives its servers; what they print."""
    prepared = Home.of(settings())
    prepared.prepare()
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment.build(settings(), prepared) | {"FIRSTDAY_MLFLOW_URL": ""},  # no server
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout + done.stderr


@pytest.mark.slow
def test_tasks_tell_which_tables_they_read_and_write_and_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = home / "lineage.ndjson"
    to_file = {"type": "file", "log_file_path": str(told), "append": True}
    transport = {"type": "composite", "transports": {"file": to_file, "log": {"type": "console"}}}
    monkeypatch.setenv("FIRSTDAY_OPENLINEAGE", json.dumps(transport))
    settings.cache_clear()
    said = run(home)
    text = told.read_text()
    events: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    tables = {
        event["job"]["name"].removeprefix("first_day_churn.process_events."): (
            [one["name"].removeprefix("first_day_churn.") for one in event["inputs"]],
            [one["name"].removeprefix("first_day_churn.") for one in event["outputs"]],
        )
        for event in events
        if event["eventType"] == "COMPLETE" and event["inputs"]
    }
    assert tables["micro_batch"] == (["landing"], ["events", "user_features", "predictions"])
    assert "person-of-the-test" not in text
    assert "def micro_batch" not in text
    # To the log they tell the same.
    assert '"eventType": "COMPLETE"' in said
    assert "first_day_churn.user_features" in said
    assert "person-of-the-test" not in said


def test_nothing_is_told_unless_asked_for(home: Path) -> None:
    prepared = Home.of(settings())
    prepared.prepare()
    built = environment.build(settings(), prepared)
    assert {name: value for name, value in built.items() if "OPENLINEAGE" in name} == {
        "AIRFLOW__OPENLINEAGE__DISABLED": "True"
    }
