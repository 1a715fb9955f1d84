"""The DAGs as Airflow reads them, and a run of one by `dag.test()` on a real lake."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.firstday.use_case import use_case

pytestmark = pytest.mark.usefixtures("airflow_tables")

ROOT = Path(__file__).resolve().parents[2]

# Airflow reads its configuration when it is first imported, so each look at it is a process of its own.
LOOK = """
from airflow.dag_processing.dagbag import DagBag
bag = DagBag({dags!r}, bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
"""


def airflow(code: str, home: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python under an Airflow of its own, in the test's home; `before` it reads the DAGs, and after."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "PYTHONPATH": str(ROOT),
        "FIRSTDAY_HOME": str(home),
    }
    text = before + LOOK.format(dags=str(ROOT / "dags")) + code
    return subprocess.run(
        [sys.executable, "-c", text],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run(code: str, home: Path, before: str = "") -> str:
    done = airflow(code, home, before)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return done.stdout


@pytest.mark.slow
def test_every_dag_has_its_docs_an_owner_tags_retries_and_timeouts(home: Path) -> None:
    out = run(
        """
assert len(bag.dags) >= 3, bag.dags
for dag in bag.dags.values():
    assert dag.doc_md and "**When it fails**" in dag.doc_md, dag.dag_id
    # With so many runs at work Airflow starts no other, timed or by an asset: a backlog makes no storm of runs.
    assert dag.description == dag.doc_md.splitlines()[0] and dag.fileloc.startswith(FOLDER), (dag.dag_id, dag.fileloc)
    assert dag.tags and not dag.catchup and dag.max_active_runs <= 2, (dag.dag_id, dag.max_active_runs)
    assert bool(dag.deadline) == dag.dag_id.endswith(".process_events"), dag.dag_id
    for name, param in dag.params.items():
        field = dag.params.get_param(name)
        assert field.schema.get("type") and field.schema.get("title"), (dag.dag_id, name)
        assert field.description or field.schema.get("description_md"), (dag.dag_id, name)
        # Airflow's form cannot be sent with an empty text, unless its type may be null.
        assert field.value != "", (dag.dag_id, name)
    for task in dag.tasks:
        assert task.owner == "firstday" and task.retries and task.execution_timeout, task.task_id
        assert task.doc_md or task.python_callable.__doc__, task.task_id
print("SEEN", sorted(bag.dags))
listed = sorted(bag.dags.values(), key=lambda dag: dag.dag_display_name)  # as Airflow lists them
print("LIST", [(dag.dag_display_name, dag.is_paused_upon_creation) for dag in listed])
""".replace("FOLDER", repr(str(ROOT / "dags"))),
        home,
    )
    (line,) = [line for line in out.splitlines() if line.startswith("LIST")]
    listed = ast.literal_eval(line.removeprefix("LIST "))
    assert "1. First-day churn: process events" in dict(listed)
    assert [paused for _, paused in listed[:-1]] == sorted(paused for _, paused in listed[:-1])
    assert listed[-1] == ("Maintain airflow", None)
    assert all(f"'{name}.process_events'" in out for name in use_case.names())


STATES = ("success", "skipped")


@pytest.mark.slow
def test_a_minute_goes_through_the_dag_into_the_lake(home: Path) -> None:
    out = run(
        """
from datetime import UTC, datetime
from include.firstday.generator import generate_events
from include.firstday.models import promotion
from include.firstday.operations import status
from include.firstday.use_case import use_case
case = use_case.load("first_day_churn")
generate_events.generate_history(case, datetime(2026, 11, 20, 12, tzinfo=UTC), days=0.1)
promotion.register_bundled(case)
for _ in range(2):
    dag = bag.dags["first_day_churn.process_events"]
    dag.deadline = None  # dag.test() cannot read deadlines, https://github.com/apache/airflow/issues/73428
    done = dag.test()
    print("STATES", sorted((task.task_id, str(task.state)) for task in done.get_task_instances()))
found = status.summary(case)
print("FOUND", found.events > 1000, found.predictions > 10, found.pending_files)
""",
        home,
    )
    states = [line for line in out.splitlines() if line.startswith("STATES")]
    # The second time nothing arrived, and nobody's silence passed a step.
    assert [line.removeprefix("STATES ") for line in states] == [f"[('micro_batch', '{state}')]" for state in STATES]
    assert "FOUND True True 0" in out


@pytest.mark.slow
def test_airflows_own_history_is_kept_for_its_days(home: Path) -> None:
    out = run(
        """
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from airflow.models.log import Log
from airflow.utils.session import create_session
from sqlalchemy import select

now = datetime.now(UTC)
logs = Path(os.environ["AIRFLOW_HOME"]) / "logs"
for name, age in (("old", timedelta(days=90)), ("young", timedelta(days=1))):
    with create_session() as session:
        session.add(row := Log(event=name))
        row.dttm = now - age
    log = logs / name / "attempt=1.log"
    log.parent.mkdir(parents=True)
    log.touch()
    os.utime(log, ((now - age).timestamp(),) * 2)
done = bag.dags["maintain_airflow"].test()
print("STATES", sorted((task.task_id, str(task.state)) for task in done.get_task_instances()))
with create_session() as session:
    print("EVENTS", sorted(set(session.scalars(select(Log.event))) & {"old", "young"}))
print("LOGS", sorted(path.name for path in logs.iterdir() if path.name in ("old", "young")))
""",
        home,
    )
    assert "STATES [('clean_database', 'success'), ('drop_logs', 'success')]" in out
    assert "EVENTS ['young']" in out
    assert "LOGS ['young']" in out


@pytest.mark.slow
def test_a_broken_use_case_is_an_import_error_and_the_others_run(home: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv*", "var", ".git", ".*_cache", "__pycache__"))
    broken = copy / "include" / "use_cases" / "broken"
    shutil.copytree(copy / "include" / "use_cases" / "first_day_churn", broken)
    (broken / "use_case.yaml").write_text("name: broken\n")
    environment = {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(copy / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(copy),
        "FIRSTDAY_HOME": str(home),
        "PATH": os.environ["PATH"],
    }
    code = """
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(DAGS, bundle_name="dags-folder")
print("DAGS", sorted(bag.dags))
print("ERRORS", bag.import_errors)
""".replace("DAGS,", f"{str(copy / 'dags')!r},")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "first_day_churn.process_events" in done.stdout
    (errors,) = [line for line in done.stdout.splitlines() if line.startswith("ERRORS")]
    assert "check_use_cases.py" in errors
    assert "broken/use_case.yaml: title: Field required" in errors


@pytest.mark.slow
def test_targets_and_sources_have_dags_of_their_own_and_credentials_from_connections(
    home: Path, tmp_path: Path
) -> None:
    """The project with both in its YAML: what is posted is signed with that password, what is in Kafka is taken."""
    import shutil

    copy = tmp_path / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv*", "var", ".git", ".*_cache", "__pycache__"))
    yaml = copy / "include" / "use_cases" / "first_day_churn" / "use_case.yaml"
    target = (
        "targets: {crm: {kind: http, url: 'http://127.0.0.1:PORT/', connection: crm}}\n"
        "sources: {clicks: {kind: kafka, topic: clicks, connection: kafka}}\n"
    )
    code = f"""
import hashlib, hmac, json, os, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

received = []
class Endpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.append((self.headers["Firstday-Signature"], body))
        self.send_response(200)
        self.end_headers()

server = HTTPServer(("127.0.0.1", 0), Endpoint)
threading.Thread(target=server.serve_forever, daemon=True).start()
yaml = Path({str(yaml)!r})
yaml.write_text(yaml.read_text() + {target!r}.replace("PORT", str(server.server_address[1])))
os.environ["AIRFLOW_CONN_CRM"] = '{{"conn_type": "http", "password": "secret"}}'
from confluent_kafka import Producer
cluster = Producer({{"bootstrap.servers": "", "test.mock.num.brokers": 1}})
broker = next(iter(cluster.list_topics(timeout=20).brokers.values()))
address = f"{{broker.host}}:{{broker.port}}"
os.environ["AIRFLOW_CONN_KAFKA"] = json.dumps({{"conn_type": "kafka", "extra": {{"bootstrap.servers": address}}}})

from airflow.dag_processing.dagbag import DagBag
bag = DagBag({str(copy / "dags")!r}, bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
from include.firstday.lake import checkpoints
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case
deliver = bag.dags["first_day_churn.deliver_to_crm"]
print("STATES", [str(task.state) for task in deliver.test().get_task_instances()])
with open_lake(use_case.load("first_day_churn")) as lake, lake.transaction():
    lake._connection.execute(
        "insert into predictions by name select 'u1' as user_id, 0.9 as probability, true as predicted, "
        "timestamp '2026-11-20' as scored_at, 1 as batch_id, 'm' as model_name, 1 as model_version"
    )
    checkpoints.advance(lake, "score_users", 0, 1)
print("STATES", [str(task.state) for task in deliver.test().get_task_instances()])
((signature, body),) = received
seconds, signed = (part.split("=")[1] for part in signature.split(","))
consume = bag.dags["first_day_churn.consume_clicks"]
cluster.produce("clicks", b'{{"event_type": "new_purchases", "user_id": "u1"}}')
cluster.flush()
for _ in range(2):
    print("STATES", [str(task.state) for task in consume.test().get_task_instances()])
from include.firstday import landing
print("LANDED", [file.path.read_text() for file in landing.pending("first_day_churn")])
print("SIGNED", signed == hmac.new(b"secret", seconds.encode() + b"." + body, hashlib.sha256).hexdigest())
"""
    environment = {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(copy / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(copy),
        "FIRSTDAY_HOME": str(home),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    states = [line for line in done.stdout.splitlines() if line.startswith("STATES")]
    assert states == [f"STATES ['{state}']" for state in ("skipped", "success", "success", "skipped")]
    assert """LANDED ['{"event_type": "new_purchases", "user_id": "u1"}\\n']""" in done.stdout
    assert "SIGNED True" in done.stdout


WITH_EXPERIMENT = """
from include.firstday.use_case import use_case
load = use_case.load
def with_experiment(name):
    case = load(name)
    if name != "first_day_churn":
        return case
    when = {"once": True, "holdout": {"share": 0.5, "salt": "spring"}, "budget": {"per_day": 99, "order_by": "uplift"}}
    targets = {"offers": {"kind": "files", "folder": "offers", "when": when}}
    generator = case.generator.model_dump() | {"response": {"target": "offers", "effect": 0.3}}
    return use_case.UseCase.model_validate(case.model_dump() | {"targets": targets, "generator": generator})
use_case.load = with_experiment
"""


@pytest.mark.slow
def test_a_use_case_with_an_experiment_delivers_measures_and_trains(home: Path) -> None:
    out = run(
        """
from datetime import UTC, datetime
from include.firstday.delivery import deliver_predictions
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.models import promotion
from include.firstday.scoring import score_users
case = use_case.load("first_day_churn")
promotion.register_bundled(case)
generate_events.generate_history(case, datetime.now(UTC).replace(second=0, microsecond=0), days=0.3)
store_events.store_events(case)
update_features.update_features(case)
deliver_predictions.deliver_predictions(case, "offers")
score_users.score_users(case)
for name in ("deliver_to_offers", "measure_effect", "train_uplift", "generate_events"):
    done = bag.dags[f"first_day_churn.{name}"].test()
    print("STATES", name, sorted((task.task_id, str(task.state)) for task in done.get_task_instances()))
""",
        home,
        WITH_EXPERIMENT,
    )
    states = dict(line.removeprefix("STATES ").split(" ", 1) for line in out.splitlines() if line.startswith("STATES"))
    assert states == {
        "deliver_to_offers": "[('deliver', 'success')]",
        "measure_effect": "[('alert', 'skipped'), ('measure', 'success')]",
        "train_uplift": "[('train_offers', 'skipped')]",
        "generate_events": "[('write_minutes', 'success')]",
    }
    assert "no outcomes of both arms are known yet" in out


@pytest.mark.slow
def test_a_version_registered_since_airflow_read_the_dags_is_promoted_and_an_unknown_one_named(home: Path) -> None:
    out = run(
        """
from include.firstday.models import promotion, registry
from include.firstday.use_case import use_case
case = use_case.load("first_day_churn")
promotion.register_bundled(case)
dag = bag.dags["first_day_churn.rollback_model"]
assert "examples" not in dag.params.get_param("version").schema  # the registry was empty when Airflow read the DAG
registry.register(case, registry.versions(case)[0].run_id, 0.5)
from airflow.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))  # what the API checks the conf of a run with
for version in (2, "1", 7, "two", 0):
    try:
        stored.params.deep_merge({"version": version}).validate()
    except ParamValidationError:
        print("REJECTED", version)
        continue
    done = dag.test(run_conf={"version": version})
    state = {task.task_id: str(task.state) for task in done.get_task_instances()}["put_back"]
    print("FOUND", version, state, registry.champion_version(case))
""",
        home,
    )
    found = [line for line in out.splitlines() if line.startswith(("FOUND", "REJECTED"))]
    assert found == ["FOUND 2 success 2", "FOUND 1 success 1", "FOUND 7 failed 1", "REJECTED two", "REJECTED 0"]
    assert "there is no version 7 in the registry; choose one of the registered versions: 2, 1" in out
