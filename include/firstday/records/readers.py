"""Reads landing files into the temporary table `given_rows`.

Clean files are read by DuckDB itself, at its speed, and those of one form at once. A text file with a broken row is
read again row by row, a bounded piece at a time, so that every refused row keeps its number and its text.
"""

import csv
import glob
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from include.firstday.lake.lake import Columns, Lake, QueryError
from include.firstday.records.contract import PATH_COLUMN, as_text

BLOCK_BYTES = 16 * 2**20
BLOCK_RECORDS = 50_000
HEAD_LINES = 1000  # from which the keys of JSON objects are told
LINE_BYTES = 2**20  # a longer line is not an event
KEPT_BYTES = 1000  # what is kept of a line that cannot be an event
DELIMITERS = ",;\t|"

Rejected = list[tuple[int, str, str]]


class UnreadableFile(ValueError):
    """A file is not what its name says, or not to its end; the message says what was expected."""


@dataclass(frozen=True)
class _Head:
    """A CSV file's delimiter and column names, from its first line; without columns where there is none."""

    delimiter: str
    names: tuple[str, ...]

    @property
    def line(self) -> str:
        """The line itself."""
        return self.written(self.names)

    def written(self, fields: Sequence[str]) -> str:
        """Fields as a line of this file."""
        line = io.StringIO()
        csv.writer(line, delimiter=self.delimiter, lineterminator="").writerow(fields)
        return line.getvalue()


def is_text(path: Path) -> bool:
    """Whether the file holds a row a line, so that one broken row leaves the others readable."""
    return _is_json(path) or path.name.endswith(".csv")


def column_names(path: Path) -> list[str]:
    """What a file calls its columns: its header, its schema, or the keys of its first lines.

    Raises UnreadableFile, OSError or EOFError.
    """
    if _is_json(path):
        with _open(path) as file:
            lines = (line for line in islice(file, HEAD_LINES) if line.strip())
            try:
                rows = [json.loads(line) for line in lines]
            except ValueError as error:
                raise UnreadableFile(f"{path}: expected a JSON object a line: {error}") from error
        return list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
    if not path.name.endswith(".csv"):
        try:
            return list(pq.read_schema(path).names)
        except pa.ArrowInvalid as error:
            raise UnreadableFile(f"{path}: expected Parquet: {error}") from error
    with _open_csv(path) as csv_file:
        line = next(_bounded_lines(csv_file), "")
    return list(next(csv.reader([line], delimiter=_delimiter(line)), []))


def row_count(path: Path) -> int:
    """How many rows a Parquet file says it holds; 0 for other files, and where it cannot be read."""
    if not path.name.endswith(".parquet"):
        return 0
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return 0


def read_whole(lake: Lake, path: Path, columns: Columns) -> None:
    """Read a file whose every row can be read into `given_rows`. Raises lake.QueryError or UnreadableFile otherwise."""
    wanted = list(columns)
    if not path.name.endswith(".csv"):
        _read_all(lake, [path], columns, path_column=False)
    elif (head := _head(path, columns)).names:
        format_of = {"delimiter": head.delimiter, "structure": dict.fromkeys(head.names, "VARCHAR")}
        lake.build("records/readers/read_csv", into="given_rows", path=_escaped(path), **format_of, wanted=wanted)
    else:
        lake.build_rows("given_rows", _records_table(wanted, []))


def form(path: Path) -> str | None:
    """What files that can be read together have in common; None for one that is read alone."""
    if _is_json(path):
        return "ndjson"
    if path.name.endswith(".csv"):
        return None
    try:
        return str(pq.read_schema(path))  # of others DuckDB would change the types until they fit
    except (OSError, pa.ArrowException):
        return None


def read_together(lake: Lake, paths: Sequence[Path], columns: Columns) -> None:
    """Read files of one form into `given_rows` at once, with the path of each row's. Raises as `read_whole` does."""
    _read_all(lake, paths, columns, path_column=PATH_COLUMN)


def read_rows(lake: Lake, path: Path, columns: Columns) -> Iterator[Rejected]:
    """Read a text file row by row into `given_rows`, anew for each piece; yields the rows that are not even text.

    Raises OSError, EOFError or UnreadableFile where the file cannot be read to its end, as a truncated gzip.
    """
    if _is_json(path):
        structure = json.dumps(as_text(columns))
        for lines, rejected in _line_pieces(path):
            lake.build_rows("lines", lines)
            lake.build("records/readers/read_lines", into="given_rows", structure=structure)
            yield rejected
    else:
        for records, rejected in _record_pieces(path, _head(path, columns)):
            lake.build_rows("records", records)
            lake.build("records/readers/read_records", into="given_rows", wanted=list(columns))
            yield rejected


def read_texts(lake: Lake, texts: Sequence[tuple[int, str]], header: str | None, columns: Columns) -> None:
    """Read numbered rows that were read before, as text, into `given_rows`: JSON objects, or CSV of one header."""
    if header is None:
        lake.build_rows("lines", _lines_table(list(texts)))
        lake.build("records/readers/read_lines", into="given_rows", structure=json.dumps(as_text(columns)))
        return
    head = _parsed_head(header, columns)
    records = [(number, next(csv.reader([text], delimiter=head.delimiter))) for number, text in texts]
    good, _ = _record_piece(records, head)
    lake.build_rows("records", good)
    lake.build("records/readers/read_records", into="given_rows", wanted=list(columns))


def _read_all(lake: Lake, paths: Sequence[Path], columns: Columns, path_column: str | bool) -> None:
    source = {"paths": [_escaped(path) for path in paths], "path_column": path_column}
    if _is_json(paths[0]):
        lake.build("records/readers/read_ndjson", into="given_rows", **source, columns=as_text(columns))
        return
    wanted = [*columns, *([path_column] if isinstance(path_column, str) else [])]
    try:
        lake.build("records/readers/read_parquet", into="given_rows", **source, wanted=wanted)
    except QueryError as error:
        if "empty set of columns" in str(error):
            raise UnreadableFile(f"columns: expected some of {', '.join(columns)}, found none") from error
        raise


def _escaped(path: Path) -> str:
    """Or a file called `*.csv` would stand for all files."""
    return glob.escape(str(path))


def _is_json(path: Path) -> bool:
    return path.name.removesuffix(".gz").endswith((".ndjson", ".jsonl"))


def _line_pieces(path: Path) -> Iterator[tuple[pa.Table, Rejected]]:
    with _open(path) as file:
        number, rest, skipped = 0, b"", 0
        while block := file.read(BLOCK_BYTES):
            *whole, rest = (rest + block).split(b"\n")
            yield _line_piece(whole, number, skipped)
            number += len(whole)
            skipped = skipped if not whole else 0
            if len(rest) > LINE_BYTES:
                # Remember that the line was too long, and how it began; the rest of it is not kept in memory.
                skipped += len(rest) - KEPT_BYTES
                rest = rest[:KEPT_BYTES]
        if rest or skipped:
            yield _line_piece([rest], number, skipped)


def _line_piece(lines: list[bytes], lines_before: int, skipped_of_first: int) -> tuple[pa.Table, Rejected]:
    good: list[tuple[int, str]] = []
    rejected: Rejected = []
    for number, line in enumerate(lines, lines_before + 1):
        skipped = skipped_of_first if number == lines_before + 1 else 0
        if skipped or len(line) > LINE_BYTES:
            reason = f"line: expected at most {LINE_BYTES:,} bytes, found {len(line) + skipped:,}"
            rejected.append((number, reason, line[:KEPT_BYTES].decode(errors="backslashreplace")))
        elif line.strip():
            try:
                good.append((number, line.decode("utf-8-sig" if number == 1 else "utf-8")))
            except UnicodeDecodeError as error:
                text = line.decode(errors="backslashreplace")
                rejected.append((number, f"line: expected UTF-8, found {error.reason} at byte {error.start}", text))
    return _lines_table(good), rejected


def _lines_table(lines: list[tuple[int, str]]) -> pa.Table:
    schema = pa.schema([("line_number", pa.int64()), ("line", pa.string())])
    return pa.table([[number for number, _ in lines], [line for _, line in lines]], schema=schema)


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _open_csv(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _head(path: Path, columns: Columns) -> _Head:
    with _open_csv(path) as file:
        return _parsed_head(next(_bounded_lines(file), ""), columns)


def _parsed_head(line: str, columns: Columns) -> _Head:
    delimiter = _delimiter(line)
    names = tuple(next(csv.reader([line], delimiter=delimiter), []))
    if names and not set(names) & set(columns):
        raise UnreadableFile(f"header: expected some of {', '.join(columns)}, found {line.strip()[:200]!r}")
    if len({name.lower() for name in names}) != len(names):
        raise UnreadableFile(f"header: expected each column once, found {line.strip()[:200]!r}")
    return _Head(delimiter, names)


def _delimiter(line: str) -> str:
    return max(DELIMITERS, key=line.count)


def _record_pieces(path: Path, head: _Head) -> Iterator[tuple[pa.Table, Rejected]]:
    with _open_csv(path) as file:
        records = filter(None, csv.reader(_bounded_lines(file), delimiter=head.delimiter))
        numbered = enumerate(records)
        next(numbered, None)
        try:
            while piece := list(islice(numbered, BLOCK_RECORDS)):
                yield _record_piece(piece, head)
        except csv.Error as error:
            raise UnreadableFile(f"expected CSV, found: {error}") from error


def _record_piece(records: list[tuple[int, list[str]]], head: _Head) -> tuple[pa.Table, Rejected]:
    good: list[tuple[int, list[str | None], str]] = []
    rejected: Rejected = []
    for number, fields in records:
        line = head.written(fields)
        text = line.encode(errors="surrogateescape").decode(errors="backslashreplace")
        if text != line:
            rejected.append((number, "line: expected UTF-8", text))
        elif len(fields) != len(head.names):
            rejected.append((number, f"line: expected {len(head.names)} fields, found {len(fields)}", text))
        else:
            good.append((number, [field or None for field in fields], line))
    return _records_table(head.names, good, head.line), rejected


def _records_table(
    names: Sequence[str], records: list[tuple[int, list[str | None], str]], header: str = ""
) -> pa.Table:
    # A source's own columns of these three names are not wanted; ours take their place.
    columns = {name: pa.array([fields[at] for _, fields, _ in records], pa.string()) for at, name in enumerate(names)}
    columns["line_number"] = pa.array([number for number, _, _ in records], pa.int64())
    columns["line"] = pa.array([line for _, _, line in records], pa.string())
    columns["header"] = pa.array([header] * len(records), pa.string())
    return pa.table(columns)


def _bounded_lines(file: TextIO) -> Iterator[str]:
    for number in range(1, 2**62):
        line = file.readline(LINE_BYTES)
        if not line:
            return
        if len(line) == LINE_BYTES and not line.endswith("\n"):
            raise UnreadableFile(f"line {number}: expected at most {LINE_BYTES:,} characters, found more")
        yield line
