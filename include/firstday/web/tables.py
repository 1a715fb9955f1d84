"""The catalogue: what a table is, its columns with their meaning, how fresh it is, who reads it, and a sample."""

import re
from functools import cache
from pathlib import Path

from include.firstday.errors import InputError
from include.firstday.lake.lake import Lake
from include.firstday.lake.statements import SQL
from include.firstday.lake.table_names import tables_read
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.lineage import file_of
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import lake as schemas
from include.firstday.web.workbench import plain

SAMPLE = 20
FRESH = 10.0
HIDDEN = frozenset({"raw", "header"})  # of rejected rows: the row as it was read, with the person
_COLUMN = re.compile(r"^    (?:[^\n-]* as )?(\w+)\b[^\n]*? -- (.+)$", re.MULTILINE)
_HEAD = re.compile(r"(?:--.*\n)+")


def table(reader: Reader, name: str) -> schemas.TableAbout:
    """Describe a table or view of the use case. Raises InputError for another name."""
    return reader.ask(lambda lake: _look(lake, reader.use_case, name), "table", name, seconds=FRESH)


def _look(lake: Lake, use_case: UseCase, name: str) -> schemas.TableAbout:
    names = lake.tables()
    if name not in names:
        raise InputError(f"table: expected one of {', '.join(sorted(names))}, found {name}")
    columns = lake.columns(name)
    meaning = _meaning(use_case.name, name)
    personal = {*use_case.personal, *HIDDEN}
    shown = [column for column in columns if column not in personal]
    sample = [{key: plain(value) for key, value in row.items()} for row in lake.newest_rows(name, shown, SAMPLE)]
    last_batch = sample[0].get("batch_id") if sample else None
    committed = lake.rows("web/catalog/batch_committed", batch_id=last_batch) if last_batch else []
    return schemas.TableAbout(
        name=name,
        is_view=name in lake.views(),
        description=_grain(file_of(use_case.name, name)),
        columns=[
            schemas.ColumnAbout(name=column, type=kind, about=meaning.get(column, ""), is_personal=column in personal)
            for column, kind in columns.items()
        ],
        last_batch=last_batch,
        changed_at=committed[0]["committed_at"] if committed else None,
        read_by=list(_readers(name)),
        sample=sample,
    )


def _grain(path: Path | None) -> str:
    """The comment at the head of a statement, without its parameters."""
    head = _HEAD.match(path.read_text(encoding="utf-8")) if path else None
    lines = head[0].splitlines() if head else []
    return " ".join(line[3:] for line in lines if not re.match(r"-- (params|reads):", line))


def _meaning(use_case: str, name: str) -> dict[str, str]:
    """Column → its comment in the table's own statement, or in that of a table that it is made from."""
    made_from = {"users": "events", "predictions": "feature_state", "shadow_predictions": "predictions"}
    other = made_from.get(name)
    inherited = _meaning(use_case, other) if other else {}
    path = file_of(use_case, name)
    own = dict(_COLUMN.findall(path.read_text(encoding="utf-8"))) if path else {}
    return inherited | own


@cache
def _readers(table: str) -> tuple[str, ...]:
    """Packages and modules whose statements read a table."""
    found = {
        "/".join(path.relative_to(SQL).parts[:2])
        for path in SQL.rglob("*.sql")
        if not path.is_relative_to(SQL / "web") and table in tables_read(path.read_text(encoding="utf-8"))
    }
    return tuple(sorted(name.removesuffix(".sql") for name in found if not name.startswith("lake/")))
