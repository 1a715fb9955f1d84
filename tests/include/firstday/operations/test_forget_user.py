"""A forgotten person: no byte of them is left, nothing brings them back, and nobody else is touched."""

import gzip
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.firstday import landing
from include.firstday.delivery import deliver_predictions, publish_predictions
from include.firstday.errors import InputError
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import replay_rejected, store_events
from include.firstday.lake import statements
from include.firstday.lake.run import Run
from include.firstday.models import promotion, registry
from include.firstday.models.training.training_set import build_training_set
from include.firstday.operations import export_tables, forget_user, maintain_lake
from include.firstday.privacy import person_data, tombstones
from include.firstday.privacy.person_data import Person
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.use_case.events import Event
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
    assert tags["firstday.changed_after_logging"].startswith("a user was erased: training_set/")

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


def test_a_dry_run_counts_what_an_erasure_erases_and_its_certificate_names_nobody(churn: UseCase, home: Path) -> None:
    rows = [bet("the-victim", minute, bet_amount=1) for minute in range(3)] + [bet("somebody-else", 1, bet_amount=1)]
    rows.append(bet("the-victim", 4, bet_amount="none"))
    deliver(churn, "bets.ndjson", ndjson(*rows))
    process(churn)
    held = forget_user.find_user(churn, "the-victim")
    assert (held.rows["events"], held.rows["predictions"], held.rows["rejected_events"]) == (3, 0, 1)
    assert held.files > 0
    assert "3 in events" in forget_user.describe_held(held)
    assert select(churn, "select count(*) as n from events") == [{"n": 4}]
    run = Run(dag="first_day_churn.forget_user", run="manual", task="erase")
    done = forget_user.forget_user(churn, "the-victim", run)
    path = forget_user.certificate(churn, "the-victim", done, run)
    about = json.loads(path.read_text())
    assert (about["rows"], about["erased_by"]) == (done.rows, run.id)
    assert done.rows == sum(held.rows.values())
    assert about["user_sha256"] == select(churn, "select user_sha256 from tombstones")[0]["user_sha256"]
    assert "victim" not in path.name + path.read_text()
    assert forget_user.find_user(churn, "the-victim") == forget_user.Held(dict.fromkeys(held.rows, 0), 0)


def test_who_is_unknown_is_kept_away_from_now_on(churn: UseCase) -> None:
    assert forget_user.forget_user(churn, "never-seen").rows == 0
    deliver(
        churn, "a.ndjson", b'{"user_id": "never-seen", "event_type": "new_bet", "event_time": "2026-11-20T10:00:00Z"}'
    )
    (batch,) = store_events.store_events(churn)
    assert (batch.rows_stored, batch.rows_rejected) == (0, 0)


def test_an_id_in_the_name_of_a_landing_file_is_erased_too(churn: UseCase, home: Path) -> None:
    anna, ben = "anna-12345678", "ben-12345678"
    rows = [bet(user_id, 1, bet_amount=1) for user_id in (anna, ben)]
    deliver(churn, f"{anna}.ndjson", ndjson(*rows) + b"broken\n")
    deliver(churn, f"{anna} cut.ndjson.gz", gzip.compress(ndjson(*rows))[:-9])
    deliver(churn, f"of {anna}9.ndjson", ndjson(bet(ben, 2, bet_amount=1)))  # another's id
    process(churn)
    deliver(churn, f"{anna}.ndjson", ndjson(bet(ben, 3, bet_amount=1)))
    forget_user.forget_user(churn, anna)
    process(churn)
    assert [path for path in home.rglob("*") if anna in path.name.replace(f"{anna}9", "")] == []
    assert [path for path, said in everything(home) if anna.encode() in said.replace(f"{anna}9".encode(), b"")] == []
    stored = select(churn, "select user_id, source_file from events order by event_time")
    files = ["erased.ndjson", f"of {anna}9.ndjson", "erased.ndjson"]
    assert stored == [{"user_id": ben, "source_file": name} for name in files]
    rejected = select(churn, "select source_file, raw from rejected_events order by 1")
    assert [row["source_file"] for row in rejected] == ["erased cut.ndjson.gz", "erased.ndjson"]


def test_a_truncated_file_of_an_erased_user_is_not_kept_in_quarantine(churn: UseCase, home: Path) -> None:
    forget_user.forget_user(churn, "anna-12345678")
    deliver(
        churn, "hers.ndjson.gz", gzip.compress(ndjson(*[bet("anna-12345678", 1)] * 99, bet("ben-12345678", 2)))[:-9]
    )
    deliver(churn, "his.ndjson.gz", gzip.compress(ndjson(*[bet("ben-12345678", 1)] * 99))[:-9])
    store_events.store_events(churn)
    assert landing.quarantined(churn.name) == ["his.ndjson.gz"]
    assert list(home.rglob("hers*")) == []


def test_an_enrichment_table_brings_nobody_back(
    churn: UseCase, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(statements.SQL, tmp_path / "sql")
    monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
    table = "create table if not exists segments (user_id varchar not null, segment varchar, batch_id bigint not null)"
    (tmp_path / "sql" / "use_cases" / churn.name / "enrichment" / "segments.sql").write_text(f"-- One row.\n{table}")
    (first := tmp_path / "segments.csv").write_text("user_id,segment\nanna-12345678,a\nben-12345678,b\n")
    case = churn.model_copy(update={"enrichment": churn.enrichment | {"segments": str(first)}})
    process(case)
    forget_user.forget_user(case, "anna-12345678")
    deliver(case, "segments/late.csv", b"user_id,segment\nanna-12345678,c\nben-12345678,d\n")
    store_events.store_events(case)
    found = [{"user_id": "ben-12345678", "segment": segment} for segment in "bd"]
    assert select(case, "select user_id, segment from segments order by batch_id") == found
    assert select(case, "select rows_stored from consumed_files") == [{"rows_stored": 1}]
    assert_no_trace(home, "anna-12345678")


def test_what_the_lake_says_of_a_forgotten_user_does_not_say_who(churn: UseCase) -> None:
    forget_user.forget_user(churn, "anna-77777777")
    forget_user.forget_user(churn, "anna-77777777")
    rows = select(churn, "from tombstones")
    assert len(rows) == 1
    assert "anna" not in str(rows)
    messages = select(churn, "select commit_message from ducklake_snapshots('lake')")
    assert "anna" not in str(messages)


def bet(user_id: str, minute: int, **more: object) -> dict[str, object]:
    return {"user_id": user_id, "event_type": "new_bet", "event_time": f"2026-11-20T10:{minute:02}:00Z"} | more


def ndjson(*rows: dict[str, object]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


BOTH = ndjson(bet("anna-77777777", 1, bet_amount=1), bet("ben-77777777", 2, bet_amount=2))


def stored(case: UseCase) -> list[str]:
    return [str(row["user_id"]) for row in select(case, "select user_id from events order by all")]


@pytest.mark.parametrize("name", ["a.ndjson", "b.ndjson"])
def test_a_pending_copy_of_a_stored_file_is_not_stored_again_after_forgetting_one_of_its_users(
    churn: UseCase, name: str
) -> None:
    deliver(churn, "a.ndjson", BOTH)
    store_events.store_events(churn)
    deliver(churn, name, BOTH)
    forget_user.forget_user(churn, "anna-77777777")
    store_events.store_events(churn)
    assert stored(churn) == ["ben-77777777"]
    assert landing.pending(churn.name) == []


def test_what_was_rewritten_before_it_was_stored_is_known_when_it_arrives_again_as_it_was(churn: UseCase) -> None:
    deliver(churn, "a.ndjson", BOTH)
    forget_user.forget_user(churn, "anna-77777777")
    forget_user.forget_user(churn, "cara-77777777")
    store_events.store_events(churn)
    deliver(churn, "b.ndjson", BOTH)
    store_events.store_events(churn)
    assert stored(churn) == ["ben-77777777"]


def test_a_file_from_the_archive_that_was_rewritten_twice_is_not_stored_again(churn: UseCase) -> None:
    more = BOTH + ndjson(bet("cara-77777777", 3, bet_amount=3))
    deliver(churn, "a.ndjson", more)
    store_events.store_events(churn)
    for user_id in ("anna-77777777", "cara-77777777"):
        forget_user.forget_user(churn, user_id)
    folder = landing.folder(churn.name)
    (folder / landing.CONSUMED / "a.ndjson").rename(folder / "a.ndjson")
    store_events.store_events(churn)
    assert stored(churn) == ["ben-77777777"]


def test_a_rewritten_file_does_not_replace_a_newer_one_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(BOTH)

    def replace(copies: object) -> None:
        newer = tmp_path / "newer"
        newer.write_bytes(b"{}\n")
        newer.rename(path)

    person_data.scrub_files([path], Person("anna-77777777"), replace)
    assert path.read_bytes() == b"{}\n"
    assert list(tmp_path.iterdir()) == [path]


def test_the_catalogs_statistics_are_without_who_was_alone_in_a_file(churn: UseCase, home: Path) -> None:
    for user_id in ("anna-77777777", "ben-77777777"):
        deliver(
            churn, f"{user_id[:1]}.ndjson", ndjson(bet(user_id, 1, bet_amount=1), bet(user_id, 2) | {"event_type": "x"})
        )
        store_events.store_events(churn)
    forget_user.forget_user(churn, "anna-77777777")
    assert_no_trace(home, "anna-77777777")
    assert stored(churn) == ["ben-77777777"]
    forget_user.forget_user(churn, "ben-77777777")
    assert_no_trace(home, "ben-77777777")
    deliver(churn, "later.ndjson", ndjson(bet("mia-77777777", 3, bet_amount=1)))
    store_events.store_events(churn)
    assert select(churn, "select min(user_id) as least, max(user_id) as greatest from events") == [
        {"least": "mia-77777777", "greatest": "mia-77777777"}
    ]


def test_copies_that_a_killed_run_has_left_are_deleted(churn: UseCase, home: Path) -> None:
    """Also where they hold another user, who is forgotten next."""
    deliver(churn, "a.ndjson", BOTH)
    left = []
    for folder in (landing.folder(churn.name), home / "training" / churn.name, home / "exports" / churn.name):
        folder.mkdir(parents=True, exist_ok=True)
        left.append(folder / ".a.ndjson.scrubbed")
        left[-1].write_bytes(BOTH)
    forget_user.forget_user(churn, "ben-77777777")
    assert not [path for path in left if path.exists()]
    for path in left:
        path.write_bytes(BOTH)
    assert maintain_lake.drop_partial(churn, datetime(2100, 1, 1)) == len(left)


IDS = [" anna-777", "anna-777 ", "  anna-777 ", "anna 777", "anna,777", '"anna"', "ä"]


def test_an_id_is_forgotten_exactly_as_it_is_stored(churn: UseCase, home: Path) -> None:
    users = ["anna-777", *IDS]
    deliver(churn, "a.ndjson", ndjson(*(bet(user_id, 1, bet_amount=1) for user_id in users)))
    deliver(churn, "b.ndjson", ndjson(*(bet(user_id, 2) | {"event_type": "new_spin"} for user_id in IDS)))
    quoted = [user_id.replace('"', '""') for user_id in IDS]
    lines = "".join(f'"{user_id}",new_spin,x\n' for user_id in quoted)
    deliver(churn, "c.csv", f"user_id,event_type,event_time\n{lines}".encode())
    process(churn)
    assert sorted(stored(churn)) == sorted(users)
    for place, user_id in enumerate(IDS, 1):
        done = forget_user.forget_user(churn, user_id)
        left = users[place + 1 :]
        assert sorted(stored(churn)) == sorted(["anna-777", *left])
        assert len(select(churn, "from rejected_events")) == 2 * len(left)
        alike = sum(other.strip(" ") == "anna-777" for other in left) + 1 if user_id.strip(" ") == "anna-777" else 0
        assert done.alike == alike
        others = "1 other id differs" if alike == 1 else f"{alike} other ids differ"
        assert (others in forget_user.describe(done)) == (alike > 0)
    deliver(churn, "late.ndjson", ndjson(*(bet(user_id, 3, bet_amount=3) for user_id in IDS)))
    process(churn)
    assert stored(churn) == ["anna-777"]


def tombstone(case: UseCase, *user_ids: str) -> None:
    """Only the first step of forgetting, as a stage finds it that has read its rows before."""
    with open_lake(case) as lake, lake.transaction():
        for user_id in user_ids:
            tombstones.add(lake, user_id)


def test_no_stage_writes_who_is_being_forgotten(churn: UseCase, home: Path) -> None:
    generate_events.generate_history(churn, NOON, days=0.3)
    process(churn)
    promotion.register_bundled(churn)
    targets = {"archive": {"kind": "files", "folder": "archive", "when": {"probability_from": 0.0}}}
    case = UseCase.model_validate(churn.model_dump() | {"targets": targets})
    assert deliver_predictions.deliver_predictions(case, "archive") is None
    score_users.score_users(case)
    endangered, other = (
        str(row["user_id"])
        for row in select(case, "select user_id from predictions order by probability desc, user_id limit 2")
    )
    tombstone(case, endangered)
    published = publish_predictions.publish_predictions(case)
    assert deliver_predictions.deliver_predictions(case, "archive") is not None
    export_tables.export_tables(case)
    for folder in ("published", "exports"):
        said = [content for _, content in everything(home / folder)]
        assert any(other.encode() in content for content in said)
        assert not any(endangered.encode() in content for content in said)
    assert select(case, "select count(*) as n from predictions where predicted") == [{"n": (published or 0) + 1}]
    assert select(case, f"from deliveries where user_id = '{endangered}'") == []
    assert select(case, f"from deliveries where user_id = '{other}'") != []


@pytest.mark.slow
def test_no_training_set_holds_who_is_being_forgotten(churn: UseCase, home: Path) -> None:
    generate_events.generate_history(churn, NOON, days=1.6)
    process(churn)
    case = churn.model_copy(update={"training": churn.training.model_copy(update={"minimum_users": 20})})
    (row,) = select(
        case,
        "select min(user_id) as user_id from users "
        f"where window_start < timestamp '{NOON - timedelta(days=1.2):%Y-%m-%d %H:%M}'",
    )
    user_id = str(row["user_id"])
    built = build_training_set(case)
    path = Path(str(built["path"]))
    assert user_id in pq.read_table(path)["user_id"].to_pylist()
    tombstone(case, user_id)
    assert user_id not in pq.read_table(str(build_training_set(case)["path"]))["user_id"].to_pylist()


def test_a_replay_under_way_does_not_bring_back_who_is_forgotten(churn: UseCase) -> None:
    fixed = churn.model_copy(update={"events": dict(churn.events) | {"new_spin": Event()}})
    spins = [bet(user_id, 1) | {"event_type": "new_spin"} for user_id in ("anna-77777777", "ben-77777777")]
    deliver(churn, "a.ndjson", ndjson(*spins))
    store_events.store_events(churn)
    with ThreadPoolExecutor() as threads:
        with open_lake(churn) as lake, lake.transaction():
            replay = threads.submit(replay_rejected.replay_rejected, fixed)
            time.sleep(3)  # it has read its rows, and waits for the write lock
            assert not replay.done()
            tombstones.add(lake, "anna-77777777")
            (erased,) = lake.rows("operations/forget_user/rejected_with", words=["anna-77777777"])
            del erased["raw"]
            lake.delete_rows("rejected_events", **erased)
        assert replay.result(60).stored == 1
    assert stored(churn) == ["ben-77777777"]
    assert "anna" not in str(select(churn, "from rejected_events"))


def test_no_id_is_refused(churn: UseCase) -> None:
    with pytest.raises(InputError, match="expected the id of a user"):
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
