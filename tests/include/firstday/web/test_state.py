"""The state line: each situation an operator can be in has its word and its reason."""

from dataclasses import replace
from datetime import datetime, timedelta

from include.firstday.web.auth import Schedule
from include.firstday.web.state import Work, state

NOW = datetime(2026, 11, 20, 12)
RUNNING = Schedule(is_paused=False, next_run_at=NOW + timedelta(seconds=30), last_state="success")
IDLE = Work(
    events=1000,
    pending_files=0,
    oldest_pending_at=None,
    stage_behind=None,
    behind=0,
    last_commit_at=NOW - timedelta(hours=1),
    has_champion=True,
)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def test_nothing_waits_so_it_is_healthy_however_long_ago_the_last_event_was() -> None:
    assert state(IDLE, RUNNING, NOW).level == "healthy"


def test_an_empty_lake_says_what_to_do() -> None:
    found = state(replace(IDLE, events=0), RUNNING, NOW)
    assert found.level == "empty"
    assert "unpause generate_events" in found.reasons[0]


def test_a_file_that_has_just_arrived_is_being_processed() -> None:
    waiting = replace(IDLE, pending_files=1, oldest_pending_at=ago(0.2))
    assert state(waiting, RUNNING, NOW).level == "healthy"


def test_files_that_wait_while_others_are_taken_are_a_backlog() -> None:
    backlog = replace(IDLE, pending_files=40, oldest_pending_at=ago(30), last_commit_at=ago(0.1))
    found = state(backlog, RUNNING, NOW)
    assert found.level == "behind"
    assert found.reasons[0] == "40 files are pending in landing, the oldest for 30 min."


def test_files_that_wait_while_nothing_is_committed_are_a_stall() -> None:
    stuck = replace(IDLE, pending_files=1, oldest_pending_at=ago(6), last_commit_at=ago(7))
    found = state(stuck, RUNNING, NOW)
    assert found.level == "stalled"
    assert "check that Airflow's scheduler is running" in found.reasons[-1]
    failed = state(stuck, replace(RUNNING, last_state="failed"), NOW)
    assert failed.reasons[-1] == "The last run of process_events failed: check its log."


def test_a_long_quiet_night_does_not_make_the_first_file_a_stall() -> None:
    first = replace(IDLE, pending_files=1, oldest_pending_at=ago(0.5), last_commit_at=ago(600))
    assert state(first, RUNNING, NOW).level == "healthy"


def test_a_paused_dag_is_a_stall_at_once() -> None:
    found = state(IDLE, replace(RUNNING, is_paused=True), NOW)
    assert (found.level, found.reasons[0]) == ("stalled", "process_events is paused: unpause it in Airflow.")


def test_a_use_case_that_was_never_started_is_empty_rather_than_stalled() -> None:
    found = state(replace(IDLE, events=0), replace(RUNNING, is_paused=True), NOW)
    assert found.level == "empty"
    assert "process_events is paused: unpause it in Airflow." in found.reasons


def test_scoring_without_a_champion_says_so() -> None:
    waiting = replace(IDLE, stage_behind="score_users", behind=5, last_commit_at=ago(0.5), has_champion=False)
    found = state(waiting, RUNNING, NOW)
    assert found.level == "behind"
    assert found.reasons == (
        "score_users is 5 micro-batches behind.",
        "No champion, so no users are scored: trigger train_model.",
    )


def test_a_problem_makes_a_pipeline_that_keeps_up_degraded_and_one_that_does_not_is_still_behind() -> None:
    problem = "The latest micro-batch rejected 13 of 16 rows."
    found = state(replace(IDLE, problems=(problem,)), RUNNING, NOW)
    assert (found.level, found.reasons) == ("degraded", (problem,))
    backlog = replace(IDLE, pending_files=40, oldest_pending_at=ago(30), last_commit_at=ago(0.1), problems=(problem,))
    found = state(backlog, RUNNING, NOW)
    assert found.level == "behind"
    assert problem in found.reasons


def test_a_dag_that_airflow_does_not_know_is_said() -> None:
    found = state(IDLE, None, NOW)
    assert found.level == "degraded"
    assert "check its Dag import errors" in found.reasons[0]


def test_a_failed_last_run_is_no_health() -> None:
    assert state(IDLE, replace(RUNNING, last_state="failed"), NOW).level == "degraded"
