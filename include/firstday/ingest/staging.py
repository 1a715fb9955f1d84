"""Staging: landing files, read and checked, into the temporary tables `staged_events`, `staged_rejects` and those of
enrichment, which a micro-batch commits.

Files of one form are read at once, as most of a small file's cost is that of its statements. Where a row of them is
broken they are read by halves, down to the file by itself, so that every refused row keeps its file, number and text.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from include.firstday import landing
from include.firstday.lake import statements
from include.firstday.lake.lake import Columns, Lake, QueryError, is_out_of_room
from include.firstday.landing import LandingFile
from include.firstday.privacy import person_data
from include.firstday.records import contract, mapping, readers
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

TOGETHER_BYTES = 8_000_000  # of files that are read at once: what they hold is in memory three times over


@dataclass(frozen=True)
class Consumed:
    """A landing file, its hash, and what staging made of its rows."""

    file: LandingFile
    sha256: str
    rows_stored: int
    rows_rejected: int
    is_readable: bool = True
    forgotten: tuple[person_data.Person, ...] = ()  # whose rows it brought, which are not kept


def stage(
    lake: Lake, use_case: UseCase, files: list[LandingFile], now: datetime
) -> tuple[list[Consumed], list[LandingFile]]:
    """Stage files; those that were, and those whose bytes have been stored before.

    Those that are gone, or were replaced meanwhile, are in neither. `now` is naive UTC.
    """
    lake.build_like("staged_events", "events", without=("batch_id", "ingested_at"))
    lake.build_like("staged_rejects", "rejected_events", without=("batch_id", "rejected_at"))
    for table in use_case.enrichment:
        lake.build_like(f"staged_{table}", table, without=("batch_id",))
    hashes = {file: sha256 for file in files if (sha256 := _sha256(file))}
    known = known_hashes(lake, hashes.values())
    fresh: list[Consumed] = []
    repeated: list[LandingFile] = []
    for file, sha256 in hashes.items():
        if sha256 in known:
            repeated.append(file)
        else:
            known.add(sha256)
            fresh.append(Consumed(file, sha256, 0, 0))
    alike = list(_alike(use_case, fresh))
    return [entry for group in alike for entry in _stage_together(lake, use_case, group, now)], repeated


def _alike(use_case: UseCase, entries: list[Consumed]) -> Iterator[list[Consumed]]:
    """Files that can be read at once, in groups of bounded bytes."""
    groups: dict[object, list[Consumed]] = {}
    for entry in entries:
        form = readers.form(entry.file.path) if entry.file.table == "events" else None
        key = (form, mapping.event_type_of(use_case, entry.file.name)) if form else entry.file
        group = groups.setdefault(key, [])
        if group and sum(other.file.bytes for other in group) + entry.file.bytes > TOGETHER_BYTES:
            yield groups.pop(key)
            group = groups.setdefault(key, [])
        group.append(entry)
    yield from groups.values()


def _stage_together(lake: Lake, use_case: UseCase, entries: list[Consumed], now: datetime) -> list[Consumed]:
    """Stage files at once where all their rows are good, otherwise by halves, down to each by itself."""
    if len(entries) == 1:
        alone = _stage_file(lake, use_case, entries[0], now)
        return [alone] if alone else []
    staged = _stage_clean(lake, use_case, entries, now)
    if staged is None:
        half = len(entries) // 2
        parts = (entries[:half], entries[half:])
        return [entry for part in parts for entry in _stage_together(lake, use_case, part, now)]
    return [entry for entry in staged if _is_as_read(lake, entry)]


def _stage_clean(lake: Lake, use_case: UseCase, entries: list[Consumed], now: datetime) -> list[Consumed] | None:
    """Stage the events of files of one form; None, and nothing staged, where not all of them are good."""
    columns = contract.expected(lake.columns("events"))
    wanted = mapping.readable(use_case, "events", columns)
    event_type = mapping.event_type_of(use_case, entries[0].file.name)
    try:
        readers.read_together(lake, [entry.file.path for entry in entries], wanted)
        type_rows(lake, use_case, "events", columns, now, event_type)
        if lake.has_rows("broken_rows"):
            return None
        stored = lake.insert("staged_events", "records/contract/good_rows")
    except (OSError, readers.UnreadableFile, QueryError) as error:
        if is_out_of_room(error):
            raise
        return None
    counts = {row["source_file"]: row["row_count"] for row in lake.rows("ingest/staging/rows_by_file")}
    _free(lake)
    if stored != sum(counts.get(entry.file.name, 0) for entry in entries):
        raise RuntimeError(f"{len(entries)} files: {stored} rows stored, {counts} arrived")
    return [replace(entry, rows_stored=counts.get(entry.file.name, 0)) for entry in entries]


def _is_as_read(lake: Lake, entry: Consumed) -> bool:
    """Whether the file is still the one that was found; nothing of it stays staged otherwise."""
    if landing.is_unchanged(entry.file):
        return True
    _unstage(lake, entry.file)
    log.warning("%s was moved or replaced while it was read; it is taken when it is there", entry.file.name)
    return False


def _free(lake: Lake) -> None:
    """What is staged next needs the memory of what has been."""
    for table in ("given_rows", "arriving_rows"):
        lake.drop(table)


def known_hashes(lake: Lake, hashes: Iterable[str]) -> set[str]:
    """Those of some files' hashes that have been consumed."""
    return {row["sha256"] for row in lake.rows("ingest/staging/known_hashes", arriving=list(hashes))}


def _sha256(file: LandingFile) -> str | None:
    try:
        return landing.sha256(file.path)
    except OSError:
        # Cannot be read, so it has no hash; as a file like any other it goes to quarantine for that.
        return f"unread {file.name} {file.arrived_at_ns}"


def _stage_file(lake: Lake, use_case: UseCase, entry: Consumed, now: datetime) -> Consumed | None:
    """Stage a file's good rows and its broken ones; None where it was moved or replaced meanwhile."""
    staged = entry
    try:
        staged = _stage_rows(lake, use_case, entry, now)
    except (OSError, EOFError, readers.UnreadableFile, QueryError) as error:
        if is_out_of_room(error):
            raise
        if landing.is_unchanged(entry.file):
            return _refuse_file(lake, entry, error)
    return staged if _is_as_read(lake, entry) else None


def _stage_rows(lake: Lake, use_case: UseCase, entry: Consumed, now: datetime) -> Consumed:
    file, is_text = entry.file, readers.is_text(entry.file.path)
    columns = contract.expected(lake.columns(file.table))
    wanted = mapping.readable(use_case, file.table, columns)
    event_type = mapping.event_type_of(use_case, file.name)
    try:
        readers.read_whole(lake, file.path, wanted)
        type_rows(lake, use_case, file.table, columns, now, event_type)
        if not (is_text and lake.has_rows("broken_rows")):
            return _keep(lake, entry, "refused_records")
    except QueryError as error:
        if is_out_of_room(error) or not is_text:
            raise
    for rejected in readers.read_rows(lake, file.path, wanted):
        type_rows(lake, use_case, file.table, columns, now, event_type)
        entry = _keep(lake, _refuse_lines(lake, entry, rejected), "refused_lines")
    return entry


def type_rows(
    lake: Lake, use_case: UseCase, table: str, columns: Columns, now: datetime, event_type: str | None = None
) -> None:
    """From `given_rows` to `arriving_rows`, typed as the table's columns, and `broken_rows`, which break a rule.

    `event_type` is that of rows which name none.
    """
    is_event = table == "events"
    if is_event:
        mapping.translate(lake, use_case, columns, event_type)
    rules = contract.event_rules(use_case, now) if is_event else contract.enrichment_rules(next(iter(columns)))
    lake.build_text("arriving_rows", contract.typed_rows(columns, lake.columns("given_rows"), rules))
    lake.build("records/contract/broken_rows")
    for check in statements.below(f"use_cases/{use_case.name}/checks") if is_event else ():
        lake.insert("broken_rows", check)


def _keep(lake: Lake, entry: Consumed, refused: str) -> Consumed:
    constants = {"source_file": entry.file.name}
    stored = lake.insert(
        f"staged_{entry.file.table}",
        "records/contract/good_rows",
        **(constants if entry.file.table == "events" else {}),
    )
    rejected = lake.insert("staged_rejects", f"records/contract/{refused}", **constants)
    if stored + rejected != (arrived := lake.count("arriving_rows")):
        raise RuntimeError(f"{entry.file.name}: {arrived} rows arrived, {stored} stored and {rejected} rejected")
    _free(lake)
    return replace(entry, rows_stored=entry.rows_stored + stored, rows_rejected=entry.rows_rejected + rejected)


def _refuse_lines(lake: Lake, entry: Consumed, rejected: readers.Rejected) -> Consumed:
    rows = [
        {"source_file": entry.file.name, "row_number": number, "reason": reason, "raw": raw}
        for number, reason, raw in rejected
    ]
    if rows:
        lake.append("staged_rejects", pa.Table.from_pylist(rows))
    return replace(entry, rows_rejected=entry.rows_rejected + len(rows))


def _refuse_file(lake: Lake, entry: Consumed, error: Exception) -> Consumed:
    """Nothing of a file that cannot be read to its end is stored: it may come again, whole."""
    _unstage(lake, entry.file)
    reason = f"file: cannot be read to its end: {str(error).splitlines()[0]}"
    row: dict[str, Any] = {"source_file": entry.file.name, "row_number": None, "reason": reason, "raw": None}
    lake.append("staged_rejects", pa.Table.from_pylist([row]))
    log.warning("%s goes to quarantine: %s", entry.file.name, reason)
    return replace(entry, rows_stored=0, rows_rejected=1, is_readable=False)


def _unstage(lake: Lake, file: LandingFile) -> None:
    if file.table == "events":
        lake.delete_rows("staged_events", source_file=file.name)
    else:
        lake.build_like(f"staged_{file.table}", file.table, without=("batch_id",))
    lake.delete_rows("staged_rejects", source_file=file.name)
