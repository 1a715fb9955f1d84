"""Connections to the lake: a DuckDB instance with the lake attached, or an empty lake in memory."""

import importlib.util
import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from include.firstday.errors import LakeError, LostCatalogError, NoLakeError, QueryError
from include.firstday.lake.database import Database
from include.firstday.lake.lake import Lake, literal, quoted
from include.firstday.lake.run import Run
from include.firstday.lake.write_lock import write_lock
from include.firstday.lake.written_files import PARQUET, S3
from include.firstday.settings import Settings, private_folder, settings

SPILL = "spill"
_MOVED = re.compile(r'does not match existing data path in the catalog "(.*?)"')
# Extensions come from packages whose hashes the installation has checked. To check the signature of their 70 MB again
# would be the larger part of opening a lake, several times a minute
# (docs/concepts/adr/0015-extensions-are-checked-once.md).
_PACKAGED = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_unsigned_extensions": True,
}


def create_schema(name: str) -> None:
    """Create the schema of a use case where there is none, and an empty lake where there is none.

    Raises LostCatalogError where there are data files already.
    """
    config = settings()
    _make_folder(config)
    with write_lock(config):
        connection = attach(config, create=True)
        try:
            if not _has_schema(connection, name):
                _check_no_files(connection, config, f"{config.data_path.rstrip('/')}/{name}")
                connection.execute(f"create schema lake.{quoted(name)}")
        finally:
            connection.close()


@contextmanager
def connect(
    schema: str, run: Run | None = None, read_only: bool = False, snapshot: int | None = None
) -> Iterator[Lake]:
    """Open the lake at one use case's schema, which must exist. Raises LakeError if it cannot be opened.

    A read-only lake reads nothing but the lake's own files, whatever statement it is given, and writes nothing. With a
    snapshot it is read as of that commit, and is read-only.
    """
    read_only = read_only or snapshot is not None
    connection = attach(settings(), read_only, snapshot=snapshot)
    try:
        _use(connection, schema)
        if read_only:
            _confine(connection, settings())
        yield Lake(connection, schema, write_lock(settings()), run or Run())
    finally:
        connection.close()


@contextmanager
def scratch(schema: str, spill: Path | None = None) -> Iterator[Lake]:
    """Return an empty lake in memory, without Parquet or a ledger, for validating a use case's statements.

    With a folder to spill to, it has the memory and threads of the settings.
    """
    connection = Database({"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    try:
        connection.execute("set timezone = 'UTC'")
        if spill is not None:
            _limit(connection, settings(), spill)
        connection.execute(f"attach ':memory:' as lake; create schema lake.{quoted(schema)}")
        connection.execute(f"use lake.{quoted(schema)}")
        yield Lake(connection, schema, None, Run(task="check"))
    finally:
        connection.close()


def attach(config: Settings, read_only: bool = False, create: bool = False, snapshot: int | None = None) -> Database:
    """A new DuckDB with the lake attached as `lake`; with `create`, an empty one where there is none.

    Raises NoLakeError where there is none otherwise, LostCatalogError where its catalog is missing or empty beside data
    files, LakeError where it cannot be opened.
    """
    connection = Database(_PACKAGED)
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")  # it would stand among the rows that `query` prints
    # DuckLake's column ranges can be too narrow, and DuckDB would omit rows because of them,
    # or change them (docs/concepts/adr/0020-no-answer-rests-on-a-tables-statistics.md).
    connection.execute("set disabled_optimizers = 'statistics_propagation'")
    # A scan is filtered by up to so many values of a join's other side, not only by their range: the hashes of a
    # micro-batch's files leave out most of the files consumed before.
    connection.execute("set dynamic_or_filter_threshold = 500")
    _limit(connection, config, spill_folder(config))
    catalog_kind = config.catalog.split(":", 1)[0]
    for extension in _extensions(catalog_kind, config.data_path):
        connection.execute(f"load '{extension_file(extension)}'")
    if catalog_kind == "sqlite":
        # Otherwise a transaction reads each table of the catalog at another moment: a file of rows as of before an
        # erasure, its deleted rows as of after it. Globally, as DuckLake reads by connections of its own.
        connection.execute("set global sqlite_disable_multithreaded_scans = true")
    if config.data_path.startswith(S3):
        connection.execute(_bucket_keys(config))
    connection.execute("set ducklake_max_retry_count = 100")
    try:
        _attach(connection, config, _options(config, read_only, snapshot), create)
    except (OSError, QueryError) as error:
        connection.close()
        raise LakeError(f"cannot open the lake in {config.lake_folder}: {error}") from error
    except LakeError:
        connection.close()
        raise
    return connection


def drop_dead_spill() -> int:
    """Delete spill files of dead processes on this machine, and return the number of folders."""
    host, dead = socket.gethostname(), []
    for folder in (settings().lake_folder / SPILL).glob(f"{host}-*"):
        pid = folder.name.removeprefix(f"{host}-").split("-")[0]
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
            dead.append(folder)
    return len(dead)


def is_keyword(name: str) -> bool:
    """Whether a name is an SQL keyword and must be quoted."""
    with closing(Database()) as database:
        found = database.execute("select 1 from duckdb_keywords() where keyword_name = $name", {"name": name})
        return found.fetchone() is not None


def extension_file(name: str) -> Path:
    """Return the path of a DuckDB extension in its PyPI package. Raises LakeError if it is missing."""
    package = importlib.util.find_spec(f"duckdb_extension_{name}")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for file in Path(folder).rglob(f"v{duckdb.__version__}/{name}.duckdb_extension"):
            return file
    raise LakeError(
        f"DuckDB's extension {name} {duckdb.__version__} is not installed; install the locked packages with: make run"
    )


def _attach(connection: Database, config: Settings, options: str, create: bool) -> None:
    kind, _, path = config.catalog.partition(":")
    attach_it = f"attach {literal('ducklake:' + config.catalog)} as lake ({options}"
    # Attaching a SQLite file that is missing would leave an empty one behind, also where it is refused.
    if kind != "sqlite" or (Path(path).exists() and Path(path).stat().st_size):
        _make_folder(config)
        try:
            connection.execute(f"{attach_it}, create_if_not_exists false)")
            return
        except QueryError as error:
            if moved := _MOVED.search(str(error)):
                remedy = (
                    "Put it back where it was made, or back it up there (firstday backup FOLDER) and restore it here "
                    "(firstday restore FOLDER)"
                    if kind == "sqlite" and not config.lake_data
                    else "Set FIRSTDAY_LAKE_CATALOG and FIRSTDAY_LAKE_DATA to a catalog and its own data files"
                )
                raise LakeError(
                    f"the data files of the lake are in {moved[1]}, not in {config.data_path}; nothing was changed. "
                    f"{remedy}"
                ) from error
            if "creating a new DuckLake is explicitly disabled" not in str(error):
                raise
    _check_no_files(connection, config, config.data_path)
    if not create:
        raise NoLakeError(f"there is no lake in {config.lake_folder} yet; the first micro-batch makes it")
    _make_folder(config)
    connection.execute(f"{attach_it})")


def _check_no_files(connection: Database, config: Settings, folder: str) -> None:
    """Raise LostCatalogError where a folder or prefix of the data path holds data files: the catalog knows none."""
    files = {"files": f"{folder.rstrip('/')}/**/*{PARQUET}"}
    if connection.execute("select file from glob($files) limit 1", files).fetchone() is None:
        return
    kind, _, path = config.catalog.partition(":")
    catalog, remedy = (
        (path, f"move {config.lake_folder} away and run: firstday restore FOLDER (made by: firstday backup FOLDER)")
        if kind == "sqlite"
        else ("the PostgreSQL catalog", "restore its database from the dump that belongs to these files (pg_restore)")
    )
    raise LostCatalogError(
        f"{catalog} is missing or empty, but {folder} holds data files that it should know; nothing was created or "
        f"deleted. Restore the catalog: {remedy}"
    )


def _has_schema(connection: Database, name: str) -> bool:
    text = "select 1 from duckdb_schemas() where database_name = 'lake' and schema_name = $name"
    return connection.execute(text, {"name": name}).fetchone() is not None


def _use(connection: Database, schema: str) -> None:
    try:
        connection.execute(f"use lake.{quoted(schema)}")
    except QueryError as error:
        if not isinstance(error.__cause__, duckdb.CatalogException):
            raise
        raise NoLakeError(f"the lake has no tables of {schema} yet; its first micro-batch makes them") from error


def _make_folder(config: Settings) -> None:
    """Make the lake's local folder, for its owner alone: it holds personal data."""
    private_folder(config.lake_folder)
    (config.lake_folder / SPILL).mkdir(exist_ok=True)


def _limit(connection: Database, config: Settings, spill: Path) -> None:
    # Not as parameters: DuckDB imports pandas to bind the first one, half a second that `firstday query` does not need.
    connection.execute(f"set memory_limit = {literal(config.memory_limit)}")
    connection.execute(f"set threads = {config.threads:d}")
    connection.execute(f"set temp_directory = {literal(str(spill))}")


def spill_folder(config: Settings) -> Path:
    """A separate folder per connection: DuckDB's spill files have the same names in each process."""
    return config.lake_folder / SPILL / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # belongs to another user
        return True
    return True


def _extensions(catalog_kind: str, data_path: str) -> Iterator[str]:
    yield {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}[catalog_kind]
    if data_path.startswith(S3):
        yield "httpfs"
    yield "ducklake"


def _options(config: Settings, read_only: bool, snapshot: int | None) -> str:
    options = [f"data_path {literal(config.data_path)}", "data_inlining_row_limit 0"]
    if config.catalog.startswith("sqlite:"):
        options += ["meta_journal_mode 'WAL'", "meta_busy_timeout 30000"]
    if read_only:
        options.append("read_only")
    if snapshot is not None:
        options.append(f"snapshot_version {snapshot:d}")
    return ", ".join(options)


def _bucket_keys(config: Settings) -> str:
    """The statement that provides the keys of the lake's bucket to this DuckDB, in memory only."""
    keys = {
        "region": config.s3_region,
        "key_id": config.s3_access_key.get_secret_value(),
        "secret": config.s3_secret_key.get_secret_value(),
    }
    if config.s3_endpoint:
        scheme, _, keys["endpoint"] = config.s3_endpoint.rstrip("/").partition("://")
        keys |= {"url_style": "path", "use_ssl": str(scheme == "https").lower()}
    options = "".join(f", {name} {literal(value)}" for name, value in keys.items() if value)
    return f"create or replace secret lake_bucket (type s3, scope {literal(config.data_path)}{options})"


def _confine(connection: Database, config: Settings) -> None:
    connection.execute(f"set allowed_directories = [{literal(config.data_path)}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
