"""The page and its API in Airflow's own web server: who may do what, and what comes back."""

import pytest

from tests.plugins.conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

API = "/firstday/api/first_day_churn"


def routes(server: Server) -> list[tuple[str, str]]:
    """Method and path of everything the app answers, the page's own files too."""
    schema = server.ask("/firstday/api/openapi.json", "viewer").json
    named = {"use_case": "first_day_churn", "user_id": "someone", "name": "page.css"}
    found = [(method.upper(), "/firstday" + path) for path, methods in schema["paths"].items() for method in methods]
    own = [("GET", f"/firstday/{path}") for path in ("", "static/page.css", "api/openapi.json")]
    return [(method, path.format(**named)) for method, path in found + own]


def test_there_are_routes(server: Server) -> None:
    paths = {path for _, path in routes(server)}
    assert {f"{API}/status", f"{API}/activity", "/firstday/api/use_cases", "/firstday/"} <= paths


def test_nobody_gets_in_without_a_login(server: Server) -> None:
    for method, path in routes(server):
        body = b"{}" if method == "POST" else None
        assert server.ask(path, body=body, method=method).code == 401, (method, path)
        assert server.ask(path, body=body, method=method, Authorization="Bearer x").code in (401, 403), (method, path)
    for path in ("/firstday/docs", "/firstday/openapi.json", "/firstday/redoc", "/firstday/static/../app.py"):
        assert server.ask(path, "viewer").code == 404, path


def test_viewers_read_and_do_not_write(server: Server) -> None:
    for method, path in routes(server):
        code = server.ask(path, "viewer", body=b"{}" if method == "POST" else None, method=method).code
        assert code == 403 if method == "POST" else code in (200, 404), (method, path, code)


def test_a_use_case_that_is_not_there_is_not_found(server: Server) -> None:
    answer = server.ask("/firstday/api/nothing_such/status", "viewer")
    assert answer.code == 404
    assert "there are: first_day_churn" in answer.json["detail"]
    assert server.ask("/firstday/api/..%2f..%2fetc/status", "viewer").code == 404


def test_every_answer_has_its_headers(server: Server) -> None:
    for path in ("/firstday/", f"{API}/status", "/firstday/static/page.css"):
        headers = server.ask(path, "viewer").headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_the_status_says_what_the_lake_holds(server: Server) -> None:
    status = server.ask(f"{API}/status", "viewer").json
    assert status["totals"]["events"] > 1000
    assert status["totals"]["predictions"] > 10
    assert status["users_in_window"] > 10
    assert status["last_micro_batch"]["batch_id"] >= 1
    assert [stage["task"] for stage in status["last_micro_batch"]["stages"]][:1] == ["store_events"]
    assert status["model"]["version"] == 1
    assert status["now"].endswith("Z")


def test_the_activity_adds_up_to_the_events(server: Server) -> None:
    events = server.ask(f"{API}/activity?hours=6", "viewer").json["events"]
    a_step = events["step_seconds"] / 60
    total = sum(value * a_step for values in events["values"].values() for value in values if value)
    assert set(events["values"]) == {"new_registration", "new_purchases", "new_bet", "new_win"}
    stored = server.ask(f"{API}/status", "viewer").json["totals"]["events"]
    assert total == pytest.approx(stored)
