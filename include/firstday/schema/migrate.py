"""Brings a lake that older code or older files have made to what this code and the use case's files expect.

What is new is added: tables, and columns with NULL in the rows there are. What would change a stored value is refused.
It happens in the transaction that makes the lake ready, so a lake is of the old version or of the new, never between.
"""

from collections.abc import Mapping

from include.firstday.lake import lake
from include.firstday.lake.lake import Columns, Lake

# Raised whenever older code must no longer write to the lake, because it would not fill or heed what is new.
SCHEMA_VERSION = 4


def upgrade(opened: Lake, wanted: Mapping[str, Columns]) -> None:
    """Add the columns that the lake's tables lack of `wanted`, table -> column -> type. Inside a transaction.

    Raises LakeError, and nothing has changed, where the lake is newer than this code or a column has another type.
    """
    if (found := version(opened)) > SCHEMA_VERSION:
        raise lake.LakeError(
            f"the lake has schema version {found}, this code knows up to {SCHEMA_VERSION}: "
            "use the newer code, or restore a backup that was made before it"
        )
    views = opened.views()
    for table in sorted(opened.tables() & wanted.keys() - views):
        _add_columns(opened, table, wanted[table])


def version(opened: Lake) -> int:
    """Schema version of the lake at hand; 1 where none was noted yet."""
    if "schema_version" not in opened.columns("built_from"):
        return 1
    return int(opened.value("schema/open_lake/schema_version"))


def _add_columns(opened: Lake, table: str, wanted: Columns) -> None:
    existing = opened.columns(table)
    for name, kind in wanted.items():
        if name not in existing:
            opened.add_column(table, name, kind)
        elif existing[name] != kind:
            raise lake.LakeError(
                f"table {opened.schema}.{table}, column {name}: stored as {existing[name]}, now declared as {kind}; "
                "what is stored keeps its type: give the column a new name, or begin with a new FIRSTDAY_HOME"
            )
