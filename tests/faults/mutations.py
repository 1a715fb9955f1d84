"""Files as nobody means to send them: good ones of each format, with bytes flipped, cut, spliced and encoded anew."""

import gzip
import json
import random
import zlib
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

ENDINGS = (".ndjson", ".ndjson.gz", ".csv", ".parquet")
CODECS = ("snappy", "zstd", "gzip", "none")
TOKENS = (
    b"\x00", b"\n", b"\r", b'"', b'""', b"'", b"\\", b",", b";", b"{", b"}", b"[[[[", b"\\u0000", b"\\ud800", b"\xff",
    b"\xef\xbb\xbf", b"1e999", b"NaN", b"1_000", b"0.001", b"null", b"\xe2\x80\xa8", b"x" * 70_000, b"PAR1",
    b"\x1f\x8b",
)  # fmt: skip
NAMES = (
    b"",
    b"a\\b",
    b"M\xfcller",
    b"new\nline",
    b"tab\t",
    b"*",
    b"[ab]",
    b"'quoted'",
    b"%41",
    b"\xf0\x9f\x98\x80",
    b"y" * 210,
)


def rows(mark: str, count: int) -> list[dict[str, object]]:
    """Events that nobody else sends: `mark` is in each user's id."""
    return [
        {
            "user_id": f"{mark}-{number}",
            "event_type": "new_bet",
            "event_time": f"2026-11-20T10:{number % 60:02d}:00Z",
            "bet_amount": number / 4,
            "name": f'Zoë "{number}", of {mark}',
        }
        for number in range(count)
    ]


def content(ending: str, events: list[dict[str, object]], chance: random.Random) -> bytes:
    """A good file of some events."""
    if ending == ".parquet":
        sink = pa.BufferOutputStream()
        table = pa.Table.from_pylist(events)
        pq.write_table(table, sink, compression=chance.choice(CODECS), row_group_size=chance.choice((3, 1000)))
        return bytes(sink.getvalue().to_pybytes())
    if ending == ".csv":
        quoted = [[f'"{str(value).replace(chr(34), chr(34) * 2)}"' for value in event.values()] for event in events]
        return "".join(",".join(line) + "\n" for line in [list(events[0]), *quoted]).encode()
    text = b"".join(json.dumps(event, ensure_ascii=chance.random() < 0.5).encode() + b"\n" for event in events)
    return gzip.compress(text, mtime=0) if ending.endswith(".gz") else text


def mutated(chance: random.Random, good: bytes, other: bytes) -> bytes:
    """A good file after one to four mutations."""
    changed = good
    for _ in range(chance.randint(1, 4)):
        changed = chance.choice(MUTATIONS)(chance, changed, other)
    return changed


def _flip_byte(chance: random.Random, text: bytes, other: bytes) -> bytes:
    at = chance.randrange(len(text) or 1)
    return text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :]


def _flip_bit(chance: random.Random, text: bytes, other: bytes) -> bytes:
    at = chance.randrange(len(text) or 1)
    return text[:at] + bytes([byte ^ 1 << chance.randrange(8) for byte in text[at : at + 1]]) + text[at + 1 :]


def _cut(chance: random.Random, text: bytes, other: bytes) -> bytes:
    return text[: chance.randint(0, len(text))]


def _leave_out(chance: random.Random, text: bytes, other: bytes) -> bytes:
    at = chance.randint(0, len(text))
    return text[:at] + text[at + chance.randint(1, 40) :]


def _splice(chance: random.Random, text: bytes, other: bytes) -> bytes:
    at, begin = chance.randint(0, len(text)), chance.randint(0, len(other))
    return text[:at] + other[begin : begin + chance.randint(1, 200)] + text[at:]


def _insert(chance: random.Random, text: bytes, other: bytes) -> bytes:
    at = chance.randint(0, len(text))
    return text[:at] + chance.choice(TOKENS) + text[at:]


def _encode(chance: random.Random, text: bytes, other: bytes) -> bytes:
    return text.decode(errors="replace").encode(chance.choice(("utf-16", "latin-1", "utf-7", "utf-8-sig")), "replace")


def _pack(chance: random.Random, text: bytes, other: bytes) -> bytes:
    """A changed content in a whole gzip, which the other mutations hardly ever make."""
    try:
        unpacked = gzip.decompress(text)
    except (OSError, EOFError, ValueError, zlib.error):
        return text
    return gzip.compress(chance.choice(MUTATIONS[:6])(chance, unpacked, other), mtime=0)


MUTATIONS: list[Callable[[random.Random, bytes, bytes], bytes]] = [
    _flip_byte, _flip_bit, _cut, _leave_out, _splice, _insert, _encode, _pack,
]  # fmt: skip
