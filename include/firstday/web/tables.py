"""The catalogue: what a table is, its columns and their meaning, its rows over time, who reads it, and a sample."""

from functools import cache

from include.firstday.errors import InputError
from include.firstday.lake.lake import Lake
from include.firstday.lake.statements import SQL
from include.firstday.lake.table_names import tables_read
from include.firstday.operations import status
from include.firstday.schema import comments
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import lake as schemas
from include.firstday.web.workbench import plain

SAMPLE = 20
BATCHES = 200  # of the chart
FRESH = 10.0
HIDDEN = frozenset({"raw", "header"})  # of rejected rows: the row as it was read, with the person


def table(reader: Reader, name: str) -> schemas.TableAbout:
    """Describe a table or view of the use case. Raises InputError for another name."""
    return reader.ask(lambda lake: _look(lake, reader.use_case, name), "table", name, seconds=FRESH)


def _look(lake: Lake, use_case: UseCase, name: str) -> schemas.TableAbout:
    names = lake.tables()
    if name not in names:
        raise InputError(f"table: expected one of {', '.join(sorted(names))}, found {name}")
    columns = lake.columns(name)
    meaning = comments.of_columns(use_case, name)
    personal = {*use_case.personal, *HIDDEN}
    shown = [column for column in columns if column not in personal]
    sample = [{key: plain(value) for key, value in row.items()} for row in lake.newest_rows(name, shown, SAMPLE)]
    last_batch = sample[0].get("batch_id") if sample else None
    committed = lake.rows("web/catalog/batch_committed", batch_id=last_batch) if last_batch else []
    is_view = name in lake.views()
    held = next(iter(status.tables(lake, [name])), {})  # of a view none
    return schemas.TableAbout(
        name=name,
        is_view=is_view,
        description=comments.of_table(use_case.name, name),
        columns=[
            schemas.ColumnAbout(name=column, type=kind, about=meaning.get(column, ""), is_personal=column in personal)
            for column, kind in columns.items()
        ],
        rows=held.get("rows"),
        files=held.get("files", 0),
        bytes=held.get("bytes", 0),
        last_batch=last_batch,
        changed_at=committed[0]["committed_at"] if committed else None,
        batches=[] if is_view or "batch_id" not in columns else _batches(lake, name),
        read_by=list(_readers(name)),
        sample=sample,
    )


def _batches(lake: Lake, name: str) -> list[schemas.BatchRows]:
    """Rows of a table by the latest micro-batches, also of those that have none in it."""
    latest = lake.rows("web/catalog/micro_batches", row_limit=BATCHES)[::-1]
    rows = lake.count_by_batch(name, latest[0]["batch_id"] - 1) if latest else {}
    return [
        schemas.BatchRows(
            batch_id=batch["batch_id"], committed_at=batch["committed_at"], rows=rows.get(batch["batch_id"], 0)
        )
        for batch in latest
    ]


@cache
def _readers(table: str) -> tuple[str, ...]:
    """Packages and modules whose statements read a table."""
    found = {
        "/".join(path.relative_to(SQL).parts[:2])
        for path in SQL.rglob("*.sql")
        if not path.is_relative_to(SQL / "web") and table in tables_read(path.read_text(encoding="utf-8"))
    }
    return tuple(sorted(name.removesuffix(".sql") for name in found if not name.startswith("lake/")))
