"""Tables and columns, from the DDL in sql/lake/ and that of the first use case, and their comments."""

import re
from collections.abc import Iterator
from pathlib import Path

from include.firstday.settings import REPOSITORY
from tests.reference.markdown import page, table

LAKE = REPOSITORY / "sql" / "lake"
OWN = REPOSITORY / "sql" / "use_cases" / "first_day_churn"
HEAD = """
Each use case has a schema of its name in the lake. `firstday query` reads it; so do [other
tools](../how-to/reading-the-tables.md). Times are UTC, without a zone.
"""
OWN_HEAD = """
## Tables of a use case

These are defined by the use case's SQL; shown are those of `first_day_churn`. `users` also has the columns of
`registrations.sql`. The view `user_features` has the features in the YAML, as of now; `predictions` and
`shadow_predictions` have the same columns, as of the prediction.
"""
COLUMN = re.compile(
    r"^    (\w+) ([a-z]+(?:\([\d, ]+\))?)(?P<not_null> not null)?,?(?: -- (?P<about>.+))?$", re.MULTILINE
)
CAST = re.compile(r"^    (?:cast\(null as (\w+)\)|\w+.*) as (\w+),? -- (?P<about>.+)$", re.MULTILINE)


def render() -> str:
    own = [OWN / "events.sql", *sorted((OWN / "enrichment").glob("*.sql"))]
    return page(
        "Tables", HEAD, *map(_section, statements()), OWN_HEAD, *(_section(path).replace("## ", "### ") for path in own)
    )


def statements() -> list[Path]:
    """Files that create a table or define a view of the lake."""
    found = [path for path in sorted(LAKE.glob("*.sql")) if "create table" in path.read_text(encoding="utf-8")]
    return sorted([*found, LAKE / "feature_values.sql", LAKE / "recent_state.sql"])


def columns(path: Path) -> Iterator[tuple[str, str, bool, str]]:
    """Name, type, whether null is allowed, and comment of each column that a file defines; a view defines none."""
    text = path.read_text(encoding="utf-8")
    if "create table" not in text:
        return
    for found in COLUMN.finditer(text):
        yield found[1], found[2], not found["not_null"], found["about"] or ""
    for found in CAST.finditer(text):
        yield found[2], found[1] or "decimal", True, found["about"] or ""


def grain(path: Path) -> str:
    """The comment at the head of a file, without its parameters."""
    head = re.match(r"(?:--.*\n)+", path.read_text(encoding="utf-8"))
    lines = head[0].splitlines() if head else []
    return " ".join(line[3:] for line in lines if not re.match(r"-- (params|reads):", line))


def _section(path: Path) -> str:
    rows = [(f"`{name}`", kind, "" if nullable else "not null", about) for name, kind, nullable, about in columns(path)]
    return f"## {path.stem}\n\n{grain(path)}" + (
        "\n\n" + table(("column", "type", "", "meaning"), rows) if rows else ""
    )
