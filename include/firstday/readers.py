"""Reads one landing file into the temporary table `given_rows`, a bounded piece at a time.

A clean file is read by DuckDB itself, at its speed. A file with a broken line is read again line by line, so that every
refused row keeps its number and its text.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from include.firstday.contract import Columns, as_text
from include.firstday.lake import Lake

BLOCK_BYTES = 16 * 2**20
LINE_BYTES = 2**20  # a longer line is not an event
KEPT_BYTES = 1000  # what is kept of a line that cannot be an event

Rejected = list[tuple[int, str, str]]


def is_json(path: Path) -> bool:
    """Whether the file holds one JSON object a line."""
    return path.name.removesuffix(".gz").endswith((".ndjson", ".jsonl"))


def read_whole(opened: Lake, path: Path, columns: Columns) -> None:
    """Read a file whose every row can be read into `given_rows`. Raises lake.Unreadable otherwise."""
    source = {"path": str(path)}
    if is_json(path):
        opened.build("stages/store_events/read_ndjson", into="given_rows", **source, columns=as_text(columns))
    elif path.name.endswith(".csv"):
        opened.build("stages/store_events/read_csv", into="given_rows", **source)
    else:
        opened.build("stages/store_events/read_parquet", into="given_rows", **source)


def read_lines(opened: Lake, path: Path, columns: Columns) -> Iterator[Rejected]:
    """Read a JSON file line by line into `given_rows`, anew for each piece; yields the lines that are not even text.

    Raises OSError or EOFError where the file's bytes cannot be read, as in a truncated gzip.
    """
    structure = json.dumps(as_text(columns))
    for lines, rejected in _pieces(path):
        opened.build_rows("lines", lines)
        opened.build("stages/store_events/read_lines", into="given_rows", structure=structure)
        yield rejected


def _pieces(path: Path) -> Iterator[tuple[pa.Table, Rejected]]:
    with _open(path) as file:
        number, rest, skipped = 0, b"", 0
        while block := file.read(BLOCK_BYTES):
            *whole, rest = (rest + block).split(b"\n")
            yield _piece(whole, number, skipped)
            number += len(whole)
            skipped = skipped if not whole else 0
            if len(rest) > LINE_BYTES:
                # Remember that the line was too long, and how it began; the rest of it is not kept in memory.
                skipped += len(rest) - KEPT_BYTES
                rest = rest[:KEPT_BYTES]
        if rest or skipped:
            yield _piece([rest], number, skipped)


def _piece(lines: list[bytes], lines_before: int, skipped_of_first: int) -> tuple[pa.Table, Rejected]:
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
    return _table(good), rejected


def _table(lines: list[tuple[int, str]]) -> pa.Table:
    schema = pa.schema([("line_number", pa.int64()), ("line", pa.string())])
    return pa.table([[number for number, _ in lines], [line for _, line in lines]], schema=schema)


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]
