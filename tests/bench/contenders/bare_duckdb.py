"""DuckDB over the file: read, aggregate, join, and nothing else. What any use of DuckDB costs at least."""

import time

import duckdb

from tests.bench.contenders import MEASURES, Rows, by_user

TEXT = dict.fromkeys(("user_id", "event_type", "postcode"), "varchar")
MONEY = dict.fromkeys(MEASURES.values(), "decimal(18, 2)")
COLUMNS = TEXT | {"event_time": "timestamp"} | MONEY
JSON = f"from read_json($path, format = 'newline_delimited', columns = {COLUMNS})"
PARQUET = "from read_parquet($path)"


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    with connect(postcodes) as connection:
        begun = time.perf_counter()
        aggregate(connection, read(events), events)
        seconds = time.perf_counter() - begun
        return seconds, features(connection)


def read(events: str) -> str:
    """The source of a file's events, `$path` in it."""
    return PARQUET if events.endswith(".parquet") else JSON


def connect(postcodes: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB with two threads, as Firstday has, and the enrichment table."""
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("create table postcodes as from read_parquet(?)", [postcodes])
    return connection


def aggregate(connection: duckdb.DuckDBPyConnection, source: str, path: str) -> None:
    """Make the table `features` from a source of events, `$path` in it."""
    aggregates = ", ".join(
        f"sum({column}), avg({column}), count({column}), var_samp({column})" for column in MEASURES.values()
    )
    connection.execute(
        f"create table features as with events as ({source}), users as (select user_id, max(postcode) as postcode, "
        f"{aggregates} from events group by user_id) select user_id, socioeconomic_idx, "
        "columns(* exclude (user_id, postcode, socioeconomic_idx)) from users left join postcodes using (postcode)",
        {"path": path},
    )


def features(connection: duckdb.DuckDBPyConnection) -> Rows:
    """What `aggregate` made."""
    return by_user(connection.execute("from features").fetchall())
