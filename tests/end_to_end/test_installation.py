"""One really running installation, as people see it: from its first predictions, by a real browser, to a kill.

The tests take turns: what takes minutes is begun by the first ones and looked at by later ones.
"""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import psutil
import pytest
from playwright.sync_api import Browser, Frame, expect

from include.firstday.settings import REPOSITORY
from include.firstday.use_case import use_case
from tests.end_to_end.conftest import Visitor
from tests.installation import PROCESS_EVENTS, SOON_SECONDS, TRAINED_SECONDS, Installation, asked, get, wait_until
from tests.test_tutorials import steps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

TABS = ("overview", "users", "model", "lake", "api")
AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
TOO_WIDE = """[...document.querySelectorAll("main *")].filter(one => one.getBoundingClientRect().right > innerWidth)
.map(one => one.outerHTML.slice(0, 200))"""
USER = "seen-in-the-browser"
TRAINING = "first_day_churn.train_model"
AHEAD = timedelta(hours=1, seconds=100)  # of the clock: refused in the next minute, good soon after


def post(installation: Installation, rows: list[dict[str, Any]]) -> int:
    body = "\n".join(map(json.dumps, rows)).encode()
    headers = {"Authorization": f"Bearer {installation.token()}", "Content-Type": "application/x-ndjson"}
    answer = get(f"{installation.airflow}/firstday/api/first_day_churn/events", body, **headers)
    return int(answer["accepted"])


def event(kind: str, moment: datetime, **more: str) -> dict[str, str]:
    return {"event_type": kind, "user_id": USER, "event_time": moment.isoformat(), **more}


def violations(frame: Frame) -> list[str]:
    """What axe (https://github.com/dequelabs/axe-core) has against what is shown."""
    frame.evaluate(AXE)
    found = frame.evaluate("async () => (await axe.run(document)).violations")
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.fixture(scope="module", autouse=True)
def ahead(installation: Installation) -> datetime:
    """Posts what the tests look for: a user's bets, a row without its user, and one from a clock that is ahead of ours.

    Returns the moment of that last row.
    """
    now = datetime.now(UTC)
    bets = [event("new_bet", now - timedelta(milliseconds=row), bet_amount="2.50") for row in range(5000)]
    opening = [
        event("new_registration", now - timedelta(minutes=9), postcode="10115"),
        event("new_purchases", now - timedelta(minutes=8), amount="25.00"),
    ]
    assert post(installation, [*opening, *bets]) == 5002
    assert post(installation, [event("new_bet", now + AHEAD, bet_amount="7.77"), {"event_type": "new_bet"}]) == 2
    return now + AHEAD


def test_the_first_predictions_are_there_when_it_says_so(installation: Installation) -> None:
    row = installation.query(
        "select count(*) as predictions, count(distinct model_version) as versions, min(model_version) as version "
        "from predictions"
    )[0]
    assert int(row["predictions"]) > 0
    assert (row["versions"], row["version"]) == ("1", "1")


def test_every_dag_is_there_paused_as_its_use_case_says_and_without_import_errors(installation: Installation) -> None:
    assert installation.api("importErrors")["import_errors"] == []
    dags = {dag["dag_id"]: dag["is_paused"] for dag in installation.api("dags")["dags"]}
    whole = {"maintain_airflow"}  # of the installation
    # A DAG for what the YAML names, or none.
    elsewhere = {"check_use_cases", "consume_source", "deliver_predictions", "measure_effect", "train_uplift"}
    files = {path.stem for path in (REPOSITORY / "dags").glob("*.py")} - elsewhere - whole
    assert PROCESS_EVENTS in dags
    cases = [use_case.load(name) for name in use_case.names()]
    assert set(dags) == whole | {f"{case.name}.{file}" for case in cases for file in files}
    assert {dag for dag, is_paused in dags.items() if is_paused} == {
        f"{case.name}.{file}" for case in cases for file in files if case.starts_paused
    }


def test_the_shipped_model_is_the_champion_in_mlflow(installation: Installation) -> None:
    alias = "api/2.0/mlflow/registered-models/alias?name=first_day_churn&alias=champion"
    assert get(f"{installation.mlflow}/{alias}")["model_version"]["version"] == "1"


def test_the_page_is_in_airflow_and_fills(visitor: Visitor, pictures: Path) -> None:
    visitor.page.goto(visitor.url)
    visitor.page.get_by_role("link", name="Firstday").click()
    frame = visitor.firstday()
    expect(frame.locator(".state")).to_contain_text("healthy", ignore_case=True)
    expect(frame.locator(".plot canvas").first).to_be_visible()
    tiles = frame.locator(".tile").all_inner_texts()
    assert len(tiles) == 8
    assert any("version 1" in text for text in tiles)
    frame.wait_for_timeout(1000)
    visitor.page.screenshot(path=pictures / "page_overview.png")
    assert visitor.errors == []
    assert visitor.outside == []


def test_training_is_triggered_by_airflows_form(visitor: Visitor, installation: Installation) -> None:
    page = visitor.page
    page.goto(f"{visitor.url}/dags/{TRAINING}")
    page.get_by_role("button", name="Trigger Dag").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("spinbutton", name="Up to micro-batch")).to_be_visible()
    expect(dialog).to_contain_text("Train on what was stored up to it")
    dialog.get_by_role("button", name="Trigger", exact=True).click()
    wait_until(lambda: bool(trainings(installation)), 30)


def trainings(installation: Installation) -> list[dict[str, Any]]:
    """The trainings that somebody has triggered."""
    runs = installation.api(f"dags/{TRAINING}/dagRuns")["dag_runs"]
    return [run for run in runs if run["run_type"] == "manual"]


def test_everything_listens_on_this_machine_only_and_needs_a_login(installation: Installation) -> None:
    addresses = {
        connection.laddr.ip
        for process in installation.processes()
        for connection in asked(process, lambda process: process.net_connections("inet"), [])
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{installation.airflow}/api/v2/dags")


def test_the_documentation_needs_a_login(installation: Installation) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{installation.airflow}/firstday/docs/index.html")


def test_the_commands_of_the_first_hour_work_beside_the_servers(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    text = (REPOSITORY / "docs" / "tutorials" / "first-hour.md").read_text(encoding="utf-8")
    commands = [step.commands for step in steps(text)]
    assert len(commands) == 2
    for each in commands:
        subprocess.run(["bash", "-euc", each], cwd=tmp_path, env=installation.environment, check=True, timeout=120)
    mine = (
        "select (select count(*) from events where user_id = 'me') as stored, count(*) as rejected "
        "from rejected_events where source_file like 'me%'"
    )
    wait_until(lambda: installation.query(mine)[0] == {"stored": "2", "rejected": "1"}, every=2)


def test_airflows_command_line_speaks_to_it(installation: Installation) -> None:
    assert PROCESS_EVENTS in installation.command(
        "include.firstday.stack", "airflow", "dags", "list", "--output", "plain"
    )


@pytest.mark.parametrize(
    ("theme", "width"),
    [("light", 390), *(pytest.param(theme, 1360, marks=pytest.mark.release) for theme in ("light", "dark"))],
)
def test_every_tab_passes_axe_and_fits(browser: Browser, installation: Installation, theme: str, width: int) -> None:
    visitor = Visitor(browser, installation, width, theme)
    try:
        for tab in TABS:
            frame = visitor.firstday(tab)
            assert frame.evaluate("document.documentElement.classList.contains('dark')") == (theme == "dark")
            assert violations(frame) == [], tab
            assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), frame.evaluate(TOO_WIDE)
        assert visitor.errors == []
    finally:
        visitor.context.close()


def test_an_address_outside_the_frame_leads_into_it(visitor: Visitor, installation: Installation) -> None:
    """What is chosen in the frame is in the browser's address, and a reload leads there again."""
    user = installation.firstday("users?limit=1")["users"][0]["user_id"]
    frame = visitor.firstday(f"users/{user}")
    expect(frame.get_by_role("heading", name=user)).to_be_visible()
    address = f"{visitor.url}/plugin/firstday/firstday/#first_day_churn/users/{user}"
    visitor.page.wait_for_function("address => location.href === address", arg=address)
    visitor.page.reload()
    expect(visitor.page.frame_locator("iframe").get_by_role("heading", name=user)).to_be_visible()
    other = visitor.context.new_page()
    other.goto(f"{visitor.url}/plugin/firstday/firstday/#first_day_churn/lake")
    expect(other.frame_locator("iframe").get_by_role("heading", name="Tables")).to_be_visible(timeout=60_000)


def test_the_keyboard_is_enough(visitor: Visitor) -> None:
    frame = visitor.firstday()
    frame.locator("nav a").first.focus()
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    frame.wait_for_selector("nav a[aria-current][href$='/users']")
    frame.wait_for_selector("#search")
    frame.locator("#search").focus()
    visitor.page.keyboard.type("0")
    for _ in range(7):  # longer than the page waits between two looks: what is typed stays, and so does the cursor
        frame.wait_for_timeout(1000)
    assert frame.evaluate("document.activeElement.id") == "search"
    first = frame.locator("#listed tbody a").first
    expect(first).to_have_text(re.compile("^0"))
    first.focus()
    visitor.page.keyboard.press("Enter")
    expect(frame.get_by_role("heading", name="Probability of churn over time")).to_be_visible()


def test_posted_events_arrive_in_the_chart_and_are_scored(
    visitor: Visitor, installation: Installation, pictures: Path
) -> None:
    frame = visitor.firstday("users")
    frame.fill("#search", USER)
    row = frame.locator("#listed tbody tr", has_text=USER)
    expect(row).to_contain_text("%", timeout=SOON_SECONDS * 1000)
    row.get_by_role("link").click()
    expect(frame.get_by_text("bet_count").first).to_be_visible()
    expect(frame.get_by_text("Shapley values")).to_be_visible(timeout=60_000)
    frame.wait_for_timeout(500)
    visitor.page.screenshot(path=pictures / "page_user.png")
    user = installation.firstday(f"users/{USER}")
    assert user["features"]["bet_count"] == 5000
    assert 0 <= user["prediction"]["probability"] <= 1
    frame = visitor.firstday("overview")
    said = frame.get_by_role("img", name="Events per minute, by type").get_attribute("aria-label")
    highest = re.search(r"new bet: newest [\d.,]+, highest ([\d.,]+)", str(said))
    assert highest is not None, said
    # All of them are within seconds, which two steps of the chart may share.
    assert float(highest[1].rstrip(",").replace(",", "")) >= 2500
    assert visitor.errors == []


def test_a_refused_row_is_replayed_from_the_page(
    visitor: Visitor, installation: Installation, ahead: datetime, pictures: Path
) -> None:
    """A row from a clock that is ahead is refused; once its moment is less than an hour ahead, a replay stores it."""
    frame = visitor.firstday("lake")
    rule = frame.locator("tbody tr", has_text="event_time: expected at most an hour ahead")
    expect(rule).to_be_visible(timeout=SOON_SECONDS * 1000)
    visitor.page.screenshot(path=pictures / "page_lake.png")
    time.sleep(max(0.0, (ahead - timedelta(hours=1) - datetime.now(UTC)).total_seconds() + 2))
    rule.get_by_role("button", name="Replay").click()
    rule.get_by_role("button", name="Replay, and store 1 row").click()
    expect(rule.get_by_text("Started")).to_be_visible()
    stored = f"select count(*) as n from events where bet_amount = 7.77 and user_id = '{USER}'"
    wait_until(lambda: installation.query(stored)[0]["n"] == "1", every=2)
    ended = frame.get_by_role("status").filter(has_text="event_time: expected at most an hour ahead")
    ended.get_by_role("link", name="Airflow run").click()
    visitor.page.wait_for_url("**/dags/first_day_churn.replay_rejected/runs/**")
    wait_until(lambda: "1 stored as events" in str(replay_note(installation)), every=2)


def replay_note(installation: Installation) -> str | None:
    note: str | None = installation.api("dags/first_day_churn.replay_rejected/dagRuns")["dag_runs"][0]["note"]
    return note


def test_a_link_leads_out_of_the_frame_to_airflows_run(visitor: Visitor, installation: Installation) -> None:
    frame = visitor.firstday("lake")
    link = frame.get_by_role("region", name="Micro-batches, newest first").get_by_role("link").first
    link.click()
    visitor.page.wait_for_url("**/dags/first_day_churn.*/runs/**")
    dag, run = re.findall(r"/dags/([^/]+)/runs/([^/?]+)", unquote(visitor.page.url))[0]
    # The note is written when the run ends, which may be after its batch is listed.
    wait_until(lambda: "stored" in str(installation.api(f"dags/{dag}/dagRuns/{quote(run)}")["note"]), every=2)
    visitor.page.reload()
    expect(visitor.page.get_by_text("stored").first).to_be_visible()


def test_what_it_has_trained_is_seen_on_the_page_and_in_mlflow(
    visitor: Visitor, installation: Installation, pictures: Path
) -> None:
    wait_until(lambda: trainings(installation)[0]["state"] in ("success", "failed"), TRAINED_SECONDS, every=3)
    assert trainings(installation)[0]["state"] == "success"
    frame = visitor.firstday("model")
    row = frame.locator("tbody tr", has_text="version 2")
    expect(row).to_be_visible(timeout=90_000)  # what the registry says is remembered for half a minute
    frame.wait_for_timeout(500)
    visitor.page.screenshot(path=pictures / "page_model.png")
    with visitor.context.expect_page() as lake:
        row.get_by_role("link", name="run").click()
    mlflow = lake.value
    mlflow.wait_for_load_state()
    assert mlflow.url.startswith(installation.mlflow)
    expect(mlflow.get_by_text("log_loss").first).to_be_visible(timeout=60_000)


def test_a_minute_comes_in_and_is_scored(installation: Installation) -> None:
    newest = "select max(batch_id) as batch, max(scored_at) as scored_at, count(*) as predictions from predictions"
    before, runs = installation.query(newest)[0], installation.successful_runs()
    wait_until(lambda: int(installation.query(newest)[0]["batch"]) > int(before["batch"]), every=2)
    after = installation.query(newest)[0]
    assert int(after["predictions"]) > int(before["predictions"])
    assert after["scored_at"] > before["scored_at"]
    wait_until(lambda: installation.successful_runs() > runs, every=2)


def test_airflow_does_not_keep_the_id_of_an_erased_user(installation: Installation) -> None:
    dag, user_id = "first_day_churn.forget_user", "nobody-with-this-id-4711"
    conf = {"user_id": user_id, "dry_run": False, "confirmation": user_id}
    body = json.dumps({"conf": conf, "logical_date": None}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {installation.token()}"}
    run = get(f"{installation.airflow}/api/v2/dags/{dag}/dagRuns", body, **headers)["dag_run_id"]
    wait_until(lambda: installation.api(f"dags/{dag}/dagRuns/{run}")["state"] == "success", every=1)
    with closing(sqlite3.connect(installation.home / "airflow" / "airflow.db")) as database:
        dumped = "\n".join(database.iterdump())
    assert "forget_user" in dumped
    assert user_id not in dumped
    logs = [path for path in installation.home.rglob("*.log") if user_id.encode() in path.read_bytes()]
    assert not logs


def test_a_killed_scheduler_is_started_again(installation: Installation) -> None:
    killed = installation.server("scheduler")
    workers = killed.children()
    killed.kill()
    wait_until(lambda: "scheduler had ended and was started again" in installation.said(), 60)
    assert not [worker for worker in workers if worker.is_running()]
    runs = installation.successful_runs()
    wait_until(lambda: installation.successful_runs() > runs, 150, every=2)


def test_no_secret_is_in_a_log_or_in_what_a_pipe_sees(installation: Installation) -> None:
    secrets = [
        *json.loads((installation.home / "airflow" / "secrets.json").read_text()).values(),
        json.loads((installation.home / "airflow" / "passwords.json").read_text())["admin"],
    ]
    logs = [path for folder in ("logs", "stack", "airflow/logs") for path in (installation.home / folder).rglob("*")]
    texts = [installation.said(), *(path.read_text(errors="replace") for path in logs if path.is_file())]
    assert len(texts) > 5
    assert not [text for text in texts if any(secret in text for secret in secrets)]


def test_it_stops_all_and_goes_on_where_it_was(installation: Installation) -> None:
    """Asked to stop, it leaves no process; killed outright, its servers go too; each time the data stays."""
    started = installation.processes()
    installation.process.send_signal(signal.SIGINT)
    assert installation.process.wait(60) == 0
    assert [process for process in [*started, *installation.processes()] if process.is_running()] == []
    before = installation.query("select count(*) as predictions from predictions")[0]

    installation.start()
    after = installation.query("select count(*) as predictions from predictions")[0]
    assert int(after["predictions"]) >= int(before["predictions"])
    started = installation.processes()
    installation.process.kill()
    installation.process.wait()
    wait_until(lambda: not [process for process in started if process.is_running()], 60)
