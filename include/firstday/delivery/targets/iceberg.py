"""An Iceberg table in any catalog of pyiceberg: one row per prediction, one snapshot per micro-batch.

Exactly once: the snapshot's summary names the delivery, and so does a property of the table, in the same commit. One
that was killed afterwards is found there and not repeated, also where the snapshot has been expired meanwhile.
"""

import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyiceberg import exceptions
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.table import Table
from sqlalchemy.exc import SQLAlchemyError

from include.firstday.delivery.targets import Row
from include.firstday.errors import DeliveryError
from include.firstday.servers import Credentials
from include.firstday.use_case.connectors import IcebergTarget
from include.firstday.use_case.use_case import UseCase

DELIVERY = "firstday.delivery"
LONGEST_ERROR = 500  # characters
COLUMNS = {
    "id": pa.string(),
    "user_id": pa.string(),
    "probability": pa.float64(),
    "predicted": pa.bool_(),
    "model_name": pa.string(),
    "model_version": pa.int64(),
    "scored_at": pa.timestamp("us", tz="UTC"),
    "batch_id": pa.int64(),
    "reasons": pa.string(),
}
KEPT_METADATA = {"write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "100"}
FAILURES: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    SQLAlchemyError,
    *(kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)


def send(use_case: UseCase, target: IcebergTarget, credentials: Credentials, rows: Sequence[Row]) -> None:
    """Append the rows of one micro-batch, with columns that the table lacks. Raises DeliveryError."""
    first = min(row["scored_at"] for row in rows)
    delivery = f"{use_case.name}/{rows[0]['batch_id']}@{first.isoformat()}"
    try:
        records = _records(use_case, target, rows)
        with load_catalog(target.catalog, **_properties(credentials)) as catalog:
            table = _table(catalog, target.table, records.schema)
            if not _is_delivered(table, delivery):
                _append(table, records, delivery)
    except FAILURES as error:
        raise DeliveryError(f"Iceberg error: {type(error).__name__}: {_told(error)}") from None


def _told(error: Exception) -> str:
    """An error in one line, without the frames of the tables that pyiceberg draws."""
    return " ".join(re.sub(r"[^\x21-\x7e]+", " ", str(error)).split())[:LONGEST_ERROR]


def _properties(credentials: Credentials) -> dict[str, str]:
    """Properties of pyiceberg: the extras, with host as `uri`, and login and password as `credential`."""
    properties = {str(name): str(value) for name, value in credentials.extra.items()}
    if credentials.host:
        properties.setdefault("uri", credentials.host)
    if credentials.login:
        properties.setdefault("credential", f"{credentials.login}:{credentials.password}")
    elif credentials.password:
        properties.setdefault("token", credentials.password)
    return properties


def _records(use_case: UseCase, target: IcebergTarget, rows: Sequence[Row]) -> pa.Table:
    features = use_case.features if target.features else ()
    kinds = {name: pa.string() if name in use_case.categories else pa.float64() for name in features}
    return pa.Table.from_pylist(list(rows), pa.schema(list((kinds | COLUMNS).items())))


def _table(catalog: Catalog, name: str, schema: pa.Schema) -> Table:
    """The table, created where it is missing."""
    try:
        return catalog.load_table(name)
    except exceptions.NoSuchTableError:
        catalog.create_namespace_if_not_exists(name.rpartition(".")[0])
        return catalog.create_table_if_not_exists(name, schema, properties=KEPT_METADATA)


def _is_delivered(table: Table, delivery: str) -> bool:
    summaries: list[Any] = [snapshot.summary for snapshot in table.snapshots() if snapshot.summary]
    return delivery in {table.properties.get(DELIVERY), *(summary.get(DELIVERY) for summary in summaries)}


def _append(table: Table, records: pa.Table, delivery: str) -> None:
    with table.transaction() as change:
        if missing := set(records.column_names) - set(table.schema().column_names):
            with change.update_schema() as update:
                update.union_by_name(pa.schema([records.schema.field(name) for name in sorted(missing)]))
        change.append(records, snapshot_properties={DELIVERY: delivery})
        change.set_properties({DELIVERY: delivery})
