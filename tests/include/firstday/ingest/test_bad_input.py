"""Bad input: whatever lies in landing, each good row is stored once and each bad one says why it is not.

Cases of a kind share one lake, as making a lake is what takes the time; each is a file of its own.
"""

import ctypes
import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.firstday import landing
from include.firstday.authoring import check_use_case
from include.firstday.features import update_features
from include.firstday.ingest import store_events
from include.firstday.lake import statements
from include.firstday.records import readers
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY
from include.firstday.use_case.use_case import UseCase

BET = {"user_id": "u1", "event_type": "new_bet", "event_time": "2026-11-20T10:00:00Z", "bet_amount": 1.5}
HEADER = b"user_id,event_type,event_time,bet_amount\n"
ROW = b"u1,new_bet,2026-11-20T10:00:00Z,1.5\n"

Stored = list[tuple[str, str]]
Refused = list[tuple[int | None, str]]


def ndjson(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def parquet(*rows: dict[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows)), sink)
    return bytes(sink.getvalue().to_pybytes())


def deliver(case: UseCase, name: str, content: bytes) -> Path:
    return landing.deliver(case.name, name, lambda path: path.write_bytes(content))


def store(case: UseCase, files: dict[str, bytes]) -> tuple[dict[str, Stored], dict[str, Refused]]:
    """Deliver the files, then a good one behind them; what was stored and refused of each."""
    for name, content in (files | {"behind.ndjson": ndjson(BET | {"user_id": "behind"})}).items():
        deliver(case, name, content)
    batches = store_events.store_events(case)
    stored, refused = found(case)
    assert stored.pop("behind.ndjson") == [("behind", "2026-11-20 10:00:00")]
    assert sum(batch.rows_stored for batch in batches) == sum(map(len, stored.values())) + 1
    assert sum(batch.rows_rejected for batch in batches) == sum(map(len, refused.values()))
    assert landing.pending(case.name) == []
    return stored, refused


def found(case: UseCase) -> tuple[dict[str, Stored], dict[str, Refused]]:
    with open_lake(case, read_only=True) as lake:
        events = lake.query("select source_file, user_id, event_time::varchar as at from events order by all")
        rejects = lake.query("select source_file, row_number, reason from rejected_events order by all")
    stored: dict[str, Stored] = {}
    refused: dict[str, Refused] = {}
    for row in events.to_pylist():
        stored.setdefault(row["source_file"], []).append((row["user_id"], row["at"]))
    for row in rejects.to_pylist():
        refused.setdefault(row["source_file"], []).append((row["row_number"], row["reason"]))
    return stored, refused


def is_quarantined(case: UseCase, name: str) -> bool:
    return (landing.folder(case.name) / landing.QUARANTINE / name).exists()


GOOD = [("u1", "2026-11-20 10:00:00")]

UNUSUAL = {
    "bom.csv": b"\xef\xbb\xbf" + HEADER + ROW,
    "semicolons.csv": (HEADER + ROW).replace(b",", b";"),
    "tabs.csv": (HEADER + ROW).replace(b",", b"\t"),
    "windows.csv": (HEADER + ROW).replace(b"\n", b"\r\n"),
    "blank_lines_first.csv": b"\n\r\n" + HEADER + b"\n" + ROW,
    "blank_line_of_a_mac_first.csv": (b"\n" + HEADER + ROW).replace(b"\n", b"\r"),
    "read_by_record_behind_blank_lines.csv": b"\n\n" + HEADER + b"u2,\n" + ROW,
    "bom.ndjson": b"\xef\xbb\xbf" + ndjson(BET),
    "windows.ndjson": ndjson(BET).replace(b"\n", b"\r\n"),
    "no_last_newline.ndjson": ndjson(BET).rstrip(),
    "empty_lines.ndjson": b"\n\n" + ndjson(BET) + b"\n",
    "extra_key.ndjson": ndjson(BET | {"shoe_size": 44, "nested": {"a": [1]}}),
    "extra_column.parquet": parquet(BET | {"shoe_size": 44, "nested": {"a": [1]}}),
    # Columns that are called as ours are, and as DuckDB's own.
    "our_names.parquet": parquet(BET | {"line_number": 7, "rowid": 9, "is_object": False, "reason": "x"}),
    "our_names.csv": b"line_number,rowid,reason,line," + HEADER + b"7,9,x,y," + ROW,
    # Of a repeated key the first counts, also where a broken line lets the file be read line by line.
    "repeated_key.ndjson": b'{"user_id": "u1", "user_id": "u2", ' + ndjson(BET | {"user_id": "u3"})[1:],
    "repeated_key_read_by_line.ndjson": b'{"user_id": "u1", "user_id": "u2", ' + ndjson(BET)[1:] + b"{",
    # A name is a name, never a pattern.
    "*.ndjson": ndjson(BET | {"city": "a"}),
    "[ab].ndjson": ndjson(BET | {"city": "b"}),
    "?.ndjson": ndjson(BET | {"city": "c"}),
    "it's a 'bet'.ndjson": ndjson(BET | {"city": "d"}),
    "user_id=7.ndjson": ndjson(BET | {"city": "e"}),
    "ü.csv": HEADER + ROW + b"\n",
}


def test_unusual_files_are_read(churn: UseCase) -> None:
    stored, refused = store(churn, UNUSUAL)
    assert stored == dict.fromkeys(UNUSUAL, GOOD)
    assert refused == {
        "repeated_key_read_by_line.ndjson": [(2, "expected a JSON object on one line")],
        "read_by_record_behind_blank_lines.csv": [(1, f"line: expected {HEADER.count(b',') + 1} fields, found 2")],
    }


def test_an_empty_file_is_consumed_and_brings_nothing(churn: UseCase) -> None:
    assert store(
        churn,
        {"e.ndjson": b"", "e.ndjson.gz": gzip.compress(b""), "e.csv": b"\n", "b.csv": b"\n\r\n\n", "h.csv": HEADER},
    ) == (
        {},
        {},
    )
    assert not is_quarantined(churn, "e.ndjson")


UNREADABLE = {
    "truncated.ndjson.gz": (gzip.compress(ndjson(*[BET | {"user_id": str(n)} for n in range(9_000)]))[:-20], "Comp"),
    "not_gzip.ndjson.gz": (ndjson(BET), "Not a gzipped file"),
    "truncated.parquet": (parquet(BET)[:-10], "Invalid Input Error: No magic bytes found at end of file"),
    "empty.parquet": (b"", "Invalid Input Error"),
    "other.parquet": (parquet({"temperature": 3.5}), "columns: expected some of event_id, user_id, "),
    "other.csv": (b"temperature\n3.5\n", "header: expected some of event_id, user_id, "),
    "twice.csv": (b"user_id,User_Id,event_type\nu1,u2,new_bet\n", "header: expected each column once, found"),
    "long_line.csv": (HEADER + b"x" * 2_000_000, "line 2: expected at most 1,048,576 characters, found more"),
}


def test_a_file_that_cannot_be_read_goes_to_quarantine_as_a_whole(churn: UseCase) -> None:
    stored, refused = store(churn, {name: content for name, (content, _) in UNREADABLE.items()})
    assert stored == {}
    assert refused.keys() == UNREADABLE.keys()
    for name, (_, reason) in UNREADABLE.items():
        ((number, found_reason),) = refused[name]
        assert number is None
        assert found_reason.startswith(f"file: cannot be read: {reason}"), name
        assert is_quarantined(churn, name)


NAMES_OF_READERS = ("line", "line_number", "header", "reason", "row_number", "landing_path", "is_object", "given")


@pytest.fixture
def own_columns(churn: UseCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The use case with event columns of names that readers once had for themselves."""
    shutil.copytree(statements.SQL, tmp_path / "sql")
    monkeypatch.setattr(statements, "SQL", tmp_path / "sql")
    events = tmp_path / "sql" / "use_cases" / churn.name / "events.sql"
    columns = "".join(f"    {name} varchar,\n" for name in NAMES_OF_READERS)
    events.write_text(events.read_text().replace("    batch_id bigint", f"{columns}    batch_id bigint"))


@pytest.mark.usefixtures("own_columns")
def test_event_columns_may_have_any_identifier_as_a_name(churn: UseCase) -> None:
    check_use_case.check(churn)
    good = BET | {name: f"own {name}" for name in NAMES_OF_READERS}
    bad = good | {"bet_amount": "x"}
    csv = b"".join(",".join(map(str, values)).encode() + b"\n" for values in (good, good.values(), bad.values()))
    table = parquet(good | {"bet_amount": "1.5"}, bad)
    files = {"a.ndjson": ndjson(good, bad), "b.csv": csv, "c.parquet": table, "d.ndjson": ndjson(good | {"city": "d"})}
    stored, refused = store(churn, files)
    assert stored == dict.fromkeys(files, GOOD)
    reason = "bet_amount: expected DECIMAL(18,2), found 'x'"
    assert refused == {name: [(2, reason)] for name in ("a.ndjson", "b.csv", "c.parquet")}
    with open_lake(churn, read_only=True) as lake:
        kept = lake.query(f"select distinct {', '.join(NAMES_OF_READERS)} from events where user_id = 'u1'").to_pylist()
    assert kept == [{name: f"own {name}" for name in NAMES_OF_READERS}]


PACKED = gzip.compress(ndjson(*[BET | {"user_id": os.urandom(8).hex()} for _ in range(11)]))
CORRUPT = {
    "flipped.ndjson.gz": PACKED[:60] + bytes([PACKED[60] ^ 16]) + PACKED[61:],
    "checksum.ndjson.gz": PACKED[:-5] + bytes([PACKED[-5] ^ 1]) + PACKED[-4:],
    "length.ndjson.gz": PACKED[:-4] + bytes([PACKED[-4] ^ 1]) + PACKED[-3:],
    "rubbish_behind.ndjson.gz": PACKED + b"rubbish",
    **{f"cut_at_{length}.ndjson.gz": PACKED[:length] for length in (0, 10, 18, 25, 40, 60)},
    "latin_1_header.csv": "user_id,event_type,event_time,bet_amount,größe\n".encode("latin-1") + ROW,
    "utf_16.csv": (HEADER + ROW).decode().encode("utf-16"),
    "open_quote_in_header.csv": HEADER.replace(b"bet_amount", b'"bet_amount') + ROW * 100,
    "nul_in_header.csv": HEADER.replace(b"bet_amount", b"bet_\x00amount") + ROW,
    "column_not_utf_8.parquet": parquet(BET | {"abcdefgh": 1}).replace(b"abcdefgh", b"abc\xff\xfefgh"),
    "magic_only.parquet": b"PAR1" + b"\xff" * 100 + b"PAR1",
}


def test_a_corrupt_file_is_quarantined_and_no_row_of_it_is_stored(churn: UseCase) -> None:
    stored, refused = store(churn, CORRUPT)
    assert stored == {}
    assert [name for name in CORRUPT if not is_quarantined(churn, name)] == []
    assert {name: [number for number, _ in rows] for name, rows in refused.items()} == {key: [None] for key in CORRUPT}


def test_a_fatal_error_of_the_database_takes_no_other_file_with_it(churn: UseCase) -> None:
    # DuckDB ends the connection over this one, with all that was staged before.
    head = b"user_id,event_type,event_time,postcode,shop,name\n"
    row = "u1,new_registration,2026-11-23 10:00:00,10000,A,Müller\n".encode("latin-1")
    good = {"a.ndjson": ndjson(BET), "b.csv": HEADER + ROW, "c.parquet": parquet(BET)}
    stored, refused = store(churn, {**good, "latin_1.csv": head + row, "z.ndjson": ndjson(BET | {"city": "z"})})
    assert stored == dict.fromkeys([*good, "z.ndjson"], GOOD)
    assert refused == {"latin_1.csv": [(1, "line: expected UTF-8")]}


def test_an_open_quote_costs_its_own_row_only(churn: UseCase) -> None:
    good = [b"u%d,new_bet,2026-11-20T10:00:00Z,1.5,ann\n" % number for number in range(9)]
    quoted = b'u9,new_bet,2026-11-20T10:00:00Z,1.5,"over\n\n""two"" lines"\n'
    open_row, closing_row = (
        b'u7,new_bet,2026-11-20T10:00:00Z,1.5,"ann\n',
        b'u8,new_bet,2026-11-20T10:00:00Z,1.5,"bob"x\n',
    )
    content = HEADER[:-1] + b",name\n" + b"".join([*good[:3], open_row, *good[3:6], closing_row, *good[6:], quoted])
    stored, refused = store(churn, {"a.csv": content})
    assert [user for user, _ in stored["a.csv"]] == [f"u{number}" for number in range(10)]
    assert refused["a.csv"] == [
        (4, "line: expected quotes in pairs, found one that is not closed"),
        (8, "line: expected a delimiter behind a closing quote"),
    ]


def test_a_field_of_a_header_may_be_long(churn: UseCase) -> None:
    content = HEADER[:-1] + b"," + b"x" * 140_000 + b"\n" + ROW[:-1] + b",\n"
    assert store(churn, {"a.csv": content}) == ({"a.csv": GOOD}, {})


CONTROL = {
    b'"user_id": "u\\u00001"': "user_id: expected no control characters, found 'u�1'",
    b'"user_id": "u\\n1"': "user_id: expected no control characters, found 'u�1'",
    b'"event_id": "\\u0001"': "event_id: expected no control characters, found '�'",
    b'"name": "a\\u0000b"': "name: expected no control characters, found 'a�b'",
    b'"bet_amount": "1\\u0000"': "bet_amount: expected DECIMAL(18,2), found '1�'",
    b'"name": "a\x00b"': "line: expected no control characters, found 0x00 at character 11",
    b'"name": "\\ud800"': r"line: expected Unicode, found \ud800, which is half a character",
    b'"shoe": "\\udc00"': r"line: expected Unicode, found \udc00, which is half a character",
}


def test_control_characters_and_halves_of_characters_are_rejected(churn: UseCase) -> None:
    files = {f"{at}.ndjson": b"{" + bad + b", " + ndjson(BET)[1:] + ndjson(BET) for at, bad in enumerate(CONTROL)}
    whole = BET | {"name": "\t\r\n😀"}  # that addresses and comments have
    text = {"a.csv": HEADER[:-1] + b",name\n" + ROW[:-1] + b",a\x1fb\n", "a.parquet": parquet(BET | {"name": "a\x00b"})}
    stored, refused = store(churn, {**files, **text, "whole.ndjson": ndjson(whole)})
    assert stored == dict.fromkeys([*files, "whole.ndjson"], GOOD)
    assert {name: refused[name] for name in files} == {
        f"{at}.ndjson": [(1, reason)] for at, reason in enumerate(CONTROL.values())
    }
    assert refused["a.csv"] == [(1, "line: expected no control characters, found 0x1f at character 37")]
    assert refused["a.parquet"] == [(1, "name: expected no control characters, found 'a�b'")]
    assert len(update_features.update_features(churn)) == 1


@pytest.mark.parametrize("amount", ["1.005", "52.520008", "1_000", "1e-3"])
def test_an_amount_is_stored_as_it_was_given_or_rejected_in_each_format(churn: UseCase, amount: str) -> None:
    csv = HEADER + ROW.replace(b"1.5", amount.encode())
    files = {"a.ndjson": ndjson(BET | {"bet_amount": amount}), "a.csv": csv}
    if "_" not in amount:
        number = BET | {"bet_amount": float(amount)}
        files |= {"b.ndjson": ndjson(number), "a.parquet": parquet(number)}
    stored, refused = store(churn, files)
    assert stored == {}
    reason = "DECIMAL(18,2)" if "_" in amount else "at most 2 decimals"
    assert {name: rows[0][1].split(", found")[0] for name, rows in refused.items()} == dict.fromkeys(
        files, f"bet_amount: expected {reason}"
    )


@pytest.mark.parametrize("amount", [0.1 + 0.2, 19.99 * 3, 0.9400000000000001, 123456.78000000001])
def test_the_error_of_a_computed_double_is_no_decimal_in_any_format(churn: UseCase, amount: float) -> None:
    number = BET | {"bet_amount": amount}
    files = {
        "a.ndjson": ndjson(BET | {"bet_amount": str(amount)}),
        "b.ndjson": ndjson(number),
        "c.parquet": parquet(number),
        "d.csv": HEADER + ROW.replace(b"1.5", str(amount).encode()),
    }
    assert store(churn, files)[1] == {}
    with open_lake(churn, read_only=True) as lake:
        events = lake.query("from events where user_id = 'u1'").to_pylist()
    assert {str(row["bet_amount"]) for row in events} == {f"{amount:.2f}"}


def test_file_names_that_no_table_can_hold_are_made_safe(churn: UseCase) -> None:
    names = {b"a\\b.ndjson": "a%5Cb.ndjson", b"M\xfcller.ndjson": "M%FCller.ndjson", b"a\nb.csv": "a%0Ab.csv"}
    deliver(churn, "a%5Cb.ndjson", ndjson(BET | {"city": "was there before"}))
    long_name = b"x" * 240 + b".ndjson"
    for at, name in enumerate([*names, long_name]):
        row = (
            HEADER[:-1] + b",city\n" + ROW[:-1] + b",%d\n" % at
            if name.endswith(b"csv")
            else ndjson(BET | {"city": str(at)})
        )
        Path(os.fsdecode(os.fsencode(landing.folder(churn.name)) + b"/" + name)).write_bytes(row)
    stored, refused = store(churn, {})
    (cut,) = [name for name in stored if name.startswith("xxx")]
    assert len(cut) <= 200
    assert stored == dict.fromkeys(["a%5Cb~2.ndjson", *names.values(), cut], GOOD)
    assert refused == {}


BAD_LINES = {
    b'{"user_id": "\xff"}\n': "line: expected UTF-8, found invalid start byte at byte 13",
    b"[" * 300_000 + b"]" * 300_000 + b"\n": "expected a JSON object on one line",
    ndjson(BET | {"bet_amount": float("nan")}): "bet_amount: expected DECIMAL(18,2), found 'NaN'",
    ndjson(BET | {"bet_amount": float("inf")}): "bet_amount: expected DECIMAL(18,2), found 'Infinity'",
    ndjson(BET | {"bet_amount": "1e400"}): "bet_amount: expected DECIMAL(18,2), found '1e400'",
    ndjson(BET | {"bet_amount": [1]}): "bet_amount: expected DECIMAL(18,2), found '[1]'",
    ndjson(BET | {"event_time": 1763632800}): "event_time: expected TIMESTAMP, found '1763632800'",
    ndjson(BET | {"event_time": "infinity"}): "event_time: expected TIMESTAMP, found 'infinity'",
    ndjson(BET | {"event_time": "2026-11-20 10:00:00 Europe/Berlin"}): (
        "event_time: expected TIMESTAMP, found '2026-11-20 10:00:00 Europe/Berlin'"
    ),
    ndjson(BET | {"event_time": "0001-01-01T00:00:00Z"}): (
        "event_time: expected at least 2000-01-01 00:00:00, found 0001-01-01 00:00:00"
    ),
}


def test_a_bad_line_is_refused_for_its_reason(churn: UseCase) -> None:
    files = {f"{at}.ndjson": bad + ndjson(BET) for at, bad in enumerate(BAD_LINES)}
    stored, refused = store(churn, files)
    assert stored == dict.fromkeys(files, GOOD)
    assert refused == {f"{at}.ndjson": [(1, reason)] for at, reason in enumerate(BAD_LINES.values())}


def test_columns_of_other_types_in_parquet_are_cast_or_refused_row_by_row(churn: UseCase) -> None:
    texts = {"user_id": 17, "event_type": "new_bet", "event_time": "2026-11-20T10:00:00Z", "bet_amount": "1.5"}
    files = {
        "castable.parquet": parquet(texts),
        "numbers.parquet": parquet(BET | {"event_time": 1763632800}),
        "words.parquet": parquet(texts | {"bet_amount": "1.5"}, texts | {"bet_amount": "a lot"}),
        "lists.parquet": parquet(BET | {"bet_amount": [1.5]}),
    }
    stored, refused = store(churn, files)
    assert stored == {name: [("17", "2026-11-20 10:00:00")] for name in ("castable.parquet", "words.parquet")}
    assert refused == {
        "numbers.parquet": [(1, "event_time: expected TIMESTAMP, found '1763632800'")],
        "words.parquet": [(2, "bet_amount: expected DECIMAL(18,2), found 'a lot'")],
        "lists.parquet": [(1, "bet_amount: expected DECIMAL(18,2), found '[1.5]'")],
    }


@pytest.mark.slow
def test_a_line_of_a_gigabyte_is_refused_in_bounded_memory(churn: UseCase) -> None:
    def write(path: Path) -> None:
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(ndjson(BET))
            for _ in range(1000):
                file.write(b"x" * 10**6)
            file.write(b"\n" + ndjson(BET))

    landing.deliver(churn.name, "a.ndjson.gz", write)
    done = run_stage(lambda: resource.setrlimit(resource.RLIMIT_DATA, (2_000_000_000, 2_000_000_000)))
    assert done.returncode == 0, done.stderr
    stored, refused = found(churn)
    assert stored == {"a.ndjson.gz": GOOD * 2}
    assert refused == {"a.ndjson.gz": [(2, "line: expected at most 1,048,576 bytes, found 1,000,000,000")]}


def test_deep_nesting_is_no_harm(churn: UseCase) -> None:
    deep = b'{"name": ' + b"[" * 300_000 + b"]" * 300_000 + b", " + ndjson(BET)[1:]
    assert store(churn, {"deep.ndjson": deep})[0] == {"deep.ndjson": GOOD}


def test_bad_records_of_a_csv_are_refused_and_the_others_stored(churn: UseCase) -> None:
    bad = b"u2,new_bet\n" + b"u3,new_bet,2026-11-20T10:00:00Z,1,2\n" + b"\xff,new_bet,2026-11-20T10:00:00Z,1\n"
    stored, refused = store(churn, {"a.csv": HEADER + bad + ROW})
    assert stored == {"a.csv": GOOD}
    assert refused["a.csv"] == [
        (1, "line: expected 4 fields, found 2"),
        (2, "line: expected 4 fields, found 5"),
        (3, "line: expected UTF-8"),
    ]


def test_times_without_a_zone_are_utc_also_behind_a_time_with_one(churn: UseCase) -> None:
    times = ["2026-11-20T12:00:00+02:00", "2026-11-20 10:00:00 UTC", "2026-11-20 10:00:00", "2026-11-20T15:30:00+0530"]
    zoned = "2026-11-20 10:00:00 America/New_York"
    rows = [BET | {"user_id": f"u{at}", "event_time": time} for at, time in enumerate([zoned, *times])]
    stored, refused = store(churn, {"a.ndjson": ndjson(*rows)})
    assert stored["a.ndjson"] == [(f"u{at}", "2026-11-20 10:00:00") for at in range(1, 5)]
    assert [number for number, _ in refused["a.ndjson"]] == [1]


def test_a_file_that_vanishes_while_it_is_read_leaves_nothing(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, lambda path: path.unlink())
    assert store(churn, {"a.ndjson": ndjson(BET)}) == ({}, {})


def test_a_newer_file_under_the_same_name_is_stored_too(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile(monkeypatch, lambda path: deliver(churn, path.name, ndjson(BET | {"user_id": "newer"})))
    stored, _ = store(churn, {"a.ndjson": ndjson(BET)})
    assert stored["a.ndjson"] == [("newer", "2026-11-20 10:00:00")]  # what it replaced had not been stored


def test_a_newer_file_that_comes_after_the_commit_is_not_taken_for_the_old_one(churn: UseCase) -> None:
    path = deliver(churn, "a.ndjson", ndjson(BET))
    (waiting,) = landing.pending(churn.name)
    deliver(churn, "a.ndjson", ndjson(BET | {"user_id": "newer"}))
    assert landing.retire(churn.name, waiting) is None
    assert b"newer" in path.read_bytes()


def test_two_files_of_one_name_are_both_kept(churn: UseCase) -> None:
    for user in ("u1", "u2"):
        deliver(churn, "a.ndjson", ndjson(BET | {"user_id": user}))
        store_events.store_events(churn)
    kept = [path.read_bytes() for path in (landing.folder(churn.name) / landing.CONSUMED).glob("*a.ndjson")]
    assert sorted(kept) == [ndjson(BET), ndjson(BET | {"user_id": "u2"})]


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], object]) -> None:
    """Do something to `a.ndjson` once, when it is about to be read."""
    source = readers.source

    def look_then_act(lake: Any, paths: list[Path], columns: Any) -> readers.Source:
        found = source(lake, paths, columns)
        for path in paths:
            if path.name == "a.ndjson":
                monkeypatch.setattr(readers, "source", source)
                act(path)
        return found

    monkeypatch.setattr(readers, "source", look_then_act)


def run_stage(limit: Callable[[], None]) -> subprocess.CompletedProcess[str]:
    code = (
        "from include.firstday.ingest import store_events; from include.firstday.use_case import use_case; "
        "store_events.store_events(use_case.load('first_day_churn'))"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, preexec_fn=limit, capture_output=True, text=True, timeout=500
    )  # fmt: skip


def test_a_full_disk_loses_and_doubles_nothing(churn: UseCase) -> None:
    store(churn, {})
    rows = [BET | {"user_id": f"u{number}", "event_id": os.urandom(20).hex()} for number in range(20_000)]
    deliver(churn, "a.ndjson", ndjson(*rows))
    # As on a full disk, no file may grow beyond what the lake's small files need.
    full = run_stage(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000)))
    assert full.returncode != 0
    assert found(churn)[0].keys() == {"behind.ndjson"}
    assert not is_quarantined(churn, "a.ndjson")
    store_events.store_events(churn)
    assert len(found(churn)[0]["a.ndjson"]) == 20_000


def obey_file_modes() -> None:
    """Root writes where it likes; without these two capabilities it has to keep to the modes."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def test_a_lake_that_may_not_be_written_is_named_and_nothing_is_lost(churn: UseCase, home: Path) -> None:
    store(churn, {})
    deliver(churn, "a.ndjson", ndjson(BET))
    inside = [home / "lake", *(home / "lake").rglob("*")]
    for path in inside:
        path.chmod(0o555 if path.is_dir() else 0o444)
    refused = run_stage(obey_file_modes)
    for path in inside:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert refused.returncode != 0
    assert str(home / "lake") in refused.stderr
    assert [file.name for file in landing.pending(churn.name)] == ["a.ndjson"]
