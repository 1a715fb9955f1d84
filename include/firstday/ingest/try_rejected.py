"""A dry run of a replay: how many rejected rows would pass with another mapping, or after they were edited."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.firstday.errors import InputError
from include.firstday.ingest import replay_rejected
from include.firstday.records import csv_records
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

UNREADABLE = "row: cannot be read with its header"
Place = tuple[int, str, int]  # micro-batch, file and row number of a rejected row
Fields = Mapping[str, str | None]


@dataclass(frozen=True)
class Tried:
    """Rows tried, those that would pass, and the rules that the others would break, with the number of rows of each."""

    tried: int
    passed: int
    broken: Mapping[str, int]
    is_cut: bool


def try_rejected(use_case: UseCase, reason: str = "", edited: Mapping[Place, Fields] | None = None) -> Tried:
    """Try the rejected rows whose reason has a prefix, or edited ones of them; nothing is stored.

    Raises InputError where an edited row is not pending, or has no such field.
    """
    limit = replay_rejected.ROW_LIMIT
    with open_lake(use_case, read_only=True) as lake:
        open_rows = {"reason": reason, "due": None, "row_limit": limit + 1, **replay_rejected.START}
        lake.build("ingest/replay_rejected/open_rows", **open_rows)
        texts = lake.rows("ingest/replay_rejected/texts")
        chosen = _edited(texts, edited) if edited else texts[:limit]
        broken = replay_rejected.stage_all(lake, use_case, chosen) if chosen else Counter[str]()
        passed = lake.count("accepted") if chosen else 0
    if unreadable := len(chosen) - passed - broken.total():
        broken[UNREADABLE] = unreadable
    return Tried(len(chosen), passed, dict(broken.most_common()), len(texts) > limit and not edited)


def describe(tried: Tried) -> str:
    """Describe the result in one line."""
    return f"{tried.passed:,} of {tried.tried:,} {'row' if tried.tried == 1 else 'rows'} would pass"


def _edited(texts: list[dict[str, Any]], edited: Mapping[Place, Fields]) -> list[dict[str, Any]]:
    found = {(row["batch_id"], row["source_file"], row["row_number"]): row for row in texts}
    if missing := [place for place in edited if place not in found]:
        batch_id, file, number = missing[0]
        raise InputError(f"{file}, row {number}: no rejected row pending replay in micro-batch {batch_id}")
    return [
        found[place] | {"raw": with_fields(found[place]["raw"], found[place]["header"], fields)}
        for place, fields in edited.items()
    ]


def with_fields(raw: str, header: str | None, fields: Fields) -> str:
    """A rejected row's text with other values of some fields; None takes one away. Raises InputError."""
    if header is not None:
        return _with_cells(raw, header, fields)
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise InputError("rows: expected a row that is a JSON object; correct the file instead")
    changed = row | dict(fields)
    return json.dumps({name: value for name, value in changed.items() if fields.get(name, "") is not None})


def _with_cells(raw: str, header: str, fields: Fields) -> str:
    head = csv_records.parse_header(header)
    if unknown := [name for name in fields if name not in head.names]:
        raise InputError(f"fields: expected some of {', '.join(head.names)}, found {', '.join(unknown)}")
    try:
        cells = dict(zip(head.names, csv_records.parse_text(raw, head.delimiter), strict=True))
    except (ValueError, csv.Error) as error:
        raise InputError(
            f"rows: expected as many cells as the header has; correct the file instead: {error}"
        ) from error
    line = io.StringIO()
    writer = csv.writer(line, delimiter=head.delimiter, lineterminator="")
    writer.writerow([value if value is not None else "" for value in (cells | dict(fields)).values()])
    return line.getvalue()
