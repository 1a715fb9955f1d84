"""Migrate a lake of older code or files to the present code and the use case's files.

New tables and columns are added, with NULL in existing rows. Renamed tables and columns are renamed. A change of a
stored value's type is an error. It happens in the transaction that opens the lake for writing, so a lake is never half
migrated.
"""

from collections.abc import Mapping

from include.firstday.errors import LakeError
from include.firstday.lake.lake import Columns, Lake

# Increased whenever older code must no longer write to the lake, because it would not fill or respect new columns, and
# whenever a lake is to be laid out in another way.
SCHEMA_VERSION = 14

PARTITIONED_BY_WINDOW = 12  # the first version whose users and feature_state are
PARTITIONED_BY_DAY = 14  # the first version whose events and predictions are: before, a file an hour

Partitions = Mapping[str, tuple[str, ...]]

# Earlier names, and the present ones. The view is created again afterwards.
RENAMED_TABLES = {
    "built_from": "schema_history",
    "champions": "promotions",
    "failing_targets": "delivery_failures",
    "feature_sources": "feature_fingerprint",
    "forgotten_users": "tombstones",
    "progress": "checkpoints",
}
_PREDICTED = {"about_to_churn": "predicted", "predicted_churn": "predicted", "churn_probability": "probability"}
RENAMED_COLUMNS = {
    "users": {"opened_at": "window_start"},
    "predictions": {**_PREDICTED, "opened_at": "window_start"},
    "shadow_predictions": {**_PREDICTED, "opened_at": "window_start"},
    "deliveries": {"churn_probability": "probability"},
}
VIEW = "user_features"
PREDICTIONS = ("predictions", "shadow_predictions")


def migrate(
    lake: Lake, wanted: Mapping[str, Columns], window_seconds: float, by_window: Partitions, by_time: Partitions
) -> None:
    """Rename and add what the lake's tables lack of `wanted`, table -> column -> type. Inside a transaction.

    `window_seconds`: the length of the use case's window, from which the end of stored windows follows.
    `by_window`, `by_time`: table -> the time column and its parts that its files are now partitioned by. Rows of the
    former are written anew; those of the latter stay in the files that they are in.

    Raises LakeError, and nothing has changed, where the lake is newer than this code or a column has another type.
    """
    _rename_tables(lake)
    if (found := version(lake)) > SCHEMA_VERSION:
        raise LakeError(
            f"the lake has schema version {found}, this code supports up to {SCHEMA_VERSION}: "
            "use the newer code, or restore a backup from before the migration"
        )
    _rename_columns(lake)
    if "monitoring" in lake.tables():
        lake.execute("schema/migrate/rename_metrics")
    views = lake.views()
    for table in sorted(lake.tables() & wanted.keys() - views):
        _add_columns(lake, table, wanted[table])
    if "users" in lake.tables():
        lake.execute("schema/migrate/fill_window_end", window_seconds=window_seconds)
    if found < PARTITIONED_BY_WINDOW:
        _partition_by_window(lake, by_window)
    if found < PARTITIONED_BY_DAY:
        for table in sorted(by_time.keys() & lake.tables()):
            column, *parts = by_time[table]
            lake.partition_by(table, column, *parts)
    if "bucket" in lake.columns("checkpoints"):
        _join_checkpoints(lake)


def version(lake: Lake) -> int:
    """Schema version of the lake; 1 if none has been recorded."""
    return max((row.get("schema_version") or 1 for row in lake.rows_of("schema_history")), default=1)


def _rename_tables(lake: Lake) -> None:
    tables = lake.tables()
    if "built_from" not in tables:
        return
    if VIEW in tables:  # it names columns that are renamed
        lake.drop_view(VIEW)
    for old, new in RENAMED_TABLES.items():
        if old in tables:
            lake.rename_table(old, new)


def _rename_columns(lake: Lake) -> None:
    for table in sorted(lake.tables() & RENAMED_COLUMNS.keys()):
        for old in lake.columns(table).keys() & RENAMED_COLUMNS[table].keys():
            lake.rename_column(table, old, RENAMED_COLUMNS[table][old])


def _partition_by_window(lake: Lake, partitions: Partitions) -> None:
    """Events after a window no longer change the row of their user; the files go by the time of the window."""
    for table, (column, *parts) in partitions.items():
        lake.build_like("moved_rows", table)
        if table == "users":
            lake.insert("moved_rows", "schema/migrate/users_until_window_end")
        else:
            lake.insert_from("moved_rows", table)
        lake.partition_by(table, column, *parts)
        lake.delete_rows(table)
        lake.insert_from(table, "moved_rows")
        lake.drop("moved_rows")


def _join_checkpoints(lake: Lake) -> None:
    """A checkpoint per stage, in the place of one per bucket of users (version 7 and before).

    Where buckets stand apart, the stage goes on from the last: to fold events that are counted changes nothing, and
    what was scored beyond it is scored again. Nobody has acted on it, as delivery waited for the last bucket.
    """
    scored = sorted({row["batch_id"] for row in lake.rows_of("checkpoints", stage="score_users")})
    for batch_id in range(scored[0] + 1, scored[-1] + 1):
        for table in PREDICTIONS:
            lake.delete_rows(table, batch_id=batch_id)
    lake.build("schema/migrate/joined_checkpoints")
    lake.delete_rows("checkpoints")
    lake.drop_column("checkpoints", "bucket")
    lake.insert_from("checkpoints", "joined_checkpoints")
    lake.drop("joined_checkpoints")


def _add_columns(lake: Lake, table: str, wanted: Columns) -> None:
    existing = lake.columns(table)
    for name, kind in wanted.items():
        if name not in existing:
            lake.add_column(table, name, kind)
        elif existing[name] != kind:
            raise LakeError(
                f"table {lake.schema}.{table}, column {name}: stored as {existing[name]}, now declared as {kind}; "
                "stored values keep their type: give the column a new name, or start with a new FIRSTDAY_HOME"
            )
