"""Records of a CSV file, one by one, so that a broken one costs no other (RFC 4180, in UTF-8).

A quote that is not closed would swallow every row behind it. So a record is taken over several lines only where it is
whole and none of its fields could itself hold a row; otherwise its first line is rejected, and reading goes on behind.
"""

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from include.firstday.errors import UnreadableFileError
from include.firstday.records.file_bytes import LINE_BYTES
from include.firstday.records.text import fault_of, printable

DELIMITERS = ",;\t|"
RECORD_LINES = 1000  # that one record may span
ENDS = "\r\n"
_OPEN = "unexpected end of data"  # the message of Python's csv for a field with an open quote

csv.field_size_limit(LINE_BYTES)


@dataclass(frozen=True)
class Header:
    """A CSV file's delimiter, columns, the line itself and the blank ones before it; without columns, it has none."""

    delimiter: str
    names: tuple[str, ...]
    line: str
    blank_lines: int = 0


@dataclass(frozen=True)
class Record:
    """A record: its number, its text, the lines it spans (blank ones not counted), its fields, or its fault."""

    number: int
    text: str
    lines: int
    fields: list[str]
    fault: str | None = None


def header_of(path: Path) -> Header:
    """The first line of a file that is not blank. Raises UnreadableFileError where it is no header."""
    with _open(path) as file:
        for number, line in enumerate(_bounded_lines(file)):
            if line.rstrip(ENDS):
                return replace(parse_header(line), blank_lines=number)
    return parse_header("")


def parse_header(line: str) -> Header:
    """A header from its line. Raises UnreadableFileError where it is none."""
    text = line.rstrip(ENDS)
    if fault := fault_of(text):
        raise UnreadableFileError(f"header: {fault.removeprefix('line: ')}, found {printable(text[:200])!r}")
    delimiter = max(DELIMITERS, key=text.count)
    try:
        names = parse([text], delimiter) if text else []
    except csv.Error as error:
        raise UnreadableFileError(f"header: expected quotes in pairs on one line, found {text[:200]!r}") from error
    if len({name.lower() for name in names}) != len(names):
        raise UnreadableFileError(f"header: expected each column once, found {text[:200]!r}")
    return Header(delimiter, tuple(names), text)


def parse(lines: Sequence[str], delimiter: str) -> list[str]:
    """The fields of one record. Raises csv.Error where the lines are not just one."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    fields = next(reader, [])
    if next(reader, None) is not None:
        raise csv.Error("expected one record, found more")
    return fields


def parse_text(text: str, delimiter: str) -> list[str]:
    """The fields of a record's text, of one line or several. Raises csv.Error where it is not just one record."""
    return parse(list(io.StringIO(text, newline="")), delimiter)


def read_records(path: Path, header: Header) -> Iterator[Record]:
    """The records behind the header, blank lines left out. Raises UnreadableFileError for a line that is too long."""
    with _open(path) as file:
        lines = _Lines(_bounded_lines(file))
        for _ in range(header.blank_lines + 1):
            lines.take()
        number = 0
        while line := lines.take():
            if line.rstrip(ENDS):
                number += 1
                yield _record(number, line, lines, header)


def count_filled_lines(path: Path) -> int:
    """Count the lines that are not blank, the header among them. Raises UnreadableFileError as `read_records` does."""
    with _open(path) as file:
        return sum(1 for line in _bounded_lines(file) if line.rstrip(ENDS))


def _record(number: int, line: str, lines: "_Lines", header: Header) -> Record:
    text = line.rstrip(ENDS)
    if fault := fault_of(text):
        return Record(number, printable(text), 1, [], fault)
    try:
        fields = parse([text], header.delimiter) if '"' in text else text.split(header.delimiter)
    except csv.Error as error:
        if str(error) != _OPEN:
            return Record(number, text, 1, [], "line: expected a delimiter behind a closing quote")
        return _closed(number, line, lines, header)
    if len(fields) != len(header.names):
        return Record(number, text, 1, [], f"line: expected {len(header.names)} fields, found {len(fields)}")
    return Record(number, text, 1, fields)


def _closed(number: int, line: str, lines: "_Lines", header: Header) -> Record:
    """A record whose first line leaves a quote open: with the lines that close it, or that line rejected."""
    taken, size = [line], len(line)
    for following in lines.following(RECORD_LINES):
        taken.append(following)
        size += len(following)
        if size > LINE_BYTES or fault_of(following.rstrip(ENDS)):
            break
        try:
            fields = parse(taken, header.delimiter) if '"' in following else None
        except csv.Error as error:
            if str(error) != _OPEN:
                break
            continue
        if fields is None:
            continue
        if not _is_one_row(fields, header):
            break
        lines.skip(len(taken) - 1)
        filled = sum(1 for each in taken if each.rstrip(ENDS))
        return Record(number, "".join(taken).rstrip(ENDS), filled, fields)
    return Record(number, line.rstrip(ENDS), 1, [], "line: expected quotes in pairs, found one that is not closed")


def _is_one_row(fields: list[str], header: Header) -> bool:
    """Whether none of the fields over several lines has the delimiters of a row, as rows behind an open quote have."""
    wide = [field for field in fields if "\n" in field or "\r" in field]
    is_whole = len(fields) == len(header.names)
    return is_whole and all(field.count(header.delimiter) < len(header.names) - 1 for field in wide)


class _Lines:
    """Lines of which the next ones can be looked at before they are taken."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._ahead: deque[str] = deque()

    def take(self) -> str:
        """The next line; empty at the end."""
        return self._ahead.popleft() if self._ahead else next(self._lines, "")

    def following(self, limit: int) -> Iterator[str]:
        """The next lines, not taken."""
        for at in range(limit):
            if at == len(self._ahead):
                if not (line := next(self._lines, "")):
                    return
                self._ahead.append(line)
            yield self._ahead[at]

    def skip(self, count: int) -> None:
        """Take lines that have been looked at."""
        for _ in range(count):
            self._ahead.popleft()


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _bounded_lines(file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(LINE_BYTES):
        number += 1
        if len(line) == LINE_BYTES and not line.endswith("\n"):
            raise UnreadableFileError(f"line {number}: expected at most {LINE_BYTES:,} characters, found more")
        yield line
