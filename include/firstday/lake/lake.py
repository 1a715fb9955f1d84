"""One connection to the lake: its transactions and statements.

DuckLake (https://ducklake.select) provides ACID transactions over Parquet files with a SQL catalog. Because of its
limitations: no data inlining; upserts are delete + insert from a temporary table with one row per key; the change feed
is not used; one writer at a time, by a lock.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from include.firstday.errors import ConflictError, QueryError
from include.firstday.lake.database import Database, Result
from include.firstday.lake.run import Run
from include.firstday.lake.statements import Statement, statement
from include.firstday.lake.write_lock import WriteLock
from include.firstday.lake.written_files import WrittenFiles, below, sha256
from include.firstday.settings import settings

PIECE_ROWS = 100_000  # rows of a long result in memory at a time
OPEN_FILES = 500  # written at a time, below the 1,024 that Linux lets a process open
PART_ROWS = 8192  # rows of a row group of each of them: all are in memory, 400 MB of 18 columns
CURRENT_SNAPSHOT = "select id from ducklake_current_snapshot('lake')"
SNAPSHOT = "select 1 from __ducklake_metadata_lake.ducklake_snapshot where snapshot_id = $snapshot"
PRESENT = "make_timestamp(epoch_us(now()))"  # naive UTC, also for a reader with another time zone and without ICU
Columns = Mapping[str, str]


@dataclass
class Commit:
    """The commit message of a transaction's snapshot, and what else it carries, as JSON."""

    message: str
    about: dict[str, Any] = field(default_factory=dict)


class Lake:
    """One connection to one use case's schema. Statements name tables without a schema."""

    def __init__(self, connection: Database, schema: str, lock: WriteLock | None, run: Run) -> None:
        self._connection = connection
        self.schema = schema
        self._lock = lock
        self.run_id = run.id
        self._run = run
        self._data_path = settings().data_path
        self._files = WrittenFiles(connection, self._data_path)

    @property
    def run(self) -> Run:
        """The author of the connection's commits."""
        return self._run

    def is_alive(self) -> bool:
        """Whether statements can run: after a fatal error DuckDB runs none, and temporary tables are lost."""
        try:
            self._connection.execute("select 1")
        except QueryError:
            return False
        return True

    def execute(self, path: str, **parameters: object) -> int:
        """Run one statement of `sql/` and return the number of rows it wrote."""
        result = self._execute(statement(path), parameters).fetchone()
        return int(result[0]) if result and isinstance(result[0], int) else 0

    def rows(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        """Return the rows of one SELECT as dictionaries."""
        return _dictionaries(self._execute(statement(path), parameters))

    def rows_of(self, table: str, **values: object) -> list[dict[str, Any]]:
        """Return the rows of a table, view or temporary table with these values, as dictionaries, in no order."""
        text = f"select * from {quoted(table)} where {_equal(values)}"
        return _dictionaries(self._connection.execute(text, values or None))

    def row(self, path: str, **parameters: object) -> dict[str, Any]:
        """Return the only row of one SELECT. Raises LookupError unless there is exactly one."""
        rows = self.rows(path, **parameters)
        if len(rows) != 1:
            raise LookupError(f"sql/{path}.sql: expected one row, found {len(rows)}")
        return rows[0]

    def value(self, path: str, **parameters: object) -> Any:
        """Return the only value of the only row of one SELECT."""
        (value,) = self.row(path, **parameters).values()
        return value

    def table(self, path: str, **parameters: object) -> pa.Table:
        """Return the rows of one SELECT as an Arrow table."""
        return self._execute(statement(path), parameters).to_arrow_table()

    def table_of(self, table: str) -> pa.Table:
        """Return the rows of a table or temporary table as an Arrow table, in no order."""
        return self._connection.execute(f"from {quoted(table)}").to_arrow_table()

    def read(self, path: str, **parameters: object) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Stream the rows of one SELECT: their schema, and an iterator to be consumed before the next statement."""
        reader = self._execute(statement(path), parameters).to_arrow_reader(PIECE_ROWS)
        return reader.schema, iter(reader)

    def build(self, path: str, /, into: str = "", **parameters: object) -> None:
        """Store the rows of one SELECT in a temporary table, named as its file or `into`."""
        select = statement(path)
        name = quoted(into or select.name)
        self._run_text(select, f"create or replace temp table {name} as {select.text}", select.bind(parameters))

    def view(self, path: str, into: str = "") -> None:
        """Create a temporary view of one SELECT without parameters, named as its file or `into`."""
        select = statement(path)
        self._run_text(select, f"create or replace temp view {quoted(into or select.name)} as {select.text}", {})

    def view_like(self, name: str, table: str, source: str, **constants: int | datetime) -> None:
        """Create a temporary view of a table's columns, from a temporary table and constants."""
        chosen = (  # a view takes no parameters
            f"cast('{constants[column]}' as {kind}) as {quoted(column)}" if column in constants else quoted(column)
            for column, kind in self.columns(table).items()
        )
        text = f"select {', '.join(chosen)} from {quoted(source)}"
        self._connection.execute(f"create or replace temp view {quoted(name)} as {text}")

    def build_text(self, name: str, text: str, **parameters: object) -> None:
        """Store the rows of a SELECT in the temporary table `name`, replacing it."""
        self._connection.execute(f"create or replace temp table {quoted(name)} as {text}", parameters or None)

    def create_view(self, path: str, into: str = "", **texts: str) -> None:
        """Create or replace the lake's view of one SELECT, named as its file or `into`; `$as_of` is the present there.

        `texts`: its other parameters.
        """
        select = statement(path)
        text = select.text.replace("$as_of", PRESENT)  # a view takes no parameters
        for name, value in texts.items():
            text = text.replace(f"${name}", literal(value))
        self._run_text(select, f"create or replace view {quoted(into or select.name)} as {text}", {})

    def build_rows(self, name: str, rows: pa.Table) -> None:
        """Store an Arrow table in the temporary table `name`, replacing it."""
        with self._registered(rows) as source:
            self._connection.execute(f"create or replace temp table {quoted(name)} as select * from {source}")

    def drop(self, name: str) -> None:
        """Drop a temporary table."""
        # Not by `temp.`, which would be resolved among the lake's schemas first.
        self._connection.execute(f"drop table {quoted(name)}")

    def build_like(self, name: str, table: str, without: Collection[str] = ()) -> None:
        """Create an empty temporary table with a table's columns, except some."""
        left_out = f"exclude ({', '.join(quoted(column) for column in without)})" if without else ""
        self.build_text(name, f"select * {left_out} from {quoted(table)} limit 0")

    def build_distinct(self, name: str, table: str, column: str) -> None:
        """Store the distinct values of a table's column in the temporary table `name`."""
        self.build_text(name, f"select distinct {quoted(column)} from {quoted(table)}")

    def as_of(self, table: str, upto: int, into: str = "") -> None:
        """Create a temporary table of the same name, or `into`, with a table's rows as of micro-batch `upto`."""
        text = f"select * from lake.{quoted(self.schema)}.{quoted(table)} where batch_id <= $upto"
        self.build_text(into or table, text, upto=upto)

    def build_users(self, name: str, table: str, of: str, by_user: bool = False) -> None:
        """Store a table's rows of the users in another table in the temporary table `name`.

        `by_user`: sorted by user, so that a range of users is read from a part of it.
        """
        order = " order by user_id" if by_user else ""
        text = f"select * from {quoted(table)} where user_id in (select user_id from {quoted(of)}){order}"
        self.build_text(name, text)

    def partition_by(self, table: str, column: str, *parts: str) -> None:
        """Partition a table's future files by parts of a time: year, month, day, hour."""
        expressions = ", ".join(f"{part}({quoted(column)})" for part in parts)
        self._connection.execute(f"alter table {quoted(table)} set partitioned by ({expressions})")

    def sort_by(self, table: str, column: str) -> None:
        """Sort the rows of a table's future files, also merged ones, by a column."""
        self._connection.execute(f"alter table {quoted(table)} set sorted by ({quoted(column)} asc)")

    def comment(self, table: str, column: str, text: str) -> None:
        """Give a table's column a comment; with an empty column the table or view itself. An empty text removes it."""
        kind = "column" if column else "view" if table in self.views() else "table"
        name = ".".join(quoted(part) for part in (table, column) if part)
        self._connection.execute(f"comment on {kind} {name} is {literal(text) if text else 'null'}")

    def set_row_group(self, table: str, rows: int) -> None:
        """Set the rows of a row group of a table's future files. DuckLake can only where its creation is committed."""
        self._connection.execute(
            "call lake.set_option('parquet_row_group_size', $rows, schema => $schema, table_name => $table)",
            {"rows": rows, "schema": self.schema, "table": table},
        )

    def set_parquet_version(self, version: int) -> None:
        """Set the version of the data pages in the lake's future files."""
        self._connection.execute("call lake.set_option('parquet_version', $version)", {"version": version})

    def restrict_to(self, table: str, to: str, into: str = "", by_user: bool = False, **at_least: datetime) -> None:
        """Create a temporary table of the same name, or `into`, with a table's rows of the users in another one.

        `by_user`: as in `build_users`. `at_least`: times that these rows are known to have in a column or later, so
        that few files are read.
        """
        source = f"lake.{quoted(self.schema)}.{quoted(table)}"
        bounds = "".join(f" and {quoted(column)} >= ${column}" for column in at_least)
        order = " order by user_id" if by_user else ""
        text = f"select * from {source} where user_id in (select user_id from {quoted(to)}){bounds}{order}"
        self.build_text(into or table, text, **at_least)

    def append(self, table: str, rows: pa.Table) -> None:
        """Append an Arrow table to a table, matching columns by name; missing columns become NULL."""
        with self._registered(rows) as source:
            self._connection.execute(f"insert into {quoted(table)} by name select * from {source}")

    def insert(self, table: str, path: str, **constants: object) -> int:
        """Insert the rows of one SELECT without parameters, plus constant columns, by name; return their number."""
        try:
            return self._insert(table, f"({statement(path).text}\n)", constants)
        except QueryError as error:
            error.add_note(f"in sql/{path}.sql")
            raise

    def insert_text(self, table: str, text: str, constants: Mapping[str, object], **parameters: object) -> int:
        """Insert the rows of a SELECT, plus constant columns, by name; return their number."""
        return self._insert(table, f"({text}\n)", constants, parameters)

    def copy_to(self, table: str, other: "Lake") -> None:
        """Append a temporary table's rows to the one of the same name of another connection, in batches."""
        for batch in self._connection.execute(f"from {quoted(table)}").to_arrow_reader(PIECE_ROWS):
            other.append(table, pa.Table.from_batches([batch]))

    def write_file(self, table: str, path: str) -> int:
        """Write a table or temporary table as one Parquet file; return the number of rows."""
        return self._written(f"copy (from {quoted(table)}) to {literal(path)} (format parquet)", {})

    def write_partitions(self, path: str, folder: str, column: str, **parameters: object) -> int:
        """Write the rows of one SELECT as Parquet below a folder `<column>=<value>` per value of a column.

        One file for each of up to `OPEN_FILES` values, with as little of it in memory as a small row group; of more
        values a file is closed and another one opened, again and again.
        """
        select = statement(path)
        self._connection.execute(f"set partitioned_write_max_open_files = {OPEN_FILES}")
        options = f"format parquet, parquet_version v2, row_group_size {PART_ROWS}, partition_by ({quoted(column)})"
        text = f"copy ({select.text}\n) to {literal(folder)} ({options})"
        return self._written(text, select.bind(parameters))

    def build_files(self, name: str, paths: Collection[str]) -> None:
        """Store the rows of Parquet files in the temporary table `name`, replacing it."""
        self.build_text(name, f"select * from {_files(paths)}")

    def create_from_files(self, table: str, paths: Collection[str]) -> None:
        """Create a table with the columns and rows of Parquet files."""
        self._connection.execute(f"create table {quoted(table)} as from {_files(paths)}")

    def create_view_of_files(self, name: str, paths: Collection[str], columns: Mapping[str, str]) -> None:
        """Create a view of the rows of Parquet files, with columns of some names and DuckDB types."""
        chosen = ", ".join(f"cast({quoted(column)} as {kind}) as {quoted(column)}" for column, kind in columns.items())
        self._connection.execute(f"create view {quoted(name)} as select {chosen} from {_files(paths)}")

    def view_files(self, name: str, paths: Collection[str], without: Collection[str] = ()) -> None:
        """Create a temporary view of the rows of Parquet files, but those of some users."""
        ids = ", ".join(map(literal, without))
        text = f"from {_files(paths)} where not list_contains(cast([{ids}] as varchar[]), cast(user_id as varchar))"
        self._connection.execute(f"create or replace temp view {quoted(name)} as {text}")

    def insert_files(self, table: str, paths: Collection[str]) -> int:
        """Insert the rows of Parquet files by name; return the number of rows."""
        return self._insert(table, _files(paths), {})

    def insert_from(self, table: str, source: str, **constants: object) -> int:
        """Insert the rows of a temporary table, plus constant columns, by name; return the number of rows."""
        return self._insert(table, quoted(source), constants)

    def erase(self, table: str, values: Collection[object], by: str = "user_id") -> int:
        """Delete the rows with any of some values from a table or temporary table; return the number of rows.

        Values of a column of ids are compared as text.
        """
        if not values:
            return 0
        compared = f"cast({quoted(by)} as varchar)" if by == "user_id" else quoted(by)
        text = f"delete from {quoted(table)} where list_contains($values, {compared})"
        return self._written(text, {"values": list(values)})

    def change_values(self, table: str, column: str, containing: str, change: Callable[[str], str]) -> None:
        """Replace those values of a table's text column that contain a text and that `change` changes."""
        name = quoted(column)
        text = f"select distinct {name} from {quoted(table)} where contains({name}, $containing)"
        found = [row[0] for row in self._connection.execute(text, {"containing": containing}).fetchall()]
        old = {"old": [value for value in found if change(value) != value]}
        if not old["old"]:
            return
        is_old = f"from {quoted(table)} where list_contains($old, {name})"
        new = f"list_extract($new, list_position($old, {name}))"
        changed = f"select * replace ({new} as {name}) {is_old}"
        self.build_text("changed_rows", changed, **old, new=[change(value) for value in old["old"]])
        self._written(f"delete {is_old}", old)
        self.insert_from(table, "changed_rows")
        self.drop("changed_rows")

    def insert_row(self, table: str, **values: object) -> None:
        """Insert one row; columns without a value become NULL."""
        columns = ", ".join(f"${name} as {quoted(name)}" for name in values)
        self._connection.execute(f"insert into {quoted(table)} by name select {columns}", values)

    def delete_rows(self, table: str, **values: object) -> int:
        """Delete the rows of a table or temporary table with these values, also NULL; return the number of rows."""
        condition = " and ".join(f"{quoted(name)} is not distinct from ${name}" for name in values) or "true"
        return self._written(f"delete from {quoted(table)} where {condition}", values)

    def delete_users(self, table: str, of: str) -> int:
        """Delete the rows of the users in another table from a table or temporary table; return the number of rows."""
        return self._written(f"delete from {quoted(table)} where user_id in (select user_id from {quoted(of)})", {})

    def has_rows(self, table: str) -> bool:
        """Whether a table or temporary table holds any row."""
        return self._connection.execute(f"select 1 from {quoted(table)} limit 1").fetchone() is not None

    def has_values(self, table: str, column: str) -> bool:
        """Whether a column of a table or temporary table holds any value, not NULL."""
        return self.yields_rows(f"select 1 from {quoted(table)} where {quoted(column)} is not null")

    def yields_rows(self, text: str, **parameters: object) -> bool:
        """Whether a SELECT has any row."""
        return self._connection.execute(f"select 1 from ({text}\n) limit 1", parameters or None).fetchone() is not None

    def count(self, table: str, **values: object) -> int:
        """Return the number of rows of a table or temporary table, of those with some values."""
        text = f"select count(*) from {quoted(table)} where {_equal(values)}"
        (count,) = self._connection.execute(text, values or None).fetchone() or (0,)
        return int(count)

    def count_by_batch(self, table: str, after: int) -> dict[int, int]:
        """Return the number of rows of each micro-batch after one, of a table with micro-batches."""
        text = f"select batch_id, count(*) from {quoted(table)} where batch_id > $after group by batch_id"
        return dict(self._connection.execute(text, {"after": after}).fetchall())

    def count_distinct(self, table: str, column: str) -> int:
        """Return the number of distinct values of a column, without NULL."""
        (count,) = self._connection.execute(
            f"select count(distinct {quoted(column)}) from {quoted(table)}"
        ).fetchone() or (0,)
        return int(count)

    def last_batch(self, table: str) -> int:
        """Return the last micro-batch with a row in a table; 0 without any."""
        result = self._connection.execute(f"select coalesce(max(batch_id), 0) from {quoted(table)}").fetchone()
        return int(result[0]) if result else 0

    def tables(self) -> set[str]:
        """Return the names of the use case's tables and views."""
        return {row["table_name"] for row in self.rows("lake/tables")}

    def views(self) -> set[str]:
        """Return the names of the use case's views."""
        return {row["table_name"] for row in self.rows("lake/tables") if row["is_view"]}

    def columns(self, table: str) -> dict[str, str]:
        """Return the column names of a table or view and their DuckDB types, in order."""
        return self._described(quoted(table), {})

    def columns_of(self, text: str, **parameters: object) -> dict[str, str]:
        """Return the column names of a SELECT and their DuckDB types, in order."""
        return self._described(text, parameters)

    def tables_read(self, path: str) -> set[str]:
        """Return the names of tables and views in the text of one SELECT, without those of its `with`."""
        (text,) = self._connection.execute(
            "select json_serialize_sql($text)", {"text": statement(path).text}
        ).fetchone() or ("{}",)
        found, named = set(), set()
        for node in _nodes(json.loads(text)):
            if node.get("type") == "BASE_TABLE":
                found.add(str(node["table_name"]))
            named |= {str(each["key"]) for each in node.get("cte_map", {}).get("map", [])}
        return found - named

    def rename_table(self, table: str, to: str) -> None:
        """Rename a table."""
        self._connection.execute(f"alter table {quoted(table)} rename to {quoted(to)}")

    def rename_column(self, table: str, name: str, to: str) -> None:
        """Rename a column of a table."""
        self._connection.execute(f"alter table {quoted(table)} rename column {quoted(name)} to {quoted(to)}")

    def drop_view(self, name: str) -> None:
        """Drop a view."""
        self._connection.execute(f"drop view {quoted(name)}")

    def add_column(self, table: str, name: str, kind: str) -> None:
        """Add a column to a table; NULL in existing rows."""
        self._connection.execute(f"alter table {quoted(table)} add column {quoted(name)} {kind}")

    def drop_column(self, table: str, name: str) -> None:
        """Drop a column of a table."""
        self._connection.execute(f"alter table {quoted(table)} drop column {quoted(name)}")

    def query(self, text: str) -> pa.Table:
        """Return the rows of a user's SELECT. Use on a read-only lake. Raises QueryError if it is not one statement."""
        if (found := self._connection.statements(text)) != 1:
            raise QueryError(f"expected one statement, found {found or 'none'}: run each by itself")
        return self._connection.execute(text).to_arrow_table()

    def first_rows(self, text: str, rows: int) -> pa.Table:
        """Return at most so many rows of a user's SELECT, as `query` does; the others are not computed."""
        if (found := self._connection.statements(text)) != 1:
            raise QueryError(f"expected one statement, found {found or 'none'}: run each by itself")
        reader = self._connection.execute(text).to_arrow_reader(rows)
        try:
            taken = [next(iter(reader), None)]
        except OSError as error:  # Arrow's, of what DuckDB found while it computed the rows
            raise QueryError(str(error)) from error
        return pa.Table.from_batches([batch for batch in taken if batch is not None], reader.schema).slice(0, rows)

    def newest_rows(self, table: str, columns: Collection[str], rows: int) -> list[dict[str, Any]]:
        """Return some rows of a table's latest micro-batch, or of a table without micro-batches any, in no order."""
        has_batch = "batch_id" in self.columns(table)
        newest = f"where batch_id = (select max(batch_id) from {quoted(table)})" if has_batch else ""
        names = ", ".join(map(quoted, columns))
        return _dictionaries(self._connection.execute(f"select {names} from {quoted(table)} {newest} limit {rows:d}"))

    def interrupt(self) -> None:
        """End the running statement, from another thread: it raises QueryError."""
        self._connection.interrupt()

    def cache_no_files(self) -> None:
        """Turn off the cache of file contents: for work that reads each of many files once.

        It would keep 46 MB of each 50 million events.
        """
        self._connection.execute("set enable_external_file_cache = false")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the write lock without an own transaction, for calls that commit by themselves."""
        with self._lock or _no_lock():
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read several tables as of one commit; later commits are not visible, nothing is written.

        Temporary tables that are created inside remain. Raises ConflictError where an erasure has deleted the
        snapshot's files meanwhile.
        """
        self._connection.execute("begin transaction")
        snapshot = None
        try:
            if self._lock:  # an empty lake in memory has no snapshots
                (snapshot,) = self._connection.execute(CURRENT_SNAPSHOT).fetchone() or (None,)
            yield
            self._connection.execute("commit")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, QueryError) and self.is_alive() and self._is_expired(snapshot):
                raise ConflictError("the snapshot was expired while it was read: it is read again") from error
            raise

    @contextmanager
    def transaction(self) -> Iterator["Commit"]:
        """Run an atomic transaction over every table: commit at the end, roll back on any exception or kill.

        Reads inside use one snapshot, so a stage that computes from its own tables reads them inside. The commit
        carries the hash of each file that it adds.
        """
        with self._lock or _no_lock():
            self._connection.begin()
            self._files.begin()
            try:
                commit = Commit(self._run.task)
                yield commit
                about = {"dag": self._run.dag, "run": self._run.run, "task": self._run.task}
                extra = json.dumps(about | commit.about | {"files": self._files.hashes()})
                self._connection.execute(
                    "call lake.set_commit_message($author, $message, extra_info => $extra)",
                    {"author": self.run_id, "message": commit.message, "extra": extra},
                )
                self._connection.commit()
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._files.end()

    def sha256(self, path: str) -> str | None:
        """Hash of a data file's bytes as storage gives them now, by its path below the data folder; None if it is gone.

        Raises OSError or QueryError where it is there but cannot be read.
        """
        return sha256(self._connection, self._data_path, path)

    def below_data(self, path: str) -> str:
        """A data file's path below the data folder, as the catalog keeps it."""
        return below(path, self._data_path)

    def _insert(
        self, table: str, source: str, constants: Mapping[str, object], parameters: Mapping[str, object] | None = None
    ) -> int:
        columns = "".join(f", ${name} as {quoted(name)}" for name in constants)
        text = f"insert into {quoted(table)} by name select *{columns} from {source}"
        return self._written(text, {**constants, **(parameters or {})})

    def _written(self, text: str, parameters: Mapping[str, object]) -> int:
        (count,) = self._connection.execute(text, parameters or None).fetchone() or (0,)
        return int(count)

    def _described(self, what: str, parameters: Mapping[str, object]) -> dict[str, str]:
        described = self._connection.execute(f"describe {what}", parameters or None).fetchall()
        return {str(column[0]): str(column[1]) for column in described}

    def _is_expired(self, snapshot: int | None) -> bool:
        return self._connection.execute(SNAPSHOT, {"snapshot": snapshot}).fetchone() is None

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except QueryError:
            # A failed COMMIT has already ended the transaction; the original error has more information.
            return

    def _execute(self, select: Statement, parameters: Mapping[str, object]) -> Result:
        return self._run_text(select, select.text, select.bind(dict(parameters)))

    def _run_text(self, select: Statement, text: str, parameters: Mapping[str, object]) -> Result:
        try:
            return self._connection.execute(text, parameters or None)
        except QueryError as error:
            error.add_note(f"in sql/{select.path}.sql")
            raise

    @contextmanager
    def _registered(self, rows: pa.Table) -> Iterator[str]:
        self._connection.register("arrow_rows", rows)
        try:
            yield "arrow_rows"
        finally:
            self._connection.unregister("arrow_rows")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """The dictionaries in a tree of lists and dictionaries."""
    if isinstance(tree, dict):
        yield tree
    for each in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(each)


def quoted(identifier: str) -> str:
    """Quote an identifier as SQL text."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text where SQL takes no parameter."""
    return "'" + text.replace("'", "''") + "'"


def _files(paths: Collection[str]) -> str:
    """The rows of Parquet files, without columns made from the names of their folders."""
    return f"read_parquet([{', '.join(map(literal, paths))}], hive_partitioning => false)"


def _equal(values: Mapping[str, object]) -> str:
    """The condition that columns have some values, each a parameter of its column's name."""
    return " and ".join(f"{quoted(name)} = ${name}" for name in values) or "true"


def _dictionaries(result: Result) -> list[dict[str, Any]]:
    return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


@contextmanager
def _no_lock() -> Iterator[None]:
    yield
