"""The lake: every connection, lock, transaction and statement goes through here. The only importer of duckdb.

DuckLake (https://ducklake.select) keeps ACID transactions over Parquet files in a SQL catalog. What this module holds
to, because DuckLake has sharp edges: no data inlining; upserts are delete + insert from a temporary table with one
row per key; the change feed is not used; one writer at a time, by a lock.
"""

import importlib.util
import json
import os
import shutil
import socket
import sqlite3
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from include.firstday.lake.shards import ALL
from include.firstday.lake.statements import Statement, statement
from include.firstday.lake.write_lock import LOCK_SECONDS, WriteLock, write_lock
from include.firstday.settings import Settings, settings

STAGES = ("store_events", "update_features", "score_users", "publish_predictions", "monitor_model")
SPLIT_STAGES = ("update_features", "score_users")  # by users, so that shards can share the work
PIECE_ROWS = 100_000  # rows of a long result in memory at once
SPILL = "spill"
S3 = "s3://"
# Extensions come from packages whose hashes the installation has checked. To check the signature of their 70 MB again
# would be the larger part of opening a lake, several times a minute (docs/adr/0015-extensions-are-checked-once.md).
_PACKAGED = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_unsigned_extensions": True,
}


class ProgressMoved(RuntimeError):
    """Another run of the stage has processed these micro-batches meanwhile; nothing of this attempt was written."""


class LakeError(RuntimeError):
    """The lake cannot be opened or written; the message says where and what to do."""


Columns = Mapping[str, str]

Conflict = duckdb.TransactionException
Unreadable = duckdb.Error

ROOM_MESSAGES = ("No space left on device", "File too large", "Disk quota exceeded", "max_temp_directory_size")


def is_out_of_room(error: BaseException) -> bool:
    """Whether an error says that a disk is full: the fault of no file, and over when there is room again."""
    return any(message in str(error) for message in ROOM_MESSAGES)


@dataclass(frozen=True)
class Run:
    """Who writes: the ids that go into the commit message and the rows."""

    dag: str = "cli"
    run: str = "cli"
    task: str = ""

    @property
    def id(self) -> str:
        """Stable over retries of the same Airflow run."""
        return f"{self.dag}/{self.run}"


@dataclass
class Commit:
    """What the snapshot of a transaction will say of itself."""

    message: str


def now() -> datetime:
    """The present moment in UTC, naive, as the lake stores times."""
    return datetime.now(UTC).replace(tzinfo=None)


def naive(moment: datetime) -> datetime:
    """A moment with a time zone, as the lake stores times."""
    return moment.astimezone(UTC).replace(tzinfo=None)


class Lake:
    """One connection to one use case's schema. Statements name tables without a schema."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, schema: str, lock: WriteLock | None, run: Run) -> None:
        self._connection = connection
        self.schema = schema
        self._lock = lock
        self.run_id = run.id
        self._run = run

    def execute(self, path: str, **parameters: object) -> int:
        """Run one statement of `sql/`; the number of rows it wrote, 0 where it writes none."""
        result = self._execute(statement(path), parameters).fetchone()
        return int(result[0]) if result and isinstance(result[0], int) else 0

    def rows(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        """Rows of one SELECT as dictionaries."""
        result = self._execute(statement(path), parameters)
        columns = [column[0] for column in result.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def row(self, path: str, **parameters: object) -> dict[str, Any]:
        """The only row of one SELECT. Raises LookupError where there is not exactly one."""
        rows = self.rows(path, **parameters)
        if len(rows) != 1:
            raise LookupError(f"sql/{path}.sql: expected one row, found {len(rows)}")
        return rows[0]

    def value(self, path: str, **parameters: object) -> Any:
        """The only value of the only row of one SELECT."""
        (value,) = self.row(path, **parameters).values()
        return value

    def table(self, path: str, **parameters: object) -> pa.Table:
        """Rows of one SELECT as an Arrow table."""
        return self._execute(statement(path), parameters).to_arrow_table()

    def read(self, path: str, **parameters: object) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Rows of one SELECT, piece by piece: their schema, and an iterator to be used up before the next statement."""
        reader = self._execute(statement(path), parameters).to_arrow_reader(PIECE_ROWS)
        return reader.schema, iter(reader)

    def build(self, path: str, /, into: str = "", **parameters: object) -> None:
        """Put the rows of one SELECT into a temporary table, named as its file or `into`."""
        select = statement(path)
        name = quoted(into or select.name)
        self._run_text(select, f"create or replace temp table {name} as {select.text}", select.bind(parameters))

    def view(self, path: str) -> None:
        """Give the rows of one SELECT without parameters a name, that of its file, until the connection closes."""
        select = statement(path)
        self._run_text(select, f"create or replace temp view {quoted(select.name)} as {select.text}", {})

    def build_text(self, name: str, text: str, **parameters: object) -> None:
        """Put the rows of a SELECT into the temporary table `name`, replacing it."""
        self._connection.execute(f"create or replace temp table {quoted(name)} as {text}", parameters or None)

    def create_view(self, path: str) -> None:
        """Create or replace the lake's view named as the file of its SELECT."""
        select = statement(path)
        self._run_text(select, f"create or replace view {quoted(select.name)} as {select.text}", {})

    def build_rows(self, name: str, rows: pa.Table) -> None:
        """Put an Arrow table into the temporary table `name`, replacing it."""
        with self._registered(rows) as source:
            self._connection.execute(f"create or replace temp table {quoted(name)} as select * from {source}")

    def drop(self, name: str) -> None:
        """Free a temporary table."""
        # Not by `temp.`, which would first be looked for among the lake's schemas.
        self._connection.execute(f"drop table {quoted(name)}")

    def build_like(self, name: str, table: str, without: Collection[str] = ()) -> None:
        """Make an empty temporary table with a table's columns, without some of them."""
        left_out = f"exclude ({', '.join(quoted(column) for column in without)})" if without else ""
        self.build_text(name, f"select * {left_out} from {quoted(table)} limit 0")

    def build_distinct(self, name: str, table: str, column: str) -> None:
        """Put the different values of a table's column into the temporary table `name`."""
        self.build_text(name, f"select distinct {quoted(column)} from {quoted(table)}")

    def shadow(self, table: str, upto: int) -> None:
        """Make a temporary table of the same name that holds what a table knew after micro-batch `upto`."""
        text = f"select * from lake.{quoted(self.schema)}.{quoted(table)} where batch_id <= $upto"
        self.build_text(table, text, upto=upto)

    def narrow(self, table: str, to: str) -> None:
        """Make a temporary table of the same name that holds a table's rows of those users that another one holds."""
        source = f"lake.{quoted(self.schema)}.{quoted(table)}"
        self.build_text(table, f"select * from {source} where user_id in (select user_id from {quoted(to)})")

    def append(self, table: str, rows: pa.Table) -> None:
        """Append an Arrow table to a table, matching columns by name; missing ones become NULL."""
        with self._registered(rows) as source:
            self._connection.execute(f"insert into {quoted(table)} by name select * from {source}")

    def insert(self, table: str, path: str, **constants: object) -> int:
        """Insert the rows of one SELECT without parameters, plus constant columns, by name; the number of rows."""
        try:
            return self._insert(table, f"({statement(path).text}\n)", constants)
        except duckdb.Error as error:
            error.add_note(f"in sql/{path}.sql")
            raise

    def insert_from(self, table: str, source: str, **constants: object) -> int:
        """Insert the rows of a temporary table, plus constant columns, by name; the number of rows."""
        return self._insert(table, quoted(source), constants)

    def erase(self, table: str, user_ids: Collection[str]) -> int:
        """Delete users' rows from a table or temporary table with a `user_id`; the number of rows."""
        text = f"delete from {quoted(table)} where list_contains($user_ids, user_id)"
        (count,) = self._connection.execute(text, {"user_ids": list(user_ids)}).fetchone() or (0,)
        return int(count)

    def has_rows(self, table: str) -> bool:
        """Whether a table or temporary table holds any row."""
        return self._connection.execute(f"select 1 from {quoted(table)} limit 1").fetchone() is not None

    def count(self, table: str) -> int:
        """The number of rows of a table."""
        (count,) = self._connection.execute(f"select count(*) from {quoted(table)}").fetchone() or (0,)
        return int(count)

    def tables(self) -> set[str]:
        """Names of the use case's tables and views."""
        return {row["table_name"] for row in self.rows("lake/tables")}

    def views(self) -> set[str]:
        """Names of the use case's views."""
        return {row["table_name"] for row in self.rows("lake/tables") if row["is_view"]}

    def columns(self, table: str) -> dict[str, str]:
        """Column names of a table or view and their DuckDB types, in order."""
        described = self._connection.execute(f"describe {quoted(table)}").fetchall()
        return {str(column[0]): str(column[1]) for column in described}

    def add_column(self, table: str, name: str, kind: str) -> None:
        """Add a column to a table; NULL in the rows it has."""
        self._connection.execute(f"alter table {quoted(table)} add column {quoted(name)} {kind}")

    def query(self, text: str) -> pa.Table:
        """Rows of a user's own SELECT. Use on a read-only lake."""
        return self._connection.execute(text).to_arrow_table()

    def progress(self, stage: str) -> int:
        """The last micro-batch that a stage has processed, of every user; 0 before the first."""
        return int(self.value("lake/checkpoints/progress_of", stage=stage))

    def progress_of(self, stage: str, buckets: Collection[int]) -> dict[int, int]:
        """The last micro-batch that a stage has processed, for each of some buckets of users."""
        rows = self.rows("lake/checkpoints/progress_of_buckets", stage=stage, buckets=list(buckets))
        return {row["bucket"]: row["batch_id"] for row in rows}

    def advance(self, stage: str, after: int, upto: int, buckets: Collection[int] | None = None) -> None:
        """Compare and set a stage's progress, of some buckets of users or of all, inside its transaction.

        Raises ProgressMoved if it is not `after`.
        """
        wanted = len(buckets or ALL) if stage in SPLIT_STAGES else 1
        values = {"stage": stage, "buckets": list(buckets) if buckets else None, "after": after, "upto": upto}
        if self.execute("lake/checkpoints/advance_progress", **values, now=now()) != wanted:
            raise ProgressMoved(f"{stage}: progress is no longer at micro-batch {after}")

    def cache_no_files(self) -> None:
        """Keep nothing in memory of the files that are read: for work that reads each of many once."""
        self._connection.execute("set enable_external_file_cache = false")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the write lock without a transaction of our own, for calls that commit by themselves."""
        with self._lock or _no_lock():
            yield

    def shrink_catalog(self) -> None:
        """Leave nothing in a SQLite catalog's file of what was deleted from it. Needs the write lock.

        Raises LakeError where a reader holds on to the old content for too long.
        """
        kind, _, path = settings().catalog.partition(":")
        if kind != "sqlite":
            return
        with closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as catalog:
            catalog.execute("vacuum")
            (is_busy, *_) = catalog.execute("pragma wal_checkpoint(truncate)").fetchone()
        if is_busy:
            raise LakeError(f"{path}: a reader still holds the catalog's old content; try again")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read several tables as of one commit; nothing that is committed meanwhile is seen, nothing is written.

        Temporary tables that are built inside stay.
        """
        self._connection.execute("begin transaction")
        try:
            yield
            self._connection.execute("commit")
        except BaseException:
            self._roll_back()
            raise

    @contextmanager
    def transaction(self) -> Iterator["Commit"]:
        """All or nothing over every table: commits at the end, rolls back on any exception, also when killed.

        What is read inside is one snapshot, so a stage that computes from its own tables reads them inside.
        """
        with self._lock or _no_lock():
            self._connection.begin()
            try:
                commit = Commit(self._run.task)
                yield commit
                extra = json.dumps({"dag": self._run.dag, "run": self._run.run, "task": self._run.task})
                self._connection.execute(
                    "call lake.set_commit_message($author, $message, extra_info => $extra)",
                    {"author": self.run_id, "message": commit.message, "extra": extra},
                )
                self._connection.commit()
            except BaseException:
                self._roll_back()
                raise

    def _insert(self, table: str, source: str, constants: Mapping[str, object]) -> int:
        columns = "".join(f", ${name} as {quoted(name)}" for name in constants)
        text = f"insert into {quoted(table)} by name select *{columns} from {source}"
        (count,) = self._connection.execute(text, constants or None).fetchone() or (0,)
        return int(count)

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except duckdb.Error:
            # A failed COMMIT has already ended the transaction; the error that led here says more.
            return

    def _execute(self, select: Statement, parameters: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
        return self._run_text(select, select.text, select.bind(dict(parameters)))

    def _run_text(self, select: Statement, text: str, parameters: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(text, parameters or None)
        except duckdb.Error as error:
            error.add_note(f"in sql/{select.path}.sql")
            raise

    @contextmanager
    def _registered(self, rows: pa.Table) -> Iterator[str]:
        self._connection.register("arrow_rows", rows)
        try:
            yield "arrow_rows"
        finally:
            self._connection.unregister("arrow_rows")


def create_schema(name: str) -> None:
    """Create the schema of a use case where there is none, and with it an empty lake."""
    connection = attach(settings())
    try:
        with write_lock(settings()):
            connection.execute(f"create schema if not exists lake.{quoted(name)}")
    finally:
        connection.close()


@contextmanager
def connect(schema: str, run: Run | None = None, read_only: bool = False) -> Iterator[Lake]:
    """Open the lake at one use case's schema, which must exist. Raises LakeError where it cannot be opened.

    A read-only lake reads nothing but the lake's own files, whatever statement it is given.
    """
    connection = attach(settings(), read_only)
    try:
        connection.execute(f"use lake.{quoted(schema)}")
        if read_only:
            _confine(connection, settings())
        yield Lake(connection, schema, write_lock(settings()), run or Run())
    finally:
        connection.close()


@contextmanager
def scratch(schema: str) -> Iterator[Lake]:
    """An empty lake in memory, without Parquet or a ledger: to try a use case's statements."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    try:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach ':memory:' as lake; create schema lake.{quoted(schema)}")
        connection.execute(f"use lake.{quoted(schema)}")
        yield Lake(connection, schema, None, Run(task="check"))
    finally:
        connection.close()


def attach(config: Settings, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A new DuckDB with the lake attached as `lake`. Creates an empty lake where there is none."""
    connection = duckdb.connect(config=_PACKAGED)
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")  # it would stand among the rows that `query` prints
    connection.execute("set memory_limit = $limit", {"limit": config.memory_limit})
    connection.execute("set threads = $threads", {"threads": config.threads})
    # DuckLake can believe that a column holds less than it does, and DuckDB would then leave rows out of its answers,
    # or change them (docs/adr/0020-no-answer-rests-on-a-tables-statistics.md).
    connection.execute("set disabled_optimizers = 'statistics_propagation'")
    connection.execute("set temp_directory = $folder", {"folder": str(_spill_folder(config))})
    catalog_kind = config.catalog.split(":", 1)[0]
    for extension in _extensions(catalog_kind, config.data_path):
        connection.execute(f"load '{extension_file(extension)}'")
    if config.data_path.startswith(S3):
        connection.execute(_bucket_keys(config))
    connection.execute("set ducklake_max_retry_count = 100")
    connection.execute("set enable_progress_bar = false")  # or it is drawn into the output of a command
    try:
        (config.lake_folder / SPILL).mkdir(parents=True, exist_ok=True)
        connection.execute(f"attach {_literal('ducklake:' + config.catalog)} as lake ({_options(config, read_only)})")
    except (OSError, duckdb.Error) as error:
        connection.close()
        raise LakeError(f"cannot open the lake in {config.lake_folder}: {error}") from error
    return connection


def drop_dead_spill() -> int:
    """Delete what processes of this machine spilled before they were killed; the number of folders."""
    host, dead = socket.gethostname(), []
    for folder in (settings().lake_folder / SPILL).glob(f"{host}-*"):
        pid = folder.name.removeprefix(f"{host}-").split("-")[0]
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
            dead.append(folder)
    return len(dead)


def quoted(identifier: str) -> str:
    """An identifier as SQL text."""
    return '"' + identifier.replace('"', '""') + '"'


def is_keyword(name: str) -> bool:
    """Whether SQL takes a name for a word of its own, so that it must be quoted."""
    with duckdb.connect() as connection:
        found = connection.execute("select 1 from duckdb_keywords() where keyword_name = $name", {"name": name})
        return found.fetchone() is not None


def extension_file(name: str) -> Path:
    """A DuckDB extension's file in its PyPI package, so that nothing is fetched. Raises LakeError if it is missing."""
    package = importlib.util.find_spec(f"duckdb_extension_{name}")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for file in Path(folder).rglob(f"v{duckdb.__version__}/{name}.duckdb_extension"):
            return file
    raise LakeError(f"DuckDB's extension {name} {duckdb.__version__} is not installed; run: make install")


# A stage that lost a race starts again from a fresh connection: it reads the new progress and finds less, or nothing.
retrying = retry(
    retry=retry_if_exception_type((ProgressMoved, Conflict)),
    stop=stop_after_attempt(10),
    wait=wait_random_exponential(multiplier=0.1, max=5),
    reraise=True,
)


def _spill_folder(config: Settings) -> Path:
    """A folder of the connection's own: DuckDB's spill files have the same names in each process, and overwrite."""
    return config.lake_folder / SPILL / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _extensions(catalog_kind: str, data_path: str) -> Iterator[str]:
    yield {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}[catalog_kind]
    if data_path.startswith(S3):
        yield "httpfs"
    yield "ducklake"


def _options(config: Settings, read_only: bool) -> str:
    options = [f"data_path {_literal(config.data_path)}", "data_inlining_row_limit 0"]
    if config.catalog.startswith("sqlite:"):
        options += ["meta_journal_mode 'WAL'", "meta_busy_timeout 30000"]
    if read_only:
        options.append("read_only")
    return ", ".join(options)


def _bucket_keys(config: Settings) -> str:
    """The statement that gives this DuckDB the keys to the lake's bucket, in its memory only."""
    keys = {
        "region": config.s3_region,
        "key_id": config.s3_access_key.get_secret_value(),
        "secret": config.s3_secret_key.get_secret_value(),
    }
    if config.s3_endpoint:
        scheme, _, keys["endpoint"] = config.s3_endpoint.rstrip("/").partition("://")
        keys |= {"url_style": "path", "use_ssl": str(scheme == "https").lower()}
    options = "".join(f", {name} {_literal(value)}" for name, value in keys.items() if value)
    return f"create or replace secret lake_bucket (type s3, scope {_literal(config.data_path)}{options})"


def _confine(connection: duckdb.DuckDBPyConnection, config: Settings) -> None:
    connection.execute(f"set allowed_directories = [{_literal(config.data_path)}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _literal(text: str) -> str:
    """ATTACH and SET take no parameters, so a setting becomes a literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _no_lock() -> Iterator[None]:
    yield
