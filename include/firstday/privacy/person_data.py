"""Personal data of one user in files: finding it, and rewriting files without it."""

import csv
import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.firstday.errors import UnreadableFileError
from include.firstday.records.csv_records import DELIMITERS

JSON_LINES = (".ndjson", ".jsonl")
SCRUBBED = ".scrubbed"
ERASED = "erased"  # in place of an id in a file's name
GROUP = 100  # files that are replaced together, so that their copies take little room
Note = Callable[[Mapping[Path, Path]], None]
SURE_LENGTH = 8  # a shorter id, or one with blanks around it, is found in its own field only: elsewhere by chance
_TOKEN = re.compile(r'"([^"]*)"|([^\s",;|:{}\[\]]+)')


@dataclass(frozen=True)
class Person:
    """A user to be erased: the id, and known personal values, such as name and address."""

    user_id: str
    personal: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Every text that a row of this person's could hold, as it is and as JSON writes it."""
        return tuple(form for word in (self.user_id, *self.personal) for form in _forms(word))

    def is_in(self, row: Mapping[str, object]) -> bool:
        """Whether a row is this person's: by its `user_id` or, where it has none, by its other values."""
        if (found := row.get("user_id")) not in (None, ""):
            return str(found) == self.user_id
        values = [str(value) for value in row.values() if value is not None]
        return self.user_id in values or self._is_named_in(" ".join(values))

    def is_in_text(self, text: str) -> bool:
        """Whether a text that is not a row holds the id as a word, or two personal values."""
        return self.user_id in words(text) or self._is_named_in(text)

    def is_in_bytes(self, content: bytes) -> bool:
        """Whether any bytes hold the id, if it is long enough to be no chance, or two personal values."""
        text = content.decode(errors="replace")
        return self.without_id(text) != text or self._is_named_in(text)

    def without_id(self, text: str) -> str:
        """A text, such as a file's name, without the id, if it is long enough to be no chance."""
        if len(self.user_id) < SURE_LENGTH or self.user_id != self.user_id.strip() or self.user_id not in text:
            return text
        # Not as a part of a longer id, which is somebody else's.
        return re.sub(rf"(?<![0-9A-Za-z_-]){re.escape(self.user_id)}(?![0-9A-Za-z_-])", ERASED, text)

    def _is_named_in(self, text: str) -> bool:
        # One value is no proof: two people may share a name or a town.
        return sum(any(form in text for form in _forms(value)) for value in self.personal) >= 2


def _forms(word: str) -> set[str]:
    """A word as it is, and as JSON may write it."""
    return {word, *(json.dumps(word, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))}


def words(text: str) -> set[str]:
    """Return the words of a text that could be a user id: quoted ones, and those between separators."""
    found = {quoted or plain for quoted, plain in _TOKEN.findall(text)}
    for line in (text.strip(), text.rstrip("\r\n")):  # an id may begin or end with blanks
        for delimiter in DELIMITERS:
            found.update(line.split(delimiter))
            with suppress(csv.Error):
                found.update(*csv.reader([line], delimiter=delimiter))  # an id may hold a quote, which CSV doubles
    return found


def scrub(path: Path, person: Person) -> bool:
    """Rewrite a file without the person's rows, atomically; whether there were any.

    A truncated or corrupt file that holds the person is deleted: it serves nobody else.
    """
    return scrub_files([path], person) > 0


def scrub_folder(folder: Path, person: Person, note: Note = lambda copies: None) -> int:
    """Rewrite every data file below a folder without the person's rows; the number of files that held any."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_data(path)]
    groups = (files[at : at + GROUP] for at in range(0, len(files), GROUP))
    return sum(scrub_files(group, person, note) for group in groups)


def scrub_files(paths: Iterable[Path], person: Person, note: Note = lambda copies: None) -> int:
    """Rewrite data files as `scrub` does; the number of files that held the person.

    `note` is called with the files and their copies before the copies replace them.
    """
    copies: dict[Path, Path] = {}
    found = {path: _status(path) for path in paths}
    try:
        count = sum(_copy_if_in(path, person, copies) for path, status in found.items() if status)
        if copies:
            note(copies)
        for path, copy in copies.items():
            _replace(path, copy, found[path])
        return count
    finally:
        for copy in copies.values():
            copy.unlink(missing_ok=True)


def drop_scrubbed(folder: Path) -> None:
    """Delete the copies that a killed process has left below a folder."""
    for path in folder.rglob(f".*{SCRUBBED}"):
        path.unlink(missing_ok=True)


def _copy_if_in(path: Path, person: Person, copies: dict[Path, Path]) -> bool:
    """Add a copy without the person, where the file holds them, to `copies`; whether it does."""
    copies[path] = path.with_name(f".{path.name}{SCRUBBED}")
    try:
        if copy_without(path, copies[path], person):
            return True
        is_deleted = False
    except (OSError, EOFError, ValueError, UnreadableFileError):
        if is_deleted := not is_gone(path) and person.is_in_bytes(_some_bytes(path)):
            path.unlink()
    copies.pop(path).unlink(missing_ok=True)
    return is_deleted


def _status(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced; None where it is gone."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _replace(path: Path, copy: Path, status: tuple[int, int, int] | None) -> None:
    """Put a copy in place of its file, which keeps its time, unless a newer file has the name or it has been moved."""
    if status is not None and _status(path) == status:
        os.utime(copy, ns=(status[2], status[2]))
        copy.rename(path)


def copy_without(path: Path, target: Path, *people: Person) -> int:
    """Write a data file's rows, without those of `people`, to `target`, in the same format; the number left out.

    Raises OSError, EOFError or ValueError where the file is truncated or corrupt.
    """
    if path.name.endswith(".parquet"):
        return _copy_parquet(path, target, people)
    with _open(path, "rb") as source, _open(target, "wb", like=path) as copy:
        if path.name.endswith(".csv"):
            return _copy_csv(source, copy, people)
        return _copy_lines(source, copy, lambda line: any(is_in_line(line, person) for person in people))


def is_in_line(line: bytes, person: Person) -> bool:
    """Whether a line of text is this person's: a JSON object by its values, anything else by its words."""
    if not any(word.encode() in line for word in person.words):
        return False
    text = line.decode(errors="backslashreplace")
    try:
        row: Any = json.loads(text)
    except ValueError:
        return person.is_in_text(text)
    return person.is_in(row) if isinstance(row, dict) else person.is_in_text(text)


def find(folder: Path, person: Person) -> Iterator[Path]:
    """Files below a folder that hold the person, whatever their format."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with suppress(FileNotFoundError):
                if person.without_id(path.name) != path.name or _holds(path, person):
                    yield path


def is_data(path: Path) -> bool:
    """Whether a file holds rows, so that it can be rewritten without some."""
    return path.name.removesuffix(".gz").endswith((*JSON_LINES, ".csv", ".parquet"))


def is_gone(path: Path) -> bool:
    """Whether a file has been moved away or deleted."""
    return not path.exists()


def _holds(path: Path, person: Person) -> bool:
    if is_data(path):
        try:
            return copy_without(path, Path(os.devnull), person) > 0
        except (OSError, EOFError, ValueError, UnreadableFileError):
            if is_gone(path):
                return False
    return person.is_in_bytes(_some_bytes(path))


def some_text(path: Path) -> str:
    """What can be read of a file as text; nothing where it is gone or cannot be opened."""
    with suppress(OSError):
        return _some_bytes(path).decode(errors="replace")
    return ""


def _some_bytes(path: Path) -> bytes:
    """What can be read of a file, unpacked where it is packed: also of one that ends too early."""
    content = path.read_bytes()
    if not path.name.endswith(".gz"):
        return content
    unpacked = io.BytesIO()
    with suppress(zlib.error):
        while content:
            unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            unpacked.write(unpacker.decompress(content))
            content = unpacker.unused_data
    return unpacked.getvalue()


def _open(path: Path, mode: str, like: Path | None = None) -> IO[bytes]:
    is_packed = (like or path).name.endswith(".gz")
    return gzip.open(path, mode) if is_packed else path.open(mode)  # type: ignore[return-value]


def _copy_lines(source: IO[bytes], copy: IO[bytes], is_theirs: Callable[[bytes], bool]) -> int:
    dropped = 0
    for line in source:
        if is_theirs(line):
            dropped += 1
        else:
            copy.write(line)
    return dropped


def _copy_csv(source: IO[bytes], copy: IO[bytes], people: Sequence[Person]) -> int:
    lines = io.TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape", newline="")
    target = io.TextIOWrapper(copy, encoding="utf-8", errors="surrogateescape", newline="")
    header = lines.readline()
    delimiter = max(DELIMITERS, key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    writer, dropped = csv.writer(target, delimiter=delimiter, lineterminator="\n"), 0
    target.write(header)
    for fields in csv.reader(lines, delimiter=delimiter):
        row = dict(zip(names, fields, strict=False))
        if any(person.is_in(row) for person in people):
            dropped += 1
        else:
            writer.writerow(fields)
    target.flush()
    target.detach()
    return dropped


def _copy_parquet(path: Path, target: Path, people: Sequence[Person]) -> int:
    dropped = 0
    with pq.ParquetFile(path) as source:
        codec = source.metadata.row_group(0).column(0).compression if source.metadata.num_row_groups else "ZSTD"
        with pq.ParquetWriter(target, source.schema_arrow, compression=codec) as writer:
            for batch in source.iter_batches():
                kept = batch
                for person in people:
                    kept = kept.filter(_of_others(kept, person))
                dropped += batch.num_rows - kept.num_rows
                writer.write_batch(kept)
    return dropped


def _of_others(batch: pa.RecordBatch, person: Person) -> pa.Array:
    """Which rows are not the person's, as booleans. Only rows without an id are looked at one by one."""
    if "user_id" in batch.schema.names:
        ids = batch.column("user_id").cast(pa.string())
        if not ids.null_count:
            return pc.not_equal(ids, person.user_id)
    texts = batch.select([field.name for field in batch.schema if not pa.types.is_nested(field.type)])
    return pa.array([not person.is_in(row) for row in texts.to_pylist()], pa.bool_())
