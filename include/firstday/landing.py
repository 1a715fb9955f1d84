"""The landing folder: every event arrives there, whatever its source, in a file.

`<landing>/<use case>/` contains files of events, `<landing>/<use case>/<enrichment table>/` files of that table. Files
are written atomically. A consumed file is moved to `consumed/`, an unreadable one to `quarantine/`.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path

from include.firstday.errors import InputError
from include.firstday.settings import private_folder, settings

ENDINGS = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz", ".csv", ".parquet")
CONSUMED = "consumed"
QUARANTINE = "quarantine"
PARTIAL = ".partial"
NAME_BYTES = 200  # so that what is put before a name fits into a file system's 255
_UNIQUE = re.compile(rf"~\d+({'|'.join(map(re.escape, ENDINGS))})$")


@dataclass(frozen=True)
class LandingFile:
    """A file that waits: where it is, the table it is for, its size in bytes, when it arrived, and which file it is.

    `changed_ns` is its status change time, which moving it changes.
    """

    path: Path
    table: str
    bytes: int
    arrived_at_ns: int
    inode: int
    changed_ns: int

    @cached_property
    def name(self) -> str:
        """The file's name as the ledger keeps it: below the use case's landing folder."""
        name = safe_name(self.path.name)
        return name if self.table == "events" else f"{self.table}/{name}"


def folder(use_case: str) -> Path:
    """Landing folder of one use case."""
    return settings().landing / use_case


def expect_ending(file_name: str) -> None:
    """Raises InputError for a name the event handler would not read."""
    if not file_name.endswith(ENDINGS):
        raise InputError(f"{file_name}: expected a name ending in one of {', '.join(ENDINGS)}")


def add(use_case: str, file_name: str, write: Callable[[Path], object], table: str = "events") -> Path:
    """Put a file into landing as `deliver` does, under another name where one of that name is pending."""
    expect_ending(file_name)
    where = folder(use_case) if table == "events" else folder(use_case) / table
    target = where / safe_name(file_name)
    return put(target, write, is_new=True)


def pending_renamed(use_case: str, enrichment: tuple[str, ...] = ()) -> list[LandingFile]:
    """Return pending files; those with names that no table and no DuckDB can hold are renamed first."""
    found = pending(use_case, enrichment)
    unsafe = {file.path: name for file in found if (name := safe_name(file.path.name)) != file.path.name}
    for path, name in unsafe.items():
        rename(path, name)
    return pending(use_case, enrichment) if unsafe else found


def rename(path: Path, name: str) -> None:
    """Give a file another name, or that with a number where it is taken. Another run may have moved it meanwhile."""
    with suppress(FileNotFoundError):
        _link_unique(path, path.with_name(name))
        path.unlink()


def safe_name(name: str) -> str:
    """A file's name in UTF-8, of bounded length, with backslashes and control characters as `%5C` and the like."""
    text = "".join(_safe(letter) for letter in os.fsencode(name).decode("utf-8", "surrogateescape"))
    if len(text.encode()) <= NAME_BYTES:
        return text
    ending = next((ending for ending in ENDINGS if text.endswith(ending)), "")
    stem = text.removesuffix(ending).encode()[: NAME_BYTES - 40].decode(errors="ignore")
    return f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}{ending}"


def given_name(name: str) -> str:
    """A file's name as it was before it had to differ from another's."""
    return _UNIQUE.sub(r"\1", name)


def _safe(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code < 0xDD00:  # a byte that is not UTF-8
        return f"%{code - 0xDC00:02X}"
    return f"%{code:02X}" if code < 32 or code == 127 or letter == "\\" else letter


def _link_unique(path: Path, target: Path) -> Path:
    """Give a file a second name that no other file has: `target`, or that with a number before its ending."""
    ending = next((ending for ending in ENDINGS if target.name.endswith(ending)), "")
    stem = target.name.removesuffix(ending)
    for number in count(1):
        unique = target if number == 1 else target.with_name(f"{stem}~{number}{ending}")
        with suppress(FileExistsError):
            os.link(path, unique)
            return unique
    raise AssertionError("numbers end")


def deliver(use_case: str, file_name: str, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file, then put it into landing under its name, durably and at once.

    A pending file of that name is replaced: for sources whose names say what their files hold. Raises InputError for a
    name the event handler would not read, or that leads out of the folder.
    """
    expect_ending(file_name)
    if ".." in Path(file_name).parts or Path(file_name).is_absolute():
        raise InputError(f"{file_name}: expected a name in landing, found one that leads out of it")
    target = folder(use_case) / file_name
    put(target, write)
    return target


def put(target: Path, write: Callable[[Path], object], is_new: bool = False) -> Path:
    """Let `write` fill a temporary file beside `target`, then give it that name, durably and at once."""
    if settings().landing in target.parents:
        private_folder(settings().landing)  # it holds personal data
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}{PARTIAL}")
    try:
        write(partial)
        _sync(partial)
        if is_new:
            target = _link_unique(partial, target)
        else:
            partial.rename(target)
        _sync(target.parent)
        return target
    finally:
        partial.unlink(missing_ok=True)


def pending(use_case: str, enrichment: tuple[str, ...] = ()) -> list[LandingFile]:
    """Files that wait, enrichment first, then events, each oldest first."""
    return [file for table in (*sorted(enrichment), "events") for file in sorted(_waiting(use_case, table), key=_age)]


def waiting_bytes(use_case: str) -> int:
    """Bytes of the events that wait."""
    return sum(file.bytes for file in pending(use_case))


def is_full(use_case: str) -> bool:
    """Whether more waits than the settings allow, so that sources must wait too."""
    return waiting_bytes(use_case) > settings().backlog_megabytes * 10**6


def has_arrived(use_case: str, name: str) -> bool:
    """Whether a file of that name waits or has been taken; a taken one is known as long as it is kept."""
    return any((folder(use_case) / place / name).exists() for place in (".", CONSUMED, QUARANTINE))


def quarantined(use_case: str) -> list[str]:
    """Names of the files that could not be read, the newest first."""
    found = [path for path in (folder(use_case) / QUARANTINE).rglob("*") if path.is_file()]
    newest = sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    names = (str(path.relative_to(folder(use_case) / QUARANTINE)) for path in newest)
    return [os.fsencode(name).decode(errors="backslashreplace") for name in names]


def sha256(path: Path) -> str | None:
    """Hash of a file's bytes, read in pieces; None if the file is gone. Raises OSError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def is_unchanged(file: LandingFile) -> bool:
    """Whether the file is still the one that was found waiting, not a newer one under its name."""
    return _is_same(file, file.path)


def retire(use_case: str, file: LandingFile, to: str = CONSUMED) -> Path | None:
    """Move a file to `consumed/` or `quarantine/`; None if it is gone already or a newer one has its name.

    An older file of the same name there stays; the newer then has its time of arrival before its name.
    """
    if not is_unchanged(file):
        return None
    target = _archived(use_case, file, to)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.path.rename(target)
        if _is_same(file, target):
            return target
        os.link(target, file.path)  # a newer file came in this very moment: it waits again, unless one newer still does
        target.unlink()
    except (FileNotFoundError, FileExistsError):
        pass
    return None


def retire_rewritten(use_case: str, file: LandingFile, to: str, write: Callable[[Path], object]) -> Path | None:
    """Let `write` make the file's copy in `consumed/` or `quarantine/`, and delete the file itself.

    None if it is gone already or a newer one has its name.
    """
    if not is_unchanged(file):
        return None
    copy = _archived(use_case, file, to)
    put(copy, write)
    drop(file)
    return copy


def is_quarantined(use_case: str, file: LandingFile) -> bool:
    """Whether a file of this name is in quarantine, perhaps behind its time of arrival."""
    where = (folder(use_case) / QUARANTINE / file.name).parent
    names = [path.name for path in where.iterdir()] if where.is_dir() else []
    return any(
        name == file.path.name or re.fullmatch(rf"\d{{16,}}-{re.escape(file.path.name)}", name) for name in names
    )


def drop(file: LandingFile) -> None:
    """Delete a file that waits, unless a newer one has its name."""
    if is_unchanged(file):
        file.path.unlink(missing_ok=True)


def _archived(use_case: str, file: LandingFile, to: str) -> Path:
    target = folder(use_case) / to / file.name
    return target.with_name(f"{file.arrived_at_ns}-{target.name}") if target.exists() else target


def _waiting(use_case: str, table: str) -> Iterator[LandingFile]:
    where = folder(use_case) if table == "events" else folder(use_case) / table
    if not where.is_dir():
        return
    for entry in os.scandir(where):
        # A link could lead anywhere, so only plain files are read.
        if entry.is_file(follow_symlinks=False) and entry.name.endswith(ENDINGS) and not entry.name.startswith("."):
            with suppress(FileNotFoundError):  # another run has just consumed it
                status = entry.stat(follow_symlinks=False)
                times = status.st_mtime_ns, status.st_ino, status.st_ctime_ns
                yield LandingFile(Path(entry.path), table, status.st_size, *times)


def _is_same(file: LandingFile, path: Path) -> bool:
    try:
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (status.st_ino, status.st_size, status.st_mtime_ns) == (file.inode, file.bytes, file.arrived_at_ns)


def _age(file: LandingFile) -> tuple[int, str]:
    return file.arrived_at_ns, file.name


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
