"""What a table and its columns are: the comments of the statement that creates it, which the lake has as well."""

import re
from pathlib import Path

from include.firstday.lake.lake import Lake
from include.firstday.lake.statements import SQL
from include.firstday.use_case.use_case import UseCase

MADE_FROM = {
    "users": "events",
    "user_features": "users",
    "predictions": "user_features",
    "shadow_predictions": "predictions",
}
KINDS = {
    "count": "number of values",
    "sum": "sum",
    "mean": "mean",
    "var": "sample variance",
    "min": "least value",
    "max": "greatest value",
}
SINCE = {"open": "the window opened", "event": "the last event"}
_COLUMN = re.compile(r"^    (?:[^\n-]* as )?(\w+)\b[^\n]*? -- (.+)$", re.MULTILINE)
_HEAD = re.compile(r"(?:--.*\n)+")


def file_of(use_case: str, table: str) -> Path | None:
    """The statement that creates a table or view of the lake."""
    own = SQL / "use_cases" / use_case
    places = (SQL / "lake" / f"{table}.sql", own / f"{table}.sql", own / "enrichment" / f"{table}.sql")
    return next((path for path in places if path.exists()), None)


def of_table(use_case: str, table: str) -> str:
    """The comment at the head of a table's statement, without its parameters; empty where there is none."""
    path = file_of(use_case, table)
    head = _HEAD.match(path.read_text(encoding="utf-8")) if path else None
    lines = head[0].splitlines() if head else []
    return " ".join(line[3:] for line in lines if not re.match(r"-- (params|reads):", line))


def of_columns(use_case: UseCase, table: str) -> dict[str, str]:
    """Column → its comment in the table's own statement, or in that of a table that it is made from.

    A feature without one has the meaning of its name, where that is a measure's or that of a time since something.
    """
    other = MADE_FROM.get(table)
    inherited = of_columns(use_case, other) if other else {}
    path = file_of(use_case.name, table)
    own = dict(_COLUMN.findall(path.read_text(encoding="utf-8"))) if path else {}
    return inherited | (_of_features(use_case) if table == "user_features" else {}) | own


def _of_features(use_case: UseCase) -> dict[str, str]:
    measures = {
        f"{measure}_{kind}": f"{words} of the measure {measure} in the window"
        for measure in use_case.measures
        for kind, words in KINDS.items()
    }
    named = {name: measures[name] for name in use_case.features if name in measures}
    for name in use_case.features:
        unit, since, what = name.partition("_since_")
        if since:
            named[name] = f"{unit} since {SINCE.get(what, f'the last {what}')}"
    return named


def write(lake: Lake, use_case: UseCase) -> None:
    """Give tables, views and columns of the lake these comments, where they have others.

    DuckDB keeps none of a view's columns.
    """
    rows, views = lake.rows("schema/comments/comments"), lake.views()
    known = {(row["table_name"], row["column_name"]): row["comment"] or "" for row in rows}
    for table in sorted(lake.tables()):
        meaning = {} if table in views else of_columns(use_case, table)
        wanted = {"": of_table(use_case.name, table)} | {name: meaning.get(name, "") for name in lake.columns(table)}
        for column, comment in wanted.items():
            if known[table, column] != comment:
                lake.comment(table, column, comment)
