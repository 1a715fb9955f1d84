"""Reads landing files: clean ones in the statement that stages them, others into the temporary table `given_rows`.

Clean files are read by DuckDB itself, at its speed, and those of one form at once. A text file with a broken row is
read again row by row, a bounded piece at a time, so that every rejected row keeps its number and its text.

The columns that readers add begin with `_`, as no column of a table and no identifier does.
"""

import csv
import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.firstday.errors import QueryError, UnreadableFileError
from include.firstday.lake.lake import Columns, Lake
from include.firstday.lake.statements import statement
from include.firstday.records import csv_records, file_bytes
from include.firstday.records.contract import PATH, as_text
from include.firstday.records.csv_records import Header, Record
from include.firstday.records.file_bytes import LINE_BYTES
from include.firstday.records.text import fault_of, lone_surrogate, printable

PIECE_BYTES = 16 * 2**20
PIECE_RECORDS = 50_000
HEAD_LINES = 1000  # that are read to find the keys of JSON objects

Rejected = list[tuple[int, str, str]]


@dataclass(frozen=True)
class Source:
    """A SELECT of the rows of files, its parameters, and its columns with their types."""

    text: str
    parameters: dict[str, object]
    columns: Columns


@dataclass(frozen=True)
class Piece:
    """A part of a text file: its rows that are not even text, and the lines that rows have beyond their first."""

    rejected: Rejected
    further_lines: int = 0


def is_text(path: Path) -> bool:
    """Whether the file has one row per line, so that the others are readable beside a broken one."""
    return is_json(path) or path.name.endswith(".csv")


def column_names(path: Path) -> list[str]:
    """Return the names of a file's columns, from its header, its schema, or the keys of its first lines.

    Raises UnreadableFileError or OSError.
    """
    if path.name.endswith(".csv"):
        return list(csv_records.header_of(path).names)
    if not is_json(path):
        return list(_parquet(path).schema.names)
    try:
        texts = (line.text for line in islice(file_bytes.lines(path), HEAD_LINES))
        rows = [json.loads(text) for text in texts if text.strip()]
    except ValueError as error:
        raise UnreadableFileError(f"{path}: expected a JSON object a line: {error}") from error
    return list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))


def row_count(path: Path) -> int:
    """Return the number of rows in a Parquet file's footer; 0 for other files, or where it is unreadable."""
    try:
        return int(_parquet(path).num_rows) if path.name.endswith(".parquet") else 0
    except (OSError, UnreadableFileError):
        return 0


def is_complete(path: Path, lines: int, rows: int, further_lines: int = 0) -> bool:
    """Whether a file has this number of rows, counted by other means than the reading.

    `lines` are a text file's, blank ones and a header included; rows over several lines have `further_lines`.
    """
    if path.name.endswith(".parquet"):
        return rows == row_count(path)
    found, headers = rows + further_lines, int(path.name.endswith(".csv"))

    def are_all(lines: int) -> bool:
        return found + min(headers, lines) == lines

    return are_all(lines) or are_all(_filled_lines(path))


def source(lake: Lake, paths: Sequence[Path], columns: Columns) -> Source:
    """Files of one form as DuckDB reads them, with the path of each row's where there are several.

    Raises QueryError or UnreadableFileError, also where the query is run, if a row is unreadable.
    """
    path, parameters = _select(paths, columns, PATH if len(paths) > 1 else False)
    text = statement(path).text
    return Source(text, parameters, lake.columns_of(text, **parameters))


def read_whole(lake: Lake, path: Path, columns: Columns) -> None:
    """Read a file into `given_rows` at once. Raises QueryError or UnreadableFileError if a row is unreadable."""
    if path.name.endswith(".csv") and not _header(path, columns).names:
        lake.build_rows("given_rows", _records_table(dict.fromkeys(columns, 0), []))
        return
    select, parameters = _select([path], columns, False)
    try:
        lake.build(select, into="given_rows", **parameters)
    except QueryError as error:
        if "empty set of columns" in str(error):
            raise UnreadableFileError(f"columns: expected some of {', '.join(columns)}, found none") from error
        raise


def form(path: Path) -> object:
    """Return what files that can be read together have in common; None for one that is read by itself."""
    if is_json(path):
        return "ndjson"
    if path.name.endswith(".csv"):
        return None
    try:
        schema = _parquet(path).schema
    except (OSError, UnreadableFileError):
        return None
    columns = (schema.column(number) for number in range(len(schema)))
    # Of files of several types DuckDB would change the types until they fit.
    return tuple((one.path, one.physical_type, str(one.logical_type), one.max_definition_level) for one in columns)


def read_rows(lake: Lake, path: Path, columns: Columns) -> Iterator[Piece]:
    """Read a text file row by row into `given_rows`, which each piece replaces.

    Raises OSError or UnreadableFileError where the file is truncated or corrupt.
    """
    if is_json(path):
        structure = json.dumps(as_text(columns))
        for lines, rejected in _line_pieces(path):
            lake.build_rows("lines", lines)
            lake.build("records/readers/read_lines", into="given_rows", structure=structure)
            yield Piece(rejected)
    else:
        header = _header(path, columns)
        for records in _pieces(csv_records.read_records(path, header)):
            lake.build_rows("given_rows", _good_records(records, header, columns))
            rejected = [(record.number, record.fault, record.text) for record in records if record.fault]
            yield Piece(rejected, sum(record.lines - 1 for record in records))


def read_texts(lake: Lake, texts: Sequence[tuple[int, str]], header: str | None, columns: Columns) -> None:
    """Read numbered texts of rows into `given_rows`: JSON objects, or CSV with one header."""
    if header is None:
        lake.build_rows("lines", _lines_table(list(texts)))
        lake.build("records/readers/read_lines", into="given_rows", structure=json.dumps(as_text(columns)))
        return
    parsed = _expect_columns(csv_records.parse_header(header), columns)
    records = [Record(number, text, 1, _fields(text, parsed)) for number, text in texts]
    good = [record for record in records if len(record.fields) == len(parsed.names)]
    lake.build_rows("given_rows", _good_records(good, parsed, columns))


def _fields(text: str, header: Header) -> list[str]:
    try:
        return csv_records.parse_text(text, header.delimiter)
    except csv.Error:  # rejected by code that read quotes otherwise
        return []


def _select(paths: Sequence[Path], columns: Columns, path_column: str | bool) -> tuple[str, dict[str, object]]:
    """The statement that reads files of one form, and its parameters."""
    if paths[0].name.endswith(".csv"):
        (path,) = paths
        header = _header(path, columns)
        structure = dict.fromkeys(header.names, "VARCHAR")
        format_of: dict[str, object] = {"path": _escaped(path), "delimiter": header.delimiter, "structure": structure}
        return "records/readers/read_csv", format_of | {"wanted": list(columns), "blank_lines": header.blank_lines}
    source: dict[str, object] = {"paths": [_escaped(path) for path in paths], "path_column": path_column}
    if is_json(paths[0]):
        return "records/readers/read_ndjson", source | {"columns": as_text(columns)}
    wanted = [*columns, *([path_column] if isinstance(path_column, str) else [])]
    return "records/readers/read_parquet", source | {"wanted": wanted}


def _escaped(path: Path) -> str:
    """Escape a path: a file named `*.csv` would match all files."""
    return glob.escape(str(path))


def is_json(path: Path) -> bool:
    """Whether the file has a JSON object per line."""
    return path.name.removesuffix(".gz").endswith((".ndjson", ".jsonl"))


def _parquet(path: Path) -> pq.FileMetaData:
    """The footer of a Parquet file. Raises UnreadableFileError, whatever is wrong in it, or OSError."""
    try:
        metadata = pq.read_metadata(path)
        metadata.schema.to_arrow_schema()  # or a column's name that is not UTF-8 would be found later
    except OSError as error:
        if error.errno is None:  # Arrow's own, about what the file holds
            raise UnreadableFileError(f"expected Parquet: {error}") from error
        raise
    except Exception as error:  # also MemoryError, as a damaged length may request any amount
        raise UnreadableFileError(f"expected Parquet: {error or type(error).__name__}") from error
    return metadata


def _filled_lines(path: Path) -> int:
    if path.name.endswith(".csv"):
        return csv_records.count_filled_lines(path)
    return sum(1 for line in file_bytes.lines(path) if line.text.strip() or line.is_too_long)


def _line_pieces(path: Path) -> Iterator[tuple[pa.Table, Rejected]]:
    good: list[tuple[int, str]] = []
    rejected: Rejected = []
    size = 0
    for line in file_bytes.lines(path):
        text, broken = _checked(line)
        if broken:
            rejected.append((line.number, broken, text))
        elif text:
            good.append((line.number, text))
        size += len(line.text) + 100  # of a blank line, too
        if size > PIECE_BYTES:
            yield _lines_table(good), rejected
            good, rejected, size = [], [], 0
    if size:
        yield _lines_table(good), rejected


def _checked(line: file_bytes.Line) -> tuple[str, str | None]:
    """A line as text, empty where it is blank, and why it can hold no row."""
    if line.is_too_long:
        fault = f"line: expected at most {LINE_BYTES:,} bytes, found {line.bytes:,}"
        return printable(line.text[: file_bytes.KEPT_BYTES].decode(errors="backslashreplace")), fault
    if not line.text.strip():
        return "", None
    try:
        text = line.text.decode("utf-8-sig" if line.number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        fault = f"line: expected UTF-8, found {error.reason} at byte {error.start}"
        return printable(line.text.decode(errors="backslashreplace")), fault
    if found := fault_of(text):
        return printable(text), found
    if half := lone_surrogate(line.text):
        return text, rf"line: expected Unicode, found {half}, which is half a character"
    return text, None


def _lines_table(lines: list[tuple[int, str]]) -> pa.Table:
    schema = pa.schema([("_row_number", pa.int64()), ("_line", pa.string())])
    return pa.table([[number for number, _ in lines], [line for _, line in lines]], schema=schema)


def _header(path: Path, columns: Columns) -> Header:
    return _expect_columns(csv_records.header_of(path), columns)


def _expect_columns(header: Header, columns: Columns) -> Header:
    if header.names and not set(header.names) & set(columns):
        raise UnreadableFileError(f"header: expected some of {', '.join(columns)}, found {header.line[:200]!r}")
    return header


def _pieces(records: Iterator[Record]) -> Iterator[list[Record]]:
    while piece := list(islice(records, PIECE_RECORDS)):
        yield piece


def _good_records(records: list[Record], header: Header, wanted: Columns) -> pa.Table:
    """The wanted columns of the records without a fault, and of each its number, its text and its header."""
    good = [record for record in records if not record.fault]
    return _records_table({name: at for at, name in enumerate(header.names) if name in wanted}, good, header.line)


def _records_table(places: Mapping[str, int], records: list[Record], header: str = "") -> pa.Table:
    columns = {
        name: pa.array([record.fields[at] or None for record in records], pa.string()) for name, at in places.items()
    }
    columns["_row_number"] = pa.array([record.number for record in records], pa.int64())
    columns["_line"] = pa.array([record.text for record in records], pa.string())
    columns["_header"] = pa.array([header] * len(records), pa.string())
    return pa.table(columns)
