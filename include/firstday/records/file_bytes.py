"""The bytes of a landing file: unpacked where they are packed, and their lines counted apart from any reader.

A gzip stream is read to its end, its checksum and length are verified (RFC 1952), which DuckDB leaves out.
"""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from include.firstday.errors import UnreadableFileError

PIECE_BYTES = 2**18  # of the file itself
BLOCK_BYTES = 2**20  # unpacked, at most: a small file can hold a thousand times its size
LINE_BYTES = 2**20  # a longer line is not an event
KEPT_BYTES = 1000  # what is kept of a line that cannot be an event
_GZIP = zlib.MAX_WBITS | 16


@dataclass(frozen=True)
class FileBytes:
    """What a file holds: the hash of its bytes, its lines (blank ones too), and why it is truncated or corrupt.

    `is_plain`: no backslash and no 0x7f in the text, so that JSON holds no control character but those that DuckDB
    refuses to read in it.
    """

    sha256: str
    lines: int
    fault: str | None = None
    is_plain: bool = False


@dataclass(frozen=True)
class Line:
    """A line without its end; of a longer one than is read, how it begins and its length in bytes."""

    number: int
    text: bytes
    bytes: int

    @property
    def is_too_long(self) -> bool:
        """Whether it is too long to be an event."""
        return self.bytes > LINE_BYTES


class Gunzip:
    """Unpacks gzip streams, one or several behind each other, as `cat` makes them."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=_GZIP)

    @property
    def is_whole(self) -> bool:
        """Whether the last stream has come to its end."""
        return self._stream.eof

    def unpack(self, piece: bytes) -> Iterator[bytes]:
        """What a piece holds, in blocks of bounded size. Raises UnreadableFileError where it is not gzip or corrupt."""
        while piece:
            if self._stream.eof:
                if not (piece := piece.lstrip(b"\0")):  # some writers pad a file
                    return
                self._stream = zlib.decompressobj(wbits=_GZIP)
            try:
                if block := self._stream.decompress(piece, BLOCK_BYTES):
                    yield block
            except zlib.error as error:
                is_other = "incorrect header check" in str(error)
                raise UnreadableFileError("Not a gzipped file" if is_other else f"gzip: {error}") from error
            piece = self._stream.unconsumed_tail or self._stream.unused_data


@dataclass
class _LineCount:
    """Counts line ends, and a last line without one. In CSV a carriage return alone ends a line too."""

    is_csv: bool
    lines: int = 0
    last: bytes = field(default=b"\n", repr=False)

    def add(self, block: bytes) -> None:
        """Count one more block."""
        self.lines += block.count(b"\n")
        if self.is_csv and b"\r" in block:
            is_split = self.last == b"\r" and block.startswith(b"\n")
            self.lines += block.count(b"\r") - block.count(b"\r\n")
            self.lines -= is_split
        elif self.is_csv and self.last == b"\r" and block.startswith(b"\n"):
            self.lines -= 1
        self.last = block[-1:]

    def total(self) -> int:
        """The number of lines of all blocks."""
        ends = (b"\n", b"\r") if self.is_csv else (b"\n",)
        return self.lines + (self.last not in ends)


def inspect(path: Path) -> FileBytes:
    """Read a file once for its hash and, of text, its lines. Raises OSError where it cannot be read."""
    digest, count = hashlib.sha256(), _LineCount(path.name.endswith(".csv"))
    gunzip, fault = Gunzip() if path.name.endswith(".gz") else None, None
    is_text = is_plain = not path.name.endswith(".parquet")
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            try:
                for block in gunzip.unpack(piece) if gunzip and not fault else (piece,):
                    if is_text and not fault:
                        count.add(block)
                        is_plain = is_plain and b"\\" not in block and b"\x7f" not in block
            except UnreadableFileError as error:
                fault = str(error)
    if gunzip and not fault and not gunzip.is_whole:
        fault = _TRUNCATED
    return FileBytes(digest.hexdigest(), count.total() if is_text else 0, fault, is_plain and not fault)


def blocks(path: Path) -> Iterator[bytes]:
    """A file's bytes, unpacked, in bounded blocks. Raises UnreadableFileError where it is truncated or corrupt."""
    gunzip = Gunzip() if path.name.endswith(".gz") else None
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield from gunzip.unpack(piece) if gunzip else (piece,)
    if gunzip and not gunzip.is_whole:
        raise UnreadableFileError(_TRUNCATED)


def lines(path: Path) -> Iterator[Line]:
    """A file's lines, blank ones too. Raises UnreadableFileError where it is truncated or corrupt."""
    number, rest, skipped = 1, b"", 0
    for block in blocks(path):
        *whole, rest = (rest + block).split(b"\n")
        for text in whole:
            yield Line(number, text, len(text) + skipped)
            number, skipped = number + 1, 0
        if len(rest) > LINE_BYTES:
            # Remember that the line was too long, and how it began; the rest of it is not kept in memory.
            skipped += len(rest) - KEPT_BYTES
            rest = rest[:KEPT_BYTES]
    if rest or skipped:
        yield Line(number, rest, len(rest) + skipped)


_TRUNCATED = "Compressed file ended before the end-of-stream marker was reached"
