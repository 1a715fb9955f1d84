"""Tables of `.txt` and `.tsv` files as CSV: the same rows, under the names of a header or of the columns' places."""

import csv
from pathlib import Path

import pytest

from include.firstday.errors import UnreadableFileError
from include.firstday.records import text_tables

BLANKS = " 00004 0001 19970101  2   29.33\r\n\r\n 00018 0002 19970104  1   14.96\r\n"
PLACES = ["column_1", "column_2", "column_3", "column_4", "column_5"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (BLANKS, [PLACES, ["00004", "0001", "19970101", "2", "29.33"], ["00018", "0002", "19970104", "1", "14.96"]]),
        ("user  time\nu1   20260301\n", [["user", "time"], ["u1", "20260301"]]),
        ("\ufeffuser\ttime\r\nu 1\t2026-03-01 10:00:00\r\n", [["user", "time"], ["u 1", "2026-03-01 10:00:00"]]),
        ("\ufeffu1\t2026-03-01 10:00\r\nu2\t\r\n", [["column_1", "column_2"], ["u1", "2026-03-01 10:00"], ["u2", ""]]),
        ('user;note\nu1;"a;b"\n', [["user", "note"], ["u1", "a;b"]]),
        ('user note\nu1 "a,b"\n', [["user", "note"], ["u1", '"a,b"']]),
        ("", []),
    ],
)
def test_rows_and_names(tmp_path: Path, text: str, rows: list[list[str]]) -> None:
    given, target = tmp_path / "given.txt", tmp_path / "target.csv"
    given.write_bytes(text.encode())
    text_tables.convert(given, target)
    first = target.read_text(encoding="utf-8").partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    with target.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file, delimiter=delimiter)) == rows


def test_what_is_no_text_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "given.txt").write_bytes(b"user time\nu1 \xff\n")
    with pytest.raises(UnreadableFileError, match="expected UTF-8, found invalid start byte at byte 13"):
        text_tables.convert(tmp_path / "given.txt", tmp_path / "target.csv")
