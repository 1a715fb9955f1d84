"""Staging: landing files, read and checked, into the temporary tables `staged_events`, `staged_rejects` and those of
enrichment, which a micro-batch commits.

Files of one form are read at once, as most of a small file's cost is that of its statements. Where a row of them is
broken they are read by halves, down to the file by itself, so that every rejected row keeps its file, number and text.

An error while a file is read by itself is attributed to that file, unless the machine or the lake caused it: it is
read once more, over a connection of its own, and then moved to quarantine with the reason. Before the commit the rows
of each file are counted by other means than those that read them.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.firstday import landing
from include.firstday.errors import FirstdayError, QueryError, UnreadableFileError
from include.firstday.lake import faults, statements
from include.firstday.lake.lake import Lake
from include.firstday.landing import LandingFile
from include.firstday.privacy import person_data
from include.firstday.records import contract, file_bytes, mapping, readers
from include.firstday.records.file_bytes import FileBytes
from include.firstday.records.mapping import Layout
from include.firstday.records.text import printable
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

TOGETHER_BYTES = 8_000_000  # of files that are read at once: what they hold is in memory three times over


class ConnectionLostError(FirstdayError):
    """DuckDB has ended the connection while these files were read, one of which is the cause."""

    def __init__(self, entries: Collection["Consumed"]) -> None:
        super().__init__(", ".join(entry.file.name for entry in entries))
        self.files = frozenset(entry.file for entry in entries)


@dataclass(frozen=True)
class Consumed:
    """A landing file, its layout and bytes, and the numbers of its staged rows.

    A file that was rewritten without an erased user keeps the hash that it had before: its rows are stored once.
    """

    file: LandingFile
    layout: Layout
    bytes: FileBytes
    rows_stored: int = 0
    rows_rejected: int = 0
    further_lines: int = 0  # of rows over several lines
    is_readable: bool = True
    erased: tuple[person_data.Person, ...] = ()  # erased users with rows in it, which are not stored


# Of a lake, a use case, groups of files that can be read at once, and a time: the files that it has staged, and the
# groups that it has not.
Elsewhere = Callable[[Lake, UseCase, list[list[Consumed]], datetime], tuple[list[Consumed], list[list[Consumed]]]]


@dataclass
class Staged:
    """Landing files, by what is to be done with them; those that are gone, or were replaced meanwhile, are in none."""

    consumed: list[Consumed] = field(default_factory=list)  # to be committed
    repeated: list[LandingFile] = field(default_factory=list)  # whose bytes have been stored before
    quarantined: list[LandingFile] = field(
        default_factory=list
    )  # committed by a run that was killed before it moved them


def stage(
    lake: Lake,
    use_case: UseCase,
    files: list[LandingFile],
    now: datetime,
    suspects: Collection[LandingFile] = (),
    stage_elsewhere: Elsewhere | None = None,
) -> Staged:
    """Stage files whose bytes have not been consumed before, or that were moved back from quarantine.

    `now` is naive UTC. Suspects are read over connections of their own. `stage_elsewhere` stages groups of files whose
    rows are all good, and returns those that it has not. Raises ConnectionLostError with the files that are to be
    suspects in another attempt.
    """
    start(lake, use_case.enrichment)
    found = {file: content for file in files if (content := _inspected(file))}
    originals = original_hashes(lake, (content.sha256 for content in found.values()))
    found = {file: replace(one, sha256=originals.get(one.sha256, one.sha256)) for file, one in found.items()}
    known = known_hashes(lake, (content.sha256 for content in found.values()))
    columns = {table: lake.columns(table) for table in ("events", *use_case.enrichment)}
    staged = Staged()
    fresh: dict[str, Consumed] = {}
    copies: list[Consumed] = []
    for file, content in found.items():
        attempts = known.get(content.sha256, set())
        if file.changed_ns in attempts:
            staged.quarantined.append(file)
        elif attempts and not _is_moved_back(use_case, file, attempts):
            staged.repeated.append(file)
        else:
            layout = mapping.layout(use_case, file.table, columns[file.table], file.name)
            entry = Consumed(file, layout, content)
            if fresh.setdefault(content.sha256, entry) is not entry:
                copies.append(entry)
    alike = list(_alike([entry for entry in fresh.values() if entry.file not in suspects]))
    left = alike
    if stage_elsewhere is not None:
        elsewhere, left = stage_elsewhere(lake, use_case, alike, now)
        staged.consumed = [entry for entry in elsewhere if _is_as_read(lake, entry)]
    staged.consumed += [entry for group in left for entry in _stage_together(lake, use_case, group, now)]
    apart = (_stage_apart(lake, use_case, entry, now) for entry in fresh.values() if entry.file in suspects)
    staged.consumed += filter(None, apart)
    _add_copies(lake, use_case, staged, copies, now)
    return staged


def _add_copies(lake: Lake, use_case: UseCase, staged: Staged, copies: list[Consumed], now: datetime) -> None:
    """Files with the bytes of another of the same micro-batch: repeated where that is stored, refused where it is.

    A copy of a file that was replaced while it was read is the only one: it stays for the next micro-batch.
    """
    readable = {entry.bytes.sha256: entry.is_readable for entry in staged.consumed}
    for copy in copies:
        if readable.get(copy.bytes.sha256):
            staged.repeated.append(copy.file)
        elif copy.bytes.sha256 in readable and (entry := _stage_apart(lake, use_case, copy, now)):
            staged.consumed.append(entry)
            readable[copy.bytes.sha256] = entry.is_readable


def _is_moved_back(use_case: UseCase, file: LandingFile, attempts: Collection[int | None]) -> bool:
    """Whether a file of known bytes was in quarantine and is not any more: somebody wants it to be tried again."""
    return None not in attempts and not landing.is_quarantined(use_case.name, file)


def start(lake: Lake, enrichment: Collection[str]) -> None:
    """Make the empty tables that files of events, and of some enrichment tables, are staged in."""
    lake.build_like("staged_events", "events", without=("batch_id", "ingested_at"))
    lake.build_like("staged_rejects", "rejected_events", without=("batch_id", "rejected_at"))
    for table in enrichment:
        lake.build_like(f"staged_{table}", table, without=("batch_id",))


def _inspected(file: LandingFile) -> FileBytes | None:
    """A file's hash and lines; None where it is gone."""
    try:
        return file_bytes.inspect(file.path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if faults.is_of_the_machine(error):
            raise
        # Cannot be read, so it has no hash; it is quarantined like any other unreadable file.
        return FileBytes(f"unread {file.name} {file.arrived_at_ns}", 0, str(error))


def _alike(entries: list[Consumed]) -> Iterator[list[Consumed]]:
    """Files that can be read at once, in groups of bounded bytes."""
    groups: dict[object, list[Consumed]] = {}
    for entry in entries:
        is_sound = entry.file.table == "events" and not entry.bytes.fault
        form = readers.form(entry.file.path) if is_sound else None
        key = (form, entry.layout.event_type) if form else entry.file
        group = groups.setdefault(key, [])
        if group and sum(other.file.bytes for other in group) + entry.file.bytes > TOGETHER_BYTES:
            yield groups.pop(key)
            group = groups.setdefault(key, [])
        group.append(entry)
    yield from groups.values()


def _stage_together(lake: Lake, use_case: UseCase, entries: list[Consumed], now: datetime) -> list[Consumed]:
    """Stage files at once where all their rows are good, otherwise by halves, down to each by itself."""
    staged = stage_clean(lake, use_case, entries, now)
    if staged is not None:
        return [entry for entry in staged if _is_as_read(lake, entry)]
    if len(entries) == 1:
        alone = _stage_file(lake, use_case, entries[0], now)
        return [alone] if alone else []
    half = len(entries) // 2
    return [entry for part in (entries[:half], entries[half:]) for entry in _stage_together(lake, use_case, part, now)]


def stage_clean(lake: Lake, use_case: UseCase, entries: list[Consumed], now: datetime) -> list[Consumed] | None:
    """Stage the events of files of one form in one statement; None, and nothing staged, where not all are good."""
    if any(entry.file.table != "events" or entry.bytes.fault for entry in entries):
        return None
    names = [entry.file.name for entry in entries]
    try:
        text, constants, parameters = _clean_rows(lake, use_case, entries, now)
        lake.insert_text("staged_events", text, constants, **parameters)
        counts = {row["source_file"]: row["row_count"] for row in lake.rows("ingest/staging/rows_by_file", files=names)}
        staged = [replace(entry, rows_stored=counts.get(entry.file.name, 0)) for entry in entries]
        if all(map(_is_complete, staged)) and not _breaks_check(lake, use_case, names):
            return staged
    except Exception as error:
        if faults.is_of_the_machine(error):
            raise
        if not lake.is_alive():
            raise ConnectionLostError(entries) from error
        log.info("%s: not staged by one statement: %s", ", ".join(names[:3]), _sentence(error))
    for entry in entries:
        _unstage(lake, entry.file)
    return None


def _clean_rows(
    lake: Lake, use_case: UseCase, entries: list[Consumed], now: datetime
) -> tuple[str, dict[str, object], dict[str, object]]:
    """A SELECT that reads files, types their rows and fails where one breaks the contract, constants and parameters."""
    layout = entries[0].layout
    source = readers.source(lake, [entry.file.path for entry in entries], layout.wanted)
    text, columns, parameters = source.text, source.columns, source.parameters
    if use_case.mapping is not None:
        text, more = mapping.translated(use_case.mapping, layout, columns, f"({text}\n)")
        parameters = parameters | more
        columns = lake.columns_of(text, **parameters)
    rules = contract.event_rules(use_case, now)
    constants: dict[str, object] = {"source_file": entries[0].file.name} if len(entries) == 1 else {}
    search = _search([entry.file.path for entry in entries], all(entry.bytes.is_plain for entry in entries))
    return contract.good_rows(layout.columns, columns, rules, f"({text}\n)", search), constants, parameters


def _search(paths: list[Path], is_plain: bool) -> contract.Search:
    """How the texts of files of one form are searched for control characters."""
    if not readers.is_text(paths[0]):
        return contract.Search.EACH
    return contract.Search.NONE if is_plain and readers.is_json(paths[0]) else contract.Search.JOINED


def _breaks_check(lake: Lake, use_case: UseCase, files: list[str]) -> bool:
    """Whether a staged event of some files breaks a check of the use case's own."""
    arriving = statements.statement("ingest/staging/arriving_rows").text
    checks = (statements.statement(check) for check in statements.below(f"use_cases/{use_case.name}/checks"))
    return any(
        lake.yields_rows(f"with arriving_rows as ({arriving}\n) from ({check.text}\n)", files=files) for check in checks
    )


def _is_complete(entry: Consumed) -> bool:
    rows = entry.rows_stored + entry.rows_rejected
    return readers.is_complete(entry.file.path, entry.bytes.lines, rows, entry.further_lines)


def _is_as_read(lake: Lake, entry: Consumed) -> bool:
    """Whether the file is still the one that was found; nothing of it stays staged otherwise."""
    if landing.is_unchanged(entry.file):
        return True
    _unstage(lake, entry.file)
    log.warning("%s was moved or replaced while it was read; the next micro-batch reads it", entry.file.name)
    return False


def _free(lake: Lake) -> None:
    """What is staged next needs the memory of what has been."""
    for table in ("given_rows", "arriving_rows"):
        lake.drop(table)


def known_hashes(lake: Lake, hashes: Iterable[str]) -> dict[str, set[int | None]]:
    """Those of some hashes that have been consumed → the status change times of quarantined files, None of others.

    A file that a killed run has left in landing still has its time; moving it back from quarantine gives it another.
    """
    known: dict[str, set[int | None]] = {}
    for row in lake.rows("ingest/staging/known_hashes", arriving=list(hashes)):
        known.setdefault(row["sha256"], set()).add(row["quarantined_ns"])
    return known


def original_hashes(lake: Lake, hashes: Iterable[str]) -> dict[str, str]:
    """Of those of some files' hashes that a rewriting without an erased user has made: the hash before it."""
    rows = lake.rows("ingest/staging/original_hashes", arriving=list(hashes))
    return {row["sha256"]: row["original_sha256"] for row in rows}


def _stage_file(lake: Lake, use_case: UseCase, entry: Consumed, now: datetime) -> Consumed | None:
    """Stage a file's good rows and its broken ones; None where it was moved or replaced meanwhile."""
    try:
        staged = _stage_rows(lake, use_case, entry, now)
    except UnreadableFileError as error:  # the bytes are wrong: a second attempt would find the same
        staged = _refuse_file(lake, entry, error)
    except Exception as error:
        if not lake.is_alive():
            raise ConnectionLostError([entry]) from error
        log.warning("%s is read once more, over a connection of its own: %s", entry.file.name, _sentence(error))
        _unstage(lake, entry.file)
        return _stage_apart(lake, use_case, entry, now)
    return staged if _is_as_read(lake, entry) else None


def _stage_apart(lake: Lake, use_case: UseCase, entry: Consumed, now: datetime) -> Consumed | None:
    """Stage a file over a connection of its own, where whatever is wrong with it harms no other."""
    with open_lake(use_case, lake.run) as own:
        start(own, use_case.enrichment)
        _try_nothing(own, use_case, entry.layout, now)
        try:
            # Text is read row by row here: what DuckDB stumbled over is a line of it.
            staged = _stage_rows(own, use_case, entry, now, row_by_row=readers.is_text(entry.file.path))
        except Exception as error:
            if faults.is_of_the_machine(error):
                raise
            staged = _refuse_file(lake, entry, error)
        else:
            for table in (f"staged_{entry.file.table}", "staged_rejects"):
                own.copy_to(table, lake)
    return staged if _is_as_read(lake, entry) else None


def _try_nothing(lake: Lake, use_case: UseCase, layout: Layout, now: datetime) -> None:
    """Do with no rows what is done with a file's: what fails here is not the file's fault."""
    readers.read_texts(lake, [], None, layout.wanted)
    type_rows(lake, use_case, replace(layout, event_type=None, is_csv=False), now)
    _free(lake)


def _stage_rows(lake: Lake, use_case: UseCase, entry: Consumed, now: datetime, row_by_row: bool = False) -> Consumed:
    """Raises UnreadableFileError where the file is truncated or corrupt, or holds other rows than were read."""
    if entry.bytes.fault:
        raise UnreadableFileError(entry.bytes.fault)
    staged = None if row_by_row else _stage_whole(lake, use_case, entry, now)
    if staged is None or not _is_complete(staged):
        if not readers.is_text(entry.file.path):
            raise UnreadableFileError(_miscounted(staged or entry))
        _unstage(lake, entry.file)
        staged = _stage_row_by_row(lake, use_case, entry, now)
        if not _is_complete(staged):
            raise UnreadableFileError(_miscounted(staged))
    return staged


def _miscounted(entry: Consumed) -> str:
    found = f"{entry.rows_stored:,} good rows and {entry.rows_rejected:,} broken ones"
    return f"expected as many rows as the file's lines or its footer say, found {found}"


def _stage_whole(lake: Lake, use_case: UseCase, entry: Consumed, now: datetime) -> Consumed | None:
    """Stage a file that DuckDB can read by itself; None where it has to be read row by row."""
    is_text = readers.is_text(entry.file.path)
    try:
        readers.read_whole(lake, entry.file.path, entry.layout.wanted)
        type_rows(lake, use_case, entry.layout, now)
        return None if is_text and lake.has_rows("broken_rows") else _keep(lake, entry, "refused_records")
    except QueryError as error:
        if not is_text or faults.is_of_the_machine(error) or not lake.is_alive():
            raise
        return None


def _stage_row_by_row(lake: Lake, use_case: UseCase, entry: Consumed, now: datetime) -> Consumed:
    for piece in readers.read_rows(lake, entry.file.path, entry.layout.wanted):
        type_rows(lake, use_case, entry.layout, now)
        entry = _keep(lake, _refuse_lines(lake, entry, piece.rejected), "refused_lines")
        entry = replace(entry, further_lines=entry.further_lines + piece.further_lines)
    return entry


def type_rows(lake: Lake, use_case: UseCase, layout: Layout, now: datetime) -> None:
    """From `given_rows` to `arriving_rows`, typed as the table's columns, and `first_reasons` of broken rows."""
    is_event = layout.table == "events"
    source = mapping.translate(lake, use_case, layout) if is_event else "given_rows"
    rules = contract.event_rules(use_case, now) if is_event else contract.enrichment_rules(layout.columns)
    lake.build_text("arriving_rows", contract.typed_rows(layout.columns, lake.columns(source), rules, source))
    if source != "given_rows":
        lake.drop(source)
    lake.build("records/contract/broken_rows")
    for check in statements.below(f"use_cases/{use_case.name}/checks") if is_event else ():
        lake.insert("broken_rows", check)
    lake.build("records/contract/first_reasons")


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
    """Store nothing of a file that cannot be read: it may arrive again, complete."""
    _unstage(lake, entry.file)
    # An error of DuckDB names the whole path, which is the server's affair.
    reason = f"file: cannot be read: {_sentence(error).replace(f'{entry.file.path.parent}/', '')}"
    row: dict[str, Any] = {"source_file": entry.file.name, "row_number": None, "reason": reason, "raw": None}
    lake.append("staged_rejects", pa.Table.from_pylist([row]))
    log.warning("%s: moved to quarantine: %s", entry.file.name, reason)
    return replace(entry, rows_stored=0, rows_rejected=1, is_readable=False)


def _sentence(error: Exception) -> str:
    """The first line of an error, without what a catalog cannot hold."""
    return printable(str(error).strip().partition("\n")[0]) or type(error).__name__


def _unstage(lake: Lake, file: LandingFile) -> None:
    if file.table == "events":
        lake.delete_rows("staged_events", source_file=file.name)
    else:
        lake.build_like(f"staged_{file.table}", file.table, without=("batch_id",))
    lake.delete_rows("staged_rejects", source_file=file.name)
