"""DuckDB over the file: read, aggregate, join, and nothing else. What any use of DuckDB costs at least."""

import time

import duckdb

from tests.bench.contenders import MEASURES, Rows, by_user

TEXT = dict.fromkeys(("user_id", "event_type", "postcode"), "varchar")
MONEY = dict.fromkeys(MEASURES.values(), "decimal(18, 2)")
COLUMNS = TEXT | {"event_time": "timestamp"} | MONEY


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    aggregates = ", ".join(
        f"sum({column}), avg({column}), count({column}), var_samp({column})" for column in MEASURES.values()
    )
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("create table postcodes as from read_parquet(?)", [postcodes])
        begun = time.perf_counter()
        connection.execute(
            f"create table features as with events as (from read_json(?, format = 'newline_delimited', "
            f"columns = {COLUMNS})), users as (select user_id, max(postcode) as postcode, {aggregates} "
            "from events group by user_id) select user_id, socioeconomic_idx, columns(* exclude (user_id, postcode, "
            "socioeconomic_idx)) from users left join postcodes using (postcode)",
            [events],
        )
        seconds = time.perf_counter() - begun
        return seconds, by_user(connection.execute("from features").fetchall())
