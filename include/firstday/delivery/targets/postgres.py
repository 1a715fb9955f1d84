"""A table of a PostgreSQL database with the latest prediction of each user; created if missing."""

from collections.abc import Sequence

import psycopg2
from psycopg2 import extras, sql

from include.firstday.delivery.targets import Row
from include.firstday.errors import DeliveryError
from include.firstday.servers import Credentials
from include.firstday.use_case.connectors import PostgresTarget
from include.firstday.use_case.use_case import UseCase

TIMEOUT = 10  # seconds
COLUMNS = {
    "user_id": "text primary key",
    "id": "text not null",
    "probability": "double precision not null",
    "predicted": "boolean not null",
    "model_name": "text not null",
    "model_version": "bigint not null",
    "scored_at": "timestamp not null",
    "batch_id": "bigint not null",
    "reasons": "jsonb",  # null in what an earlier version delivered
}


def send(use_case: UseCase, target: PostgresTarget, credentials: Credentials, rows: Sequence[Row]) -> None:
    """Upsert the rows in one transaction; an older prediction never replaces a newer one. Raises DeliveryError."""
    try:
        connection = psycopg2.connect(
            host=credentials.host or None,
            port=credentials.port,
            user=credentials.login or None,
            password=credentials.password or None,
            dbname=credentials.schema or None,
            connect_timeout=TIMEOUT,
            options=f"-c statement_timeout={TIMEOUT}s",
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(_create(target.table))
                values = [[row[name] for name in COLUMNS] for row in rows]
                extras.execute_values(cursor, _upsert(target.table).as_string(cursor), values)
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise DeliveryError(f"{type(error).__name__}: {str(error).strip().splitlines()[0]}") from None


def _create(table: str) -> sql.Composed:
    columns = [sql.SQL("{} " + kind).format(sql.Identifier(name)) for name, kind in COLUMNS.items()]
    return sql.SQL(
        "create table if not exists {table} ({columns}); "
        "alter table {table} add column if not exists reasons jsonb"  # a table of an earlier version lacks it
    ).format(table=sql.Identifier(table), columns=sql.SQL(", ").join(columns))


def _upsert(table: str) -> sql.Composed:
    names = [sql.Identifier(name) for name in COLUMNS]
    changes = [sql.SQL("{0} = excluded.{0}").format(name) for name in names[1:]]
    return sql.SQL(
        "insert into {table} ({names}) values %s on conflict (user_id) do update set {changes} "
        "where excluded.batch_id >= {table}.batch_id"
    ).format(table=sql.Identifier(table), names=sql.SQL(", ").join(names), changes=sql.SQL(", ").join(changes))
