"""The files that a transaction writes, and the hash of each: what storage must give back bit for bit.

DuckDB's own log of file operations names them (https://duckdb.org/docs/stable/operations_manual/logging/overview).
DuckLake lists the files of a table instead: a transaction would pay for every file that its tables already have.
"""

import hashlib
import os
from pathlib import Path

from include.firstday.lake.database import Database

PARQUET = ".parquet"
S3 = "s3://"
_SETUP = "set logging_mode = 'enable_selected'; set enabled_log_types = 'FileSystem'; set logging_level = 'trace'"
_WRITTEN = "select distinct path from duckdb_logs_parsed('FileSystem') where op = 'WRITE' and ends_with(path, $ending)"


class WrittenFiles:
    """What one connection writes below a data folder or `s3://` prefix, while it is asked to notice."""

    def __init__(self, connection: Database, data_path: str) -> None:
        self._connection = connection
        self._data_path = data_path
        self._hashed: set[str] = set()

    def begin(self) -> None:
        """Notice what is written from here on."""
        self._connection.execute(f"{_SETUP}; set enable_logging = true")

    def hashes(self) -> dict[str, str]:
        """Path below the data folder → SHA-256 of each file written since `begin` that was not returned before."""
        found = self._connection.execute(_WRITTEN, {"ending": PARQUET}).fetchall()
        paths = {below(path, self._data_path) for (path,) in found} - self._hashed
        self._hashed |= paths
        hashes = {path: sha256(self._connection, self._data_path, path) for path in paths if is_below(path)}
        return {path: found for path, found in sorted(hashes.items()) if found}

    def end(self) -> None:
        """Notice no more."""
        self._connection.execute("set enable_logging = false")


def below(path: str, data_path: str) -> str:
    """A file's path below the data folder, as the catalog keeps it; one that begins with `..` where it is elsewhere."""
    if not data_path.startswith(S3):
        return os.path.relpath(path, data_path)
    prefix = f"{data_path.rstrip('/')}/"
    return path.removeprefix(prefix) if path.startswith(prefix) else f"../{path}"


def is_below(path: str) -> bool:
    """Whether a path that `below` made is of a file in the data folder."""
    return not path.startswith("..")


def sha256(connection: Database, data_path: str, path: str) -> str | None:
    """Hash of a file's bytes as storage gives them now; None where there is no such file.

    `path` is below the data folder. Raises OSError or QueryError where it is there but cannot be read.
    """
    if data_path.startswith(S3):
        return _sha256_on_s3(connection, f"{data_path.rstrip('/')}/{path}")
    try:
        return file_sha256(Path(data_path) / path)
    except FileNotFoundError:
        return None


def file_sha256(path: Path) -> str:
    """Hash of a local file's bytes. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256_on_s3(connection: Database, url: str) -> str | None:
    # Of a path without a pattern, httpfs asks nobody whether it is there; and a failed read would end the transaction.
    listed = f"{url[:-1]}[{url[-1]}]"
    if not connection.execute("select file from glob($listed)", {"listed": listed}).fetchall():
        return None
    (content,) = connection.execute("select content from read_blob($url)", {"url": url}).fetchone() or (None,)
    return None if content is None else hashlib.sha256(content).hexdigest()
