"""The body of POST /events: what is taken comes out event for event, what is not is refused with its line."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.firstday.errors import BodyError
from include.firstday.web.parsing import events, unpacked

JSON = "application/json"
NDJSON = "application/x-ndjson; charset=utf-8"

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
rows = st.lists(st.dictionaries(st.text(), values), min_size=1, max_size=5)


@given(rows=rows, indent=st.none() | st.integers(0, 3))
def test_an_array_gives_the_same_events_as_the_lines(rows: list[dict[str, object]], indent: int | None) -> None:
    lines = events("\n".join(json.dumps(row) for row in rows).encode(), NDJSON)
    items = events(json.dumps(rows, indent=indent, ensure_ascii=False).encode(), JSON)
    assert [json.loads(line) for line in lines] == rows
    assert [json.loads(item) for item in items] == rows
    assert not any(b"\n" in item for item in items)


def test_one_object_is_one_event_and_its_digits_are_kept() -> None:
    assert events(b' {"amount": 12345678901234567.10}\n', JSON) == [b'{"amount": 12345678901234567.10}']


@pytest.mark.parametrize(
    ("body", "kind", "code", "reason"),
    [
        (b'{"a": 1}\n{"a": }\n', NDJSON, 400, "line 2: expected JSON: Expecting value"),
        (b'{"a": 1}\n\n[1]\n', NDJSON, 400, "line 3: expected a JSON object, found an array"),
        (b'{"a": 1} {"a": 2}\n', NDJSON, 400, "line 1: expected one JSON object a line, found more"),
        (b'{"a": 1}\n\xff\n', NDJSON, 400, "line 2: expected UTF-8, found byte 0xff"),
        (b'[\n{"a": 1},\n{"a": 2}\n{"a": 3}]', JSON, 400, "line 4: expected ',' or ']'"),
        (b'[{"a": 1},\n 7]', JSON, 400, "line 2: expected a JSON object, found a number"),
        (b'[{"a": 1},\n]', JSON, 400, "line 2: expected JSON"),
        (b'[{"a": 1}', JSON, 400, "line 1: expected ',' or ']'"),
        (b'{"a": 1}\n{"a": 2}', JSON, 400, "line 2: expected nothing after the events; is it NDJSON"),
        (b'{"a": NaN}', JSON, 400, "line 1: expected JSON: NaN is not JSON"),
        (b'{"a":' + b"[" * 200_000, JSON, 400, "line 1: expected JSON"),
        (b"[]", JSON, 400, "expected at least one event, found none"),
        (b" \n \n", NDJSON, 400, "expected at least one event, found none"),
        (b"", JSON, 400, "line 1: expected JSON"),
        (b"a=1", "application/x-www-form-urlencoded", 415, "Content-Type: expected application/json or"),
        (b"{}", "", 415, "found none"),
    ],
)
def test_a_broken_body_is_refused_with_its_line(body: bytes, kind: str, code: int, reason: str) -> None:
    with pytest.raises(BodyError) as refused:
        events(body, kind)
    assert refused.value.code == code
    assert reason in str(refused.value)


def unpack(pieces: list[bytes], encoding: str, limit: int = 1000) -> bytes:
    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return asyncio.run(unpacked(stream(), encoding, limit))


def test_a_gzipped_body_comes_out_whole_however_it_is_cut() -> None:
    packed = gzip.compress(b"x" * 1000)
    assert unpack([packed[:7], packed[7:9], packed[9:]], "gzip") == b"x" * 1000


def test_gzip_streams_behind_each_other_are_one_body() -> None:
    packed = gzip.compress(b"one\n") + gzip.compress(b"two\n")
    for cut in range(len(packed)):
        assert unpack([packed[:cut], packed[cut:]], "gzip") == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("pieces", "encoding", "code"),
    [
        ([b"x" * 1001], "", 413),
        ([gzip.compress(b"x" * 1001)], "gzip", 413),
        ([gzip.compress(b"\0" * 10**8)], "gzip", 413),
        ([gzip.compress(b"abc")[:-3]], "gzip", 400),
        ([b"not gzip"], "gzip", 400),
        ([b"x"], "br", 415),
    ],
    ids=["plain too long", "gzip too long", "bomb", "truncated", "not gzip", "brotli"],
)
def test_what_cannot_be_unpacked_is_refused(pieces: list[bytes], encoding: str, code: int) -> None:
    with pytest.raises(BodyError) as refused:
        unpack(pieces, encoding)
    assert refused.value.code == code
