"""The body of POST /events: one JSON object, an array of them, or NDJSON; plain or gzipped; each event a line of text.

Only the form is checked here, so that a broken body is refused as a whole, with its line. What an event must hold is
checked by store_events, which keeps a refused row with its reason.
"""

import json
import zlib
from collections.abc import AsyncIterator
from typing import NoReturn

from include.firstday.errors import BodyError

ONE_OR_ARRAY = "application/json"
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl")


async def unpacked(pieces: AsyncIterator[bytes], encoding: str, limit: int) -> bytes:
    """The whole body, unpacked, at most `limit` bytes: never more of it is held. Raises BodyError."""
    if encoding not in ("", "identity", "gzip"):
        raise BodyError(415, f"Content-Encoding: expected gzip or none, found {encoding}")
    gunzip = _Gunzip() if encoding == "gzip" else None
    body = bytearray()
    async for piece in pieces:
        body += gunzip.unpack(piece, limit + 1 - len(body)) if gunzip else piece
        if len(body) > limit:
            raise BodyError(413, f"expected at most {limit:,} bytes, unpacked; send several requests")
    if gunzip and not gunzip.is_whole:
        raise BodyError(400, "expected a gzip stream to its end, found a truncated one")
    return bytes(body)


def events(body: bytes, content_type: str) -> list[bytes]:
    """The events of a body, each as one line of JSON without its end. Raises BodyError, naming the line."""
    kind = content_type.split(";")[0].strip().lower()
    if kind not in (ONE_OR_ARRAY, *LINES):
        raise BodyError(415, f"Content-Type: expected {ONE_OR_ARRAY} or {LINES[0]}, found {kind or 'none'}")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise BodyError(400, f"line {line}: expected UTF-8, found byte 0x{body[error.start]:02x}") from error
    found = _lines(text) if kind in LINES else _one_or_array(text)
    if not found:
        raise BodyError(400, "expected at least one event, found none")
    return found


class _Gunzip:
    """Unpacks gzip streams, one or several behind each other, as `cat` makes them."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    @property
    def is_whole(self) -> bool:
        """Whether the last stream has come to its end."""
        return self._stream.eof

    def unpack(self, piece: bytes, room: int) -> bytes:
        """What a piece holds, as far as there is room, which is at least one byte. Raises BodyError."""
        out = b""
        try:
            while piece and len(out) < room:
                if self._stream.eof:
                    self._stream = zlib.decompressobj(wbits=31)
                out += self._stream.decompress(piece, room - len(out))
                piece = self._stream.unused_data
        except zlib.error as error:
            raise BodyError(400, f"expected a gzip stream: {error}") from error
        return out


def _lines(text: str) -> list[bytes]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if stripped := line.strip():
            if _object(stripped, 0, number - 1) != len(stripped):
                _refuse(stripped, 0, "expected one JSON object a line, found more", number - 1)
            found.append(stripped.encode())
    return found


def _one_or_array(text: str) -> list[bytes]:
    begin = _after_blanks(text, 0)
    if text[begin : begin + 1] != "[":
        end = _object(text, begin)
        _expect_end(text, end)
        return [_on_one_line(text[begin:end])]
    found: list[bytes] = []
    at = _after_blanks(text, begin + 1)
    while text[at : at + 1] != "]" or found:
        end = _object(text, at)
        found.append(_on_one_line(text[at:end]))
        at = _after_blanks(text, end)
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            _refuse(text, at, "expected ',' or ']'")
        at = _after_blanks(text, at + 1)
    _expect_end(text, at + 1)
    return found


def _object(text: str, begin: int, lines_before: int = 0) -> int:
    """Where the JSON object that begins at `begin` ends."""
    try:
        value, end = _DECODER.raw_decode(text, begin)
    except ValueError as error:
        place = error.pos if isinstance(error, json.JSONDecodeError) else begin
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        _refuse(text, place, f"expected JSON: {what}", lines_before)
    except RecursionError:
        _refuse(text, begin, "expected JSON that is not nested so deep", lines_before)
    if not isinstance(value, dict):
        _refuse(text, begin, f"expected a JSON object, found {_NAMES[type(value)]}", lines_before)
    return end


def _expect_end(text: str, end: int) -> None:
    at = _after_blanks(text, end)
    if at < len(text):
        _refuse(text, at, "expected nothing after the events; is it NDJSON, with another Content-Type?")


def _on_one_line(text: str) -> bytes:
    """Line ends in JSON are blanks: inside of a string they are not allowed."""
    return text.replace("\r", " ").replace("\n", " ").encode()


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _refuse(text: str, place: int, reason: str, lines_before: int = 0) -> NoReturn:
    line = lines_before + text.count("\n", 0, place) + 1
    raise BodyError(400, f"line {line}: {reason}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_NAMES = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}
