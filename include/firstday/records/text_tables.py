"""Tables in `.txt` and `.tsv` files, as CSV with a header: by tabs, other delimiters, or runs of blanks.

A first line with a number or a date among its fields is no header; then the columns are `column_1`, `column_2` and so
on.
"""

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from include.firstday.errors import UnreadableFileError
from include.firstday.records.csv_records import DELIMITERS

ENDINGS = (".txt", ".tsv")
_VALUE = re.compile(r"[-+.]?\d[\d.,:/TZ +-]*")


def is_text_table(path: Path) -> bool:
    """Whether a file is converted before it is read."""
    return path.name.lower().endswith(ENDINGS)


def csv_name(name: str) -> str:
    """The name of a file's copy as CSV."""
    return f"{name[:-4]}.csv"


def convert(path: Path, target: Path) -> None:
    """Write a file's table as CSV. Raises UnreadableFileError where it is not UTF-8."""
    try:
        first = _first_line(path)
        delimiter = max(DELIMITERS, key=first.count)
        if delimiter in first:
            _with_header(path, target, first, delimiter)
        else:
            _from_blanks(path, target, first)
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path}: expected UTF-8, found {error.reason} at byte {error.start}") from error


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        return next((line.rstrip("\r\n") for line in file if line.strip()), "")


def _header(fields: list[str]) -> list[str]:
    """The names of the columns, where the fields of the first line are none."""
    is_data = any(_VALUE.fullmatch(field.strip()) for field in fields)
    return [f"column_{place}" for place in range(1, len(fields) + 1)] if is_data else []


def _with_header(path: Path, target: Path, first: str, delimiter: str) -> None:
    names = _header(first.split(delimiter))
    with path.open(encoding="utf-8-sig") as given, target.open("w", encoding="utf-8", newline="\n") as written:
        if names:
            written.write(delimiter.join(names) + "\n")
        shutil.copyfileobj(given, written)


def _from_blanks(path: Path, target: Path, first: str) -> None:
    with target.open("w", encoding="utf-8", newline="") as written:
        rows = csv.writer(written, lineterminator="\n")
        if names := _header(first.split()):
            rows.writerow(names)
        rows.writerows(_split_lines(path))


def _split_lines(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8-sig") as given:
        yield from (line.split() for line in given if line.strip())
