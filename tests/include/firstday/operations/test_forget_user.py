"""A forgotten person: no byte of them is left, nothing brings them back, and nobody else is touched."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import replay_rejected, store_events
from include.firstday.models import promotion, registry
from include.firstday.models.training.training_set import build_training_set
from include.firstday.operations import forget_user
from include.firstday.privacy import person_data
from include.firstday.privacy.person_data import Person
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.use_case.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TABLES = ("events", "users", "feature_state", "predictions", "rejected_events")


def deliver(case: UseCase, name: str, content: bytes) -> None:
    landing.deliver(case.name, name, lambda path: path.write_bytes(content))


def select(case: UseCase, text: str) -> list[dict[str, object]]:
    with open_lake(case, read_only=True) as lake:
        return lake.query(text).to_pylist()


def others(case: UseCase, victim: str) -> dict[str, pa.Table]:
    """Every row of every table that is not the victim's."""
    with open_lake(case, read_only=True) as lake:
        return {
            table: lake.query(f"from {table} where user_id is distinct from '{victim}' order by all")
            for table in TABLES[:-1]
        }


def everything(home: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below the home with what it says, unpacked by nothing that is under test."""
    for path in home.rglob("*"):
        if not path.is_file():
            continue
        if path.suffix == ".parquet":
            yield path, " ".join(text for column in pq.read_table(path).columns for text in texts(column)).encode()
        elif path.suffix == ".gz":
            yield path, gzip.decompress(path.read_bytes())
        yield path, path.read_bytes()


def texts(column: pa.ChunkedArray) -> Iterator[str]:
    """What a column says in words, each once."""
    if pa.types.is_nested(column.type):
        yield str(column.to_pylist())
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_binary(column.type):
        yield from map(str, column.unique().to_pylist())


def assert_no_trace(home: Path, *words: str) -> None:
    left = {(str(path), word) for path, said in everything(home) for word in words if word.encode() in said}
    assert not left


def process(case: UseCase) -> None:
    store_events.store_events(case)
    update_features.update_features(case)


@pytest.mark.slow
def test_no_byte_of_a_forgotten_person_is_left_and_nobody_else_is_touched(churn: UseCase, home: Path) -> None:
    generate_events.generate_history(churn, NOON, days=1.6)
    process(churn)
    promotion.register_bundled(churn)
    score_users.score_users(churn)
    publish_predictions.publish_predictions(churn)
    training = churn.training.model_copy(update={"minimum_users": 20})
    built = build_training_set(churn.model_copy(update={"training": training}))
    # The least id, as a file's and a table's statistics keep their least and greatest values.
    (victim,) = select(
        churn,
        "select min(predictions.user_id) as user_id from predictions inner join users using (user_id) "
        f"where users.window_start < timestamp '{NOON - timedelta(days=1.2):%Y-%m-%d %H:%M}'",
    )
    user_id = str(victim["user_id"])
    (person,) = select(
        churn, f"select name, street_address from events where user_id = '{user_id}' and name is not null"
    )
    name, address = str(person["name"]), str(person["street_address"])
    broken = [
        f'{{"user_id": "{user_id}", "event_type": "new_bet", ',
        json.dumps({"event_type": "new_registration", "name": name, "street_address": address}),
    ]
    late = {"user_id": user_id, "event_type": "new_bet", "event_time": "2026-11-20T11:00:00Z", "bet_amount": 1}
    spared = late | {"user_id": "somebody-else"}
    deliver(churn, "broken.ndjson", "\n".join(broken).encode())
    deliver(churn, "mixed.csv", f"user_id,event_type,event_time\n{user_id},new_spin,x\nother,new_spin,x\n".encode())
    process(churn)
    deliver(churn, "waiting.ndjson", "\n".join(json.dumps(row) for row in (late, spared)).encode())
    assert sum(user_id.encode() in said for _, said in everything(home)) > 10
    before = others(churn, user_id)

    done = forget_user.forget_user(churn, user_id)
    assert done.rows > 100
    assert done.files > 3
    assert done.runs == 1
    assert_no_trace(home, user_id, name, address)
    assert others(churn, user_id) == before
    assert [row["source_file"] for row in select(churn, "from rejected_events")] == ["mixed.csv"]
    tags = registry.client().get_run(str(built["run_id"])).data.tags
    assert tags["firstday.changed_after_logging"].startswith("a person was forgotten: training_set/")

    # Nothing brings them back: the file that waited, a late file, a replay, a repeat of it all.
    process(churn)
    packed = gzip.compress("\n".join(json.dumps(row) for row in (late, spared)).encode())
    deliver(churn, "late.ndjson.gz", packed)
    deliver(churn, "late.csv", f"user_id,event_type,event_time\n{user_id},new_spin,x\n".encode())
    process(churn)
    replay_rejected.replay_rejected(churn)
    deliver(churn, "again.ndjson.gz", packed)
    process(churn)
    assert_no_trace(home, user_id, name, address)
    assert select(churn, "select count(*) as n from events where user_id = 'somebody-else'") == [{"n": 2}]
    assert forget_user.forget_user(churn, user_id).rows == 0


def test_who_is_unknown_is_kept_away_from_now_on(churn: UseCase) -> None:
    assert forget_user.forget_user(churn, "never-seen").rows == 0
    deliver(
        churn, "a.ndjson", b'{"user_id": "never-seen", "event_type": "new_bet", "event_time": "2026-11-20T10:00:00Z"}'
    )
    (batch,) = store_events.store_events(churn)
    assert (batch.rows_stored, batch.rows_rejected) == (0, 0)


def test_what_the_lake_says_of_a_forgotten_user_does_not_say_who(churn: UseCase) -> None:
    forget_user.forget_user(churn, "anna-77777777")
    forget_user.forget_user(churn, "anna-77777777")
    rows = select(churn, "from tombstones")
    assert len(rows) == 1
    assert "anna" not in str(rows)
    messages = select(churn, "select commit_message from ducklake_snapshots('lake')")
    assert "anna" not in str(messages)


def test_no_id_is_refused(churn: UseCase) -> None:
    with pytest.raises(ValueError, match="expected the id of a user"):
        forget_user.forget_user(churn, " ")


ANNA = Person("anna-1", ("Anna Zoë", "1 Main St"))


@pytest.mark.parametrize(
    ("line", "is_hers"),
    [
        ('{"user_id": "anna-1"}', True),
        ('{"user_id": "anna-11", "friend": "anna-1"}', False),
        ('{"user_id": "ben", "name": "Anna Zoë", "street_address": "1 Main St"}', False),
        ('{"name": "Anna Zo\\u00eb", "street_address": "1 Main St"}', True),
        ('{"name": "Anna Zo\\u00eb"}', False),
        ('{"user_id": "anna-1", broken', True),
        ("anna-1,new_bet,x", True),
        ("anna-11,new_bet,x", False),
        ("new_bet;anna-1", True),
        ("Anna Zoë\t1 Main St", True),
        ("", False),
    ],
)
def test_a_line_is_a_persons_by_its_id_or_by_two_other_values(line: str, is_hers: bool) -> None:
    assert person_data.is_in_line(line.encode(), ANNA) == is_hers


@given(st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text and "\n" not in text))
def test_any_id_is_found_in_a_json_line_and_is_not_taken_for_another(user_id: str) -> None:
    person = Person(user_id)
    assert person_data.is_in_line(json.dumps({"user_id": user_id}).encode(), person)
    assert person_data.is_in_line(json.dumps({"user_id": user_id}, ensure_ascii=False).encode(), person)
    assert not person_data.is_in_line(json.dumps({"user_id": user_id + "0"}).encode(), person)


@pytest.mark.parametrize("name", ["a.csv", "a.ndjson", "a.ndjson.gz", "a.parquet"])
def test_a_file_is_rewritten_without_her_and_keeps_its_time(tmp_path: Path, name: str) -> None:
    import pyarrow as pa

    path, rows = tmp_path / name, [{"user_id": "anna-1", "x": "a"}, {"user_id": "ben", "x": 'b;"\n'}]
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif name.endswith(".csv"):
        path.write_text('user_id,x\nanna-1,a\nben,"b;""\n"\n')
    else:
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    time = path.stat().st_mtime_ns
    assert list(person_data.find(tmp_path, ANNA)) == [path]
    assert person_data.scrub(path, ANNA)
    assert path.stat().st_mtime_ns == time
    assert list(person_data.find(tmp_path, ANNA)) == []
    assert not person_data.scrub(path, ANNA)
    if name.endswith(".parquet"):
        assert pq.read_table(path).to_pylist() == rows[1:]
    elif name.endswith(".csv"):
        assert path.read_text() == 'user_id,x\nben,"b;""\n"\n'


def test_a_broken_file_that_holds_her_is_deleted_and_one_that_does_not_stays(tmp_path: Path) -> None:
    hers, other = tmp_path / "a.ndjson.gz", tmp_path / "b.ndjson.gz"
    person = Person("anna-long-enough")
    for path, user_id in ((hers, person.user_id), (other, "ben")):
        rows = "".join(json.dumps({"user_id": user_id, "n": number}) + "\n" for number in range(5000))
        path.write_bytes(gzip.compress(rows.encode())[:-20])
    assert person_data.scrub(hers, person)
    assert not hers.exists()
    assert not person_data.scrub(other, person)
    assert other.exists()
