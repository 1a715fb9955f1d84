"""Backup and restore of the embedded lake: a consistent copy while micro-batches run, and a lake from such a copy.

The catalog is copied first, as of one commit. Parquet files never change, and maintenance keeps for a day what no
snapshot needs any more, so the files that the copied catalog names are still there to be copied after it. Each is
compared with the hash that was recorded when it was written, and `manifest.json` holds the hashes of all. A restored
lake knows less than landing's archive: files consumed since the backup are pending again.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.firstday import landing
from include.firstday.errors import BackupError
from include.firstday.lake.statements import statement
from include.firstday.operations import verify
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import private_folder, settings
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

CATALOG = "catalog.sqlite"
DATA = "data"
ABOUT = "backup.json"
MANIFEST = "manifest.json"
PIECE_BYTES = 2**20
ATTEMPTS = 3


@dataclass(frozen=True)
class Backup:
    """What a backup holds: when its catalog was copied (ISO 8601, UTC), Parquet files, and bytes together.

    `manifest_sha256` is the hash of its manifest, empty where an older version made the backup.
    """

    made_at: str
    files: int
    bytes: int
    manifest_sha256: str = ""


def backup(target: Path, progress: Callable[[int, int, str], None] = lambda done, total, text: None) -> Backup:
    """Copy the lake of every use case to a new folder, atomically. Raises BackupError."""
    catalog, data = _places()
    if target.exists():
        raise BackupError(f"{target}: already exists; choose a new folder")
    if not catalog.exists():
        raise BackupError(f"{catalog}: no lake to back up")
    partial = target.with_name(f".{target.name}.{os.getpid()}{landing.PARTIAL}")
    try:
        made = _copy(catalog, data, partial, progress)
        (partial / ABOUT).write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")
        os.sync()  # a backup that a power cut can empty is none
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return made


def verify_backup(source: Path) -> Backup:
    """Compare each file of a backup with its manifest; what it holds. Raises BackupError, naming what is damaged."""
    about, hashes = _about(source), _manifest(source)
    if not about.manifest_sha256:
        raise BackupError(f"{source}: made by an older version, without {MANIFEST}: its content cannot be verified")
    damaged = [f"{name}: {problem}" for name, sha256 in hashes.items() if (problem := _problem(source / name, sha256))]
    if damaged:
        raise BackupError(f"{source}: {len(damaged):,} of {len(hashes):,} files are damaged: {'; '.join(damaged[:10])}")
    return about


def restore(source: Path) -> Backup:
    """Make the lake from a backup, where there is none. The servers must not run. Raises BackupError."""
    catalog, data = _places()
    about, hashes = _about(source), _manifest(source)
    for place in (catalog, data):
        if place.exists():
            raise BackupError(f"{place}: already exists; stop Firstday, move {catalog.parent} away, and retry")
    if missing := _missing(source / CATALOG, source / DATA):
        raise BackupError(f"{source} is incomplete: {len(missing):,} files are missing, such as {missing[0]}")
    for place in (catalog, data):
        private_folder(place.parent)
    copied_data, copied_catalog = (place.with_name(f"{place.name}{landing.PARTIAL}") for place in (data, catalog))
    try:
        for name in _named(source / CATALOG):
            _copy_file(source / DATA / name, copied_data / name, hashes.get(f"{DATA}/{name}"))
        _copy_file(source / CATALOG, copied_catalog, hashes.get(CATALOG))
        _point(copied_catalog, data)
        copied_data.rename(data)
        copied_catalog.rename(catalog)  # last: with its catalog the lake is there
    finally:
        shutil.rmtree(copied_data, ignore_errors=True)
        copied_catalog.unlink(missing_ok=True)
    return about


def take_again(use_case: UseCase) -> list[Path]:
    """Move back into landing what was consumed or quarantined there but is not in the lake's ledger; where to."""
    with open_lake(use_case) as lake:
        ledger = lake.rows(f"{verify.SQL}/landing_files")
    known, named = {row["sha256"] for row in ledger}, {row["source_file"]: row for row in ledger}
    moved = []
    for path in sorted(_archive(use_case), key=lambda path: path.stat().st_mtime_ns):
        before = named.get(str(_original(use_case, path)))
        if landing.sha256(path) not in known and not (before and _is_rest_of(path, before)):
            moved.append(_move_back(use_case, path))
    log.info("files pending in landing again: %d", len(moved))
    return moved


def _places() -> tuple[Path, Path]:
    kind, _, catalog = settings().catalog.partition(":")
    if kind != "sqlite" or "://" in settings().data_path:
        raise BackupError(
            "backup and restore are for a lake with a SQLite catalog and local files; elsewhere, dump the PostgreSQL "
            "catalog first and copy the bucket after it"
        )
    return Path(catalog), Path(settings().data_path)


def _about(source: Path) -> Backup:
    try:
        return Backup(**json.loads((source / ABOUT).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise BackupError(f"{source}: expected a folder made by backup, with {ABOUT}") from None
    except (ValueError, TypeError) as error:
        raise BackupError(f"{source / ABOUT}: damaged: {error}") from error


def _manifest(source: Path) -> dict[str, str]:
    """Path below the backup's folder → SHA-256; nothing in a backup of an older version."""
    if not (expected := _about(source).manifest_sha256):
        log.warning("%s was made by an older version, without %s: its content is not verified", source, MANIFEST)
        return {}
    if problem := _problem(source / MANIFEST, expected):
        raise BackupError(f"{source / MANIFEST}: {problem}")
    content: dict[str, str] = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    return content


def _copy(catalog: Path, data: Path, target: Path, progress: Callable[[int, int, str], None]) -> Backup:
    for _ in range(ATTEMPTS):
        shutil.rmtree(target, ignore_errors=True)
        (target / DATA).mkdir(parents=True)
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        _copy_catalog(catalog, target / CATALOG)
        names, recorded = _named(target / CATALOG), verify.recorded_hashes()
        try:
            copied = {}
            for number, name in enumerate(names, 1):
                copied[name] = _copy_file(data / name, target / DATA / name, recorded.get(name))
                if number % 100 == 0 or number == len(names):
                    progress(number, len(names), f"{number:,} of {len(names):,} files copied")
        except FileNotFoundError as error:
            log.warning("%s was deleted while it was copied, as when a user is erased; starting again", error.filename)
            continue
        hashes = {f"{DATA}/{name}": sha256 for name, sha256 in copied.items()}
        hashes[CATALOG] = str(landing.sha256(target / CATALOG))
        (target / MANIFEST).write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
        size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
        return Backup(made_at, len(names), size, str(landing.sha256(target / MANIFEST)))
    raise BackupError(
        f"{data}: files that the catalog names are missing, or go while they are copied; nothing was kept"
    )


def _copy_file(source: Path, target: Path, expected: str | None) -> str:
    """Copy a file; its SHA-256 as read. Raises BackupError where that is not the expected one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as original, target.open("wb") as copy:
        while piece := original.read(PIECE_BYTES):
            digest.update(piece)
            copy.write(piece)
    found = digest.hexdigest()
    if expected and found != expected:
        raise BackupError(f"{source}: {_changed(expected, found)}; nothing was kept. What could replace it: verify")
    return found


def _problem(path: Path, expected: str) -> str:
    """What is wrong with a file; empty where nothing is."""
    try:
        found = landing.sha256(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "missing" if found is None else "" if found == expected else _changed(expected, found)


def _changed(expected: str, found: str) -> str:
    return f"changed since it was written: expected SHA-256 {expected}, found {found}"


def _copy_catalog(source: Path, target: Path) -> None:
    """SQLite's online backup: all of it as of one commit, whoever writes meanwhile."""
    try:
        with closing(sqlite3.connect(source, timeout=30)) as one, closing(sqlite3.connect(target)) as other:
            one.backup(other)
            problems = [row[0] for row in other.execute("pragma integrity_check")]
    except sqlite3.DatabaseError as error:
        problems = [str(error)]
    if problems != ["ok"]:
        raise BackupError(f"{source}: the catalog is damaged ({problems[0]}); restore the newest backup")


def _named(catalog: Path) -> list[str]:
    """Paths of the Parquet files below the data folder, from the tables of DuckLake's specification."""
    try:
        with closing(sqlite3.connect(catalog)) as connection:
            names = [str(path) for (path,) in connection.execute(statement("operations/backup/named_files").text)]
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{catalog}: the catalog is damaged ({error}); restore the newest backup") from error
    if outside := [name for name in names if Path(name).is_absolute()]:
        raise BackupError(f"{outside[0]}: expected files below the lake's data folder only")
    return names


def _missing(catalog: Path, data: Path) -> list[str]:
    return [name for name in _named(catalog) if not (data / name).is_file()]


def _point(catalog: Path, data: Path) -> None:
    """Set the data path of a copied catalog, and drop its list of files to be deleted in the other folder."""
    with closing(sqlite3.connect(catalog)) as connection, connection:
        connection.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{data.absolute()}/"])
        connection.execute("delete from ducklake_files_scheduled_for_deletion")


def _archive(use_case: UseCase) -> Iterator[Path]:
    for place in (landing.CONSUMED, landing.QUARANTINE):
        for path in (landing.folder(use_case.name) / place).rglob("*"):
            if path.is_file() and path.name.endswith(landing.ENDINGS) and not path.name.startswith("."):
                yield path


def _original(use_case: UseCase, path: Path) -> Path:
    """Where an archived file was below landing; without the time of arrival, which distinguishes files of one name."""
    relative = Path(*path.relative_to(landing.folder(use_case.name)).parts[1:])
    return relative.with_name(re.sub(r"^\d{19}-", "", relative.name))


def _is_rest_of(path: Path, consumed: dict[str, Any]) -> bool:
    """Whether a file is the consumed file of its name, rewritten when a user was erased: as old, but smaller."""
    status = path.stat()
    arrived_at = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)
    return bool(status.st_size < consumed["bytes"] and arrived_at <= consumed["committed_at"])


def _move_back(use_case: UseCase, path: Path) -> Path:
    target = landing.folder(use_case.name) / _original(use_case, path)
    if target.exists():
        target = target.with_name(f"{path.stat().st_mtime_ns}-{target.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
    return target
