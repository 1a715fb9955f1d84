"""Connections to the lake: a DuckDB of its own with the lake attached, ready-made or in memory."""

import importlib.util
import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from include.firstday.errors import LakeError
from include.firstday.lake.lake import Lake, quoted
from include.firstday.lake.run import Run
from include.firstday.lake.write_lock import write_lock
from include.firstday.settings import Settings, settings

SPILL = "spill"
S3 = "s3://"
# Extensions come from packages whose hashes the installation has checked. To check the signature of their 70 MB again
# would be the larger part of opening a lake, several times a minute (docs/adr/0015-extensions-are-checked-once.md).
_PACKAGED = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_unsigned_extensions": True,
}


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
