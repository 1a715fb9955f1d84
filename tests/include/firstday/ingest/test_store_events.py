"""The event handler: every row is stored or refused with its reason, once."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.firstday import landing
from include.firstday.errors import CheckpointConflictError
from include.firstday.ingest import staging, store_events
from include.firstday.lake import checkpoints
from include.firstday.lake.run import Run
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

STORED = {
    "events": "select * exclude (batch_id, ingested_at) from events order by all",
    # Of a file that cannot be read the reason names the path, which is another in another home.
    "rejected_events": "select * exclude (batch_id, rejected_at) "
    "replace (regexp_replace(reason, '/[^'']*/', '') as reason) from rejected_events order by all",
    "consumed_files": "select * exclude (batch_id, quarantined_ns) from consumed_files order by all",
}
BET = {"user_id": "u1", "event_type": "new_bet", "event_time": "2026-11-20T10:00:00Z", "bet_amount": 1.5}


def deliver(case: UseCase, name: str, content: bytes) -> None:
    landing.deliver(case.name, name, lambda path: path.write_bytes(content))


def ndjson(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def select(case: UseCase, text: str) -> list[dict[str, object]]:
    with open_lake(case, read_only=True) as lake:
        return lake.query(text).to_pylist()


def reasons(case: UseCase) -> list[tuple[object, object]]:
    rows = select(case, "select row_number, reason from rejected_events order by row_number, reason")
    return [(row["row_number"], row["reason"]) for row in rows]


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz", "a.jsonl", "a.csv", "a.parquet"])
def test_every_format_stores_the_same_event_by_one_statement(
    churn: UseCase, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_stage_file", None)  # the way of a file with a broken row
    if name.endswith(".csv"):
        content = b"user_id,event_type,event_time,bet_amount\nu1,new_bet,2026-11-20T12:00:00+02:00,1.50\n"
    elif name.endswith(".parquet"):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([BET]), sink)
        content = sink.getvalue().to_pybytes()
    else:
        content = ndjson(BET)
    deliver(churn, name, gzip.compress(content) if name.endswith(".gz") else content)
    (batch,) = store_events.store_events(churn)
    assert (batch.rows_stored, batch.rows_rejected) == (1, 0)
    (row,) = select(
        churn, "select user_id, event_type, event_time::varchar as event_time, bet_amount, source_file from events"
    )
    assert row["event_time"] == "2026-11-20 10:00:00"
    assert (row["user_id"], row["event_type"], float(str(row["bet_amount"])), row["source_file"]) == (
        "u1",
        "new_bet",
        1.5,
        name,
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_id": None}, "user_id: required, missing"),
        ({"user_id": " "}, "user_id: required, missing"),
        ({"event_type": None}, "event_type: required, missing"),
        (
            {"event_type": "refund"},
            "event_type: expected one of new_registration, new_purchases, new_bet, new_win, found 'refund'",
        ),
        ({"event_time": None}, "event_time: required, missing"),
        ({"event_time": "yesterday"}, "event_time: expected TIMESTAMP, found 'yesterday'"),
        (
            {"event_time": "1999-12-31T23:59:59Z"},
            "event_time: expected at least 2000-01-01 00:00:00, found 1999-12-31 23:59:59",
        ),
        ({"bet_amount": None}, "bet_amount: required by new_bet, missing"),
        ({"bet_amount": "NaN"}, "bet_amount: expected DECIMAL(18,2), found 'NaN'"),
        ({"bet_amount": -1}, "amount, bet_amount, win_amount: expected 0 to 999,999.99, found -1.00"),
        ({"bet_amount": 1e12}, "amount, bet_amount, win_amount: expected 0 to 999,999.99, found 1000000000000.00"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_and_the_others_go_on(
    churn: UseCase, change: dict[str, object], reason: str
) -> None:
    bad = BET | change
    deliver(churn, "a.ndjson", ndjson(BET, bad, BET | {"user_id": "u2"}))
    (batch,) = store_events.store_events(churn)
    assert (batch.rows_stored, batch.rows_rejected) == (2, 1)
    assert reasons(churn) == [(2, reason)]
    (kept,) = select(churn, "select raw from rejected_events")
    assert json.loads(str(kept["raw"])) == bad


def test_an_event_in_the_future_is_refused(churn: UseCase) -> None:
    deliver(churn, "a.ndjson", ndjson(BET | {"event_time": "2999-01-01T00:00:00Z"}))
    store_events.store_events(churn)
    ((number, reason),) = reasons(churn)
    assert number == 1
    assert str(reason).startswith("event_time: expected at most ")


def test_lines_that_are_no_events_are_refused_with_their_number_and_text(churn: UseCase) -> None:
    content = ndjson(BET) + b'{broken\n\n[1]\n3\n"text"\n\xff\xfe\n' + ndjson(BET | {"user_id": "u2"})
    deliver(churn, "a.ndjson", content)
    (batch,) = store_events.store_events(churn)
    assert (batch.rows_stored, batch.rows_rejected) == (2, 5)
    assert [number for number, _ in reasons(churn)] == [2, 4, 5, 6, 7]
    assert reasons(churn)[-1][1] == "line: expected UTF-8, found invalid start byte at byte 0"


def test_a_very_long_line_is_refused_without_being_kept(churn: UseCase) -> None:
    deliver(churn, "a.ndjson", b"x" * 40_000_000 + b"\n" + ndjson(BET))
    (batch,) = store_events.store_events(churn)
    assert (batch.rows_stored, batch.rows_rejected) == (1, 1)
    assert reasons(churn) == [(1, "line: expected at most 1,048,576 bytes, found 40,000,000")]


def test_a_truncated_file_goes_to_quarantine_as_a_whole(churn: UseCase, home: Path) -> None:
    whole = gzip.compress(ndjson(*[BET | {"user_id": f"u{n}"} for n in range(50_000)]))
    deliver(churn, "a.ndjson.gz", whole[: len(whole) // 2])
    deliver(churn, "b.ndjson", ndjson(BET))
    store_events.store_events(churn)
    assert (home / "landing" / churn.name / "quarantine" / "a.ndjson.gz").exists()
    ((number, reason),) = reasons(churn)
    assert number is None
    assert str(reason).startswith("file: cannot be read: ")
    assert select(churn, "select source_file, count(*) as n from events group by all") == [
        {"source_file": "b.ndjson", "n": 1}
    ]


@pytest.mark.parametrize("content", [b"not parquet", b""])
def test_an_unreadable_file_does_not_stop_the_files_behind_it(churn: UseCase, home: Path, content: bytes) -> None:
    deliver(churn, "a.parquet", content)
    deliver(churn, "b.ndjson", ndjson(BET))
    (batch,) = store_events.store_events(churn)
    assert (batch.rows_stored, batch.rows_rejected) == (1, 1)
    assert (home / "landing" / churn.name / "quarantine" / "a.parquet").exists()


def test_the_same_bytes_are_stored_once_whatever_their_name(churn: UseCase) -> None:
    deliver(churn, "a.ndjson", ndjson(BET))
    store_events.store_events(churn)
    deliver(churn, "a.ndjson", ndjson(BET))
    deliver(churn, "b.ndjson", ndjson(BET))
    assert store_events.store_events(churn) == []
    assert select(churn, "select count(*) as n from events") == [{"n": 1}]
    assert landing.pending(churn.name) == []


def test_links_and_folders_in_landing_are_left_alone(churn: UseCase, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ndjson"
    secret.write_bytes(ndjson(BET))
    where = landing.folder(churn.name)
    where.mkdir(parents=True)
    (where / "link.ndjson").symlink_to(secret)
    (where / "folder.ndjson").mkdir()
    assert store_events.store_events(churn) == []


def test_a_backlog_is_taken_in_bounded_batches_oldest_first(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.firstday.settings import settings

    monkeypatch.setenv("FIRSTDAY_BATCH_MEGABYTES", "1")
    settings.cache_clear()
    for name in ("c", "a", "b"):
        deliver(churn, f"{name}.ndjson", ndjson(*[BET | {"user_id": f"{name}{n}"} for n in range(7_000)]))
    batches = store_events.store_events(churn)
    assert [batch.files for batch in batches] == [1, 1, 1]
    order = select(churn, "select source_file from consumed_files order by batch_id")
    assert [row["source_file"] for row in order] == ["c.ndjson", "a.ndjson", "b.ndjson"]


def test_many_small_files_are_taken_in_bounded_batches_too_and_what_waits_is_said(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_events, "FILE_LIMIT", 3)
    for number in range(7):
        deliver(churn, f"{number}.ndjson", ndjson(BET | {"user_id": f"u{number}"}))
    said: list[str] = []
    batches = store_events.store_events(churn, on_batch=lambda batch: said.append(store_events.describe(batch)))
    assert [(batch.files, batch.files_pending) for batch in batches] == [(3, 4), (3, 1), (1, 0)]
    assert said[0] == "micro-batch 1: 3 events stored, 0 rejected, from 3 files; 4 files, 0.0 MB, pending"
    assert said[2] == "micro-batch 3: 1 event stored, 0 rejected, from 1 file"


def test_files_of_few_bytes_and_many_rows_are_taken_in_bounded_batches_too(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_events, "ROW_LIMIT", 250)
    for number in range(5):
        rows = pa.Table.from_pylist([BET | {"user_id": f"u{number}-{n}"} for n in range(100)])
        landing.deliver(churn.name, f"{number}.parquet", lambda path, rows=rows: pq.write_table(rows, path))
    deliver(churn, "broken.parquet", b"no Parquet")
    batches = store_events.store_events(churn)
    assert [(batch.files, batch.rows_stored) for batch in batches] == [(2, 200), (2, 200), (2, 100)]


def test_a_run_that_has_had_its_turn_leaves_the_rest_to_the_next(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_events, "FILE_LIMIT", 1)
    for number in range(2):
        deliver(churn, f"{number}.ndjson", ndjson(BET | {"user_id": f"u{number}"}))
    assert [batch.batch_id for batch in store_events.store_events(churn, seconds=0.001)] == [1]
    assert [file.name for file in landing.pending(churn.name)] == ["1.ndjson"]
    assert [batch.batch_id for batch in store_events.store_events(churn)] == [2]


def test_a_correction_of_the_enrichment_table_comes_through_landing(churn: UseCase) -> None:
    deliver(churn, "postcodes/fix.csv", b"postcode,socioeconomic_idx\n10000,77.5\n")
    (batch,) = store_events.store_events(churn)
    rows = select(
        churn, "select socioeconomic_idx as idx, batch_id from postcodes where postcode = '10000' order by batch_id"
    )
    assert [row["batch_id"] for row in rows] == [0, batch.batch_id]
    assert rows[-1]["idx"] == 77.5


def test_of_two_runs_at_once_one_stores_and_the_other_finds_nothing(churn: UseCase) -> None:
    deliver(churn, "a.ndjson", ndjson(BET))
    with open_lake(churn) as first, open_lake(churn) as second:
        after = checkpoints.of(first, "store_events")
        with first.transaction():
            checkpoints.advance(first, "store_events", after, after + 1)
        with pytest.raises(CheckpointConflictError), second.transaction():
            checkpoints.advance(second, "store_events", after, after + 1)


def test_a_twin_that_has_stored_the_same_files_meanwhile_costs_a_repeat_and_no_row(
    churn: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(churn, "a.ndjson", ndjson(BET))
    deliver(churn, "b.ndjson", ndjson(BET, BET | {"user_id": "u2"}))
    commit = store_events._commit

    def twin_then_commit(*arguments: object) -> object:
        monkeypatch.setattr(store_events, "_commit", commit)
        store_events.store_events(churn)
        return commit(*arguments)

    monkeypatch.setattr(store_events, "_commit", twin_then_commit)
    store_events.store_events(churn)
    assert select(churn, "select batch_id, rows_stored from micro_batches") == [{"batch_id": 1, "rows_stored": 3}]
    with open_lake(churn, read_only=True) as lake:
        assert checkpoints.of(lake, store_events.STAGE) == 1


def test_the_ledger_names_the_run(churn: UseCase) -> None:
    deliver(churn, "a.ndjson", ndjson(BET))
    store_events.store_events(churn, Run(dag="d", run="r", task="t"))
    (row,) = select(churn, "select airflow_run, rows_stored, rows_rejected from micro_batches")
    assert row == {"airflow_run": "d/r", "rows_stored": 1, "rows_rejected": 0}


def parquet(rows: list[dict[str, object]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


good_rows = st.lists(st.sampled_from([BET, BET | {"user_id": "u2", "bet_amount": 2.25}]), min_size=1, max_size=3)
some_rows = st.one_of(
    good_rows, good_rows, st.lists(st.sampled_from([BET, BET | {"event_type": "refund"}, {"user_id": "u3"}]))
)
some_files = st.one_of(
    some_rows.map(lambda rows: (".ndjson", ndjson(*rows))),
    some_rows.map(lambda rows: (".ndjson.gz", gzip.compress(ndjson(*rows)))),
    good_rows.map(lambda rows: (".parquet", parquet(rows))),
    good_rows.map(lambda rows: (".parquet", parquet([row | {"bet_amount": "2.5"} for row in rows]))),
    st.just((".parquet", parquet([{"landing_path": "a source's own", **BET, "bet_amount": -1.0}]))),
    st.sampled_from([(".ndjson", b'{"user_id": \n'), (".ndjson", b""), (".ndjson.gz", b"no gzip"), (".parquet", b"x")]),
)


@hypothesis_settings(max_examples=6)
@given(files=st.lists(some_files, min_size=2, max_size=6))
@example(files=[(".ndjson.gz", b"no gzip")] * 3 + [(".ndjson", ndjson(BET))] * 2)
def test_files_that_come_together_are_stored_and_refused_as_each_by_itself(
    churn: UseCase, tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]
) -> None:
    found = []
    for at_once in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FIRSTDAY_HOME", str(tmp_path_factory.mktemp("home")))
            settings.cache_clear()
            for number, (ending, content) in enumerate(files):
                deliver(churn, f"{number}{ending}", content)
                if not at_once:
                    store_events.store_events(churn)
            batches = store_events.store_events(churn)
            assert len(batches) == at_once
            found.append({table: select(churn, text) for table, text in STORED.items()})
    settings.cache_clear()
    assert found[0] == found[1]
