"""The API over a real lake, without Airflow: whatever is asked or stored, no answer is a server error."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from include.firstday import landing
from include.firstday.ingest import store_events
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import documents
from include.firstday.web.app import build
from include.firstday.web.auth import Gate
from include.firstday.web.reader import reader


def allowed() -> None:
    """Everybody may do everything."""


@pytest.fixture
def client(churn: UseCase) -> Iterator[TestClient]:
    gate = Gate(
        may_enter=allowed,
        may_read=allowed,
        may_edit=allowed,
        schedule=lambda dag: None,
        failed_runs=lambda name, since: [],
        user=lambda: "ada",
    )
    yield TestClient(build(gate), raise_server_exceptions=False)
    reader(churn.name).close()


def test_the_documentation_is_served_from_this_machine(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "SITE", tmp_path / "site")
    assert "make docs" in client.get("/docs/index.html").json()["detail"]
    (tmp_path / "site" / "concepts").mkdir(parents=True)
    (tmp_path / "site" / "concepts" / "models.html").write_text("<title>Models</title>")
    (tmp_path / "secret").write_text("secret")
    answer = client.get("/docs/concepts/models.html")
    assert (answer.status_code, answer.text) == (200, "<title>Models</title>")
    assert "default-src 'self';" in answer.headers["Content-Security-Policy"]
    assert client.get("/docs/..%2Fsecret").status_code == 404
    assert client.get("/docs/concepts").status_code == 404


@pytest.mark.parametrize(
    "path", ["users/%00", "users/a%00b/timeline", "users/%01/drivers", "users?search=%00", "users.csv?search=%00"]
)
def test_a_user_id_with_a_control_character_is_refused(client: TestClient, churn: UseCase, path: str) -> None:
    assert client.get(f"/api/{churn.name}/{path}").status_code == 422


def test_rejected_rows_and_files_of_any_text_are_shown(client: TestClient, churn: UseCase) -> None:
    lines = [rb'{"user_id":"\ud800","\udc00":1}', b"[" * 200_000, b"\xff\x00", b'{"user_id":"\\u0000"}']
    landing.deliver(churn.name, "a.ndjson", lambda path: path.write_bytes(b"\n".join(lines)))
    landing.deliver(churn.name, "b.csv", lambda path: path.write_bytes(b'user_id;name\n"a";"b\n'))
    landing.deliver(churn.name, "c.ndjson.gz", lambda path: path.write_bytes(b"no gzip"))
    store_events.store_events(churn)
    answer = client.get(f"/api/{churn.name}/lake")
    assert answer.status_code == 200
    assert sum(rule["rows"] for rule in answer.json()["rejected"]) == len(lines) + 2
    (file,) = answer.json()["quarantined"]
    assert file == {"name": "c.ndjson.gz", "reason": "file: cannot be read: Not a gzipped file"}
