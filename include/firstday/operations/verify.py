"""Verification: whether every data file still is what was written, by the hash that its commit recorded.

DuckDB reads a Parquet file whose values have been changed on disk without noticing. A transaction therefore records the
SHA-256 of each file that it adds, in the message of its commit; maintenance keeps these hashes in `file_hashes` before
it expires the snapshot (docs/concepts/adr/0021-hashes-are-recorded-in-the-commit.md).
"""

import logging
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from include.firstday import landing
from include.firstday.errors import DamagedFilesError, InputError, LakeError, QueryError
from include.firstday.lake import clock, connections
from include.firstday.lake.lake import Lake
from include.firstday.lake.run import Run
from include.firstday.lake.words import batch_range

log = logging.getLogger(__name__)

SQL = "operations/verify"
SCHEMA = "main"  # `file_hashes` is of the whole lake, as its snapshots are
TABLE = "file_hashes"
STAGE = "verify"
REPORTED = 200  # files between two reports of progress
HASHES = pa.schema({"path": pa.string(), "sha256": pa.string()})


@dataclass(frozen=True)
class Damage:
    """A damaged data file: its path below the data folder, `schema.table`, what is wrong, and what could replace it.

    `batches` are the first and last micro-batch of its rows, None where the catalog does not know. `landing_files` are
    their landing files that are kept in `consumed/`, `dropped_files` those that are not any more.
    """

    path: str
    table: str
    problem: str
    batches: tuple[int, int] | None = None
    landing_files: tuple[str, ...] = ()
    dropped_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verified:
    """Files and bytes that were read, how many of them have no recorded hash, and the damaged ones."""

    files: int
    bytes: int
    unrecorded: int
    damaged: tuple[Damage, ...]


def verify(share: float = 1.0, progress: Callable[[int, int, str], None] = lambda done, total, text: None) -> Verified:
    """Read all data files of the lake, or a share of them that differs from hour to hour, and compare their hashes.

    After 1 / share hours each file has been read. Raises LakeError where the lake cannot be opened, InputError for a
    share that is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise InputError(f"share: expected a number above 0 and at most 1, found {share:g}")
    with connections.connect(SCHEMA, Run(task=STAGE), read_only=True) as lake:
        if TABLE not in lake.tables():
            raise LakeError("no hashes are recorded: run a micro-batch or maintain_lake once with this version")
        known = lake.rows(f"{SQL}/known_files")
        files = [file for file in known if is_due(file["path"], share, clock.now())]
        hashes = _trusted_hashes(lake, known)
        damaged = tuple(_damages(lake, files, hashes, progress))
    unrecorded = sum(file["path"] not in hashes for file in files)
    return Verified(len(files), sum(file["bytes"] for file in files), unrecorded, tuple(map(_with_sources, damaged)))


def describe(verified: Verified) -> list[str]:
    """Lines for people: a summary, then what is damaged."""
    lines = [f"{verified.files:,} files read, {verified.bytes / 1e6:,.1f} MB: {len(verified.damaged):,} damaged"]
    if verified.unrecorded:
        lines.append(f"{verified.unrecorded:,} files have no recorded hash; the next maintain_lake records it")
    for damage in verified.damaged:
        lines += _describe(damage)
    return lines


def recorded_hashes() -> dict[str, str]:
    """Path below the data folder → SHA-256 of each file with a recorded hash; none in a lake of an older version."""
    with connections.connect(SCHEMA, Run(task=STAGE), read_only=True) as lake:
        return recorded(lake) if TABLE in lake.tables() else {}


def recorded(lake: Lake) -> dict[str, str]:
    """Path below the data folder → SHA-256 as recorded when the file was written."""
    return _hashes(lake.rows(f"{SQL}/kept_hashes")) | _committed(lake)


def _trusted_hashes(lake: Lake, known: list[dict[str, Any]]) -> dict[str, str]:
    """As `recorded`; where the table of hashes is damaged itself, those of recent commits and of its damaged files.

    A damaged table may be readable, and hold a wrong hash of a file that is sound.
    """
    own = [file for file in known if (file["schema_name"], file["table_name"]) == (SCHEMA, TABLE)]
    try:
        hashes = recorded(lake)
    except QueryError as error:
        log.error("the table %s cannot be read, only hashes of recent commits are compared: %s", TABLE, error)
        return _committed(lake)
    if not (damaged := [damage.path for damage in _damages(lake, own, hashes)]):
        return hashes
    log.error("the table %s is damaged, only hashes of recent commits are compared", TABLE)
    return {path: hashes[path] for path in damaged if path in hashes} | _committed(lake)


def _committed(lake: Lake) -> dict[str, str]:
    return _hashes(lake.rows(f"{SQL}/committed_hashes"))


def _hashes(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["path"]: row["sha256"] for row in rows}


def check_sources(lake: Lake, schema: str, table: str) -> None:
    """Compare the files that merging or rewriting a table reads, so that no damage is copied under a new hash.

    Raises DamagedFilesError.
    """
    sources = lake.rows(f"{SQL}/merge_sources", table=table, schema=schema)
    if not sources:
        return
    paths = {lake.below_data(row["path"]) for row in sources}
    files = [{"path": path, "schema_name": schema, "table_name": table} for path in sorted(paths)]
    if damaged := tuple(_damages(lake, files, recorded(lake))):
        raise DamagedFilesError(_summary(damaged))


def check(verified: Verified) -> None:
    """Raise DamagedFilesError where something is damaged."""
    if verified.damaged:
        raise DamagedFilesError(_summary(verified.damaged))


def record(lake: Lake) -> int:
    """Keep the hashes of all known files in the table, so that snapshots may expire; the number that had none before.

    Such files were written by an older version, or outside of this program.
    """
    with lake.transaction() as commit:
        lake.build(f"{SQL}/known_files")
        hashes = recorded(lake)
        late = [row["path"] for row in lake.rows(f"{SQL}/known_files") if row["path"] not in hashes]
        found = {path: sha256 for path in late if (sha256 := lake.sha256(path))}
        rows = [{"path": path, "sha256": sha256} for path, sha256 in (hashes | found).items()]
        lake.build_rows("kept_hashes", pa.Table.from_pylist(rows, HASHES))
        lake.execute(f"{SQL}/delete_hashes")
        kept = lake.execute(f"{SQL}/insert_hashes")
        commit.message = f"hashes of {kept:,} files kept"
    if found:
        log.warning("%d files had no recorded hash: that of their present content was recorded", len(found))
    return len(found)


def is_due(path: str, share: float, moment: datetime) -> bool:
    """Whether a file is of the share that is read in the hour of a moment."""
    slots = round(1 / share)
    return zlib.crc32(path.encode()) % slots == int(moment.timestamp() // 3600) % slots


def _damages(
    lake: Lake,
    files: list[dict[str, Any]],
    hashes: dict[str, str],
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Iterator[Damage]:
    for number, file in enumerate(files, start=1):
        if number % REPORTED == 0:
            progress(number, len(files), f"{number:,} of {len(files):,} files read")
        expected, problem = hashes.get(file["path"]), ""
        found = _sha256(lake, file["path"])
        if found is None:
            problem = "missing"
        elif expected and found != expected:
            problem = f"changed: expected SHA-256 {expected}, found {found}"
        if problem and not (found is None and _has_gone(lake, file["path"])):
            batches = lake.row(f"{SQL}/batches_of_file", data_file=file["path"])
            pair = None if batches["first_batch"] is None else (batches["first_batch"], batches["last_batch"])
            yield Damage(file["path"], f"{file['schema_name']}.{file['table_name']}", problem, pair)


def _sha256(lake: Lake, path: str) -> str | None:
    try:
        return lake.sha256(path)
    except (OSError, QueryError) as error:
        return f"none, as it cannot be read: {error}"


def _has_gone(lake: Lake, path: str) -> bool:
    """Whether maintenance has deleted a file since the files were listed."""
    return path not in {row["path"] for row in lake.rows(f"{SQL}/known_files")}


def _with_sources(damage: Damage) -> Damage:
    """The damage with the landing files of its micro-batches."""
    schema = damage.table.partition(".")[0]
    if damage.batches is None or schema == SCHEMA:
        return damage
    with connections.connect(schema, Run(task=STAGE), read_only=True) as lake:
        first, last = damage.batches
        try:
            known = lake.rows(f"{SQL}/landing_files")
        except QueryError:  # the damaged file is one of the ledger's: it does not say which files were stored
            return damage
    names = [row["source_file"] for row in known if first <= row["batch_id"] <= last]
    consumed = landing.folder(schema) / landing.CONSUMED
    kept = [name for name in names if (consumed / name).exists()]
    gone = tuple(name for name in names if name not in kept)
    return Damage(damage.path, damage.table, damage.problem, damage.batches, tuple(kept), gone)


def _describe(damage: Damage) -> Iterator[str]:
    yield f"{damage.path}: {damage.problem}"
    if damage.batches:
        yield f"  holds rows of {damage.table} from {batch_range(*damage.batches)}"
    if damage.landing_files:
        yield f"  landing files that hold them: {', '.join(damage.landing_files)} (in consumed/)"
    if damage.dropped_files:
        yield f"  no longer kept in consumed/: {', '.join(damage.dropped_files)}"
    yield "  remedy: copy the file of this path from a backup (verify-backup checks it) into the lake's data folder"


def _summary(damaged: tuple[Damage, ...]) -> str:
    names = "; ".join(f"{damage.path}: {damage.problem}" for damage in damaged[:10])
    return f"{len(damaged):,} data files are damaged: {names}. Run verify to see what could replace them"
