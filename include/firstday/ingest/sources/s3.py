"""Files below a prefix of an S3 bucket: each is copied into landing once, and again when it has changed."""

import hashlib
import json
import logging
import re
import shutil
import time
from functools import partial
from pathlib import Path

from pyarrow import fs

from include.firstday import landing
from include.firstday.errors import SourceError
from include.firstday.ingest.sources import ConsumeResult
from include.firstday.servers import Credentials, first_line, s3
from include.firstday.use_case.connectors import S3Source
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

PIECE_BYTES = 8 * 2**20
NAME_LENGTH = 120
NOTED_TOGETHER = 100  # files


def consume(use_case: UseCase, name: str, source: S3Source, credentials: Credentials, until: float) -> ConsumeResult:
    """Bring new and changed files into landing, oldest first. Raises SourceError."""
    copied = 0
    try:
        system = s3.file_system(credentials)
        listed = _listed(system, source)
        seen = _Seen(use_case.name, name, {_version(file) for file in listed})
        for file in sorted(listed, key=lambda file: (file.mtime_ns, file.path)):
            if seen.has(file):
                continue
            if time.monotonic() >= until or landing.is_full(use_case.name):
                break
            target = _landing_name(file)
            if not landing.has_arrived(use_case.name, target):  # a run that was killed has copied it, and not noted it
                landing.deliver(use_case.name, target, partial(_copy, system, file.path))
                copied += 1
            seen.add(file)
        seen.note()
    except OSError as error:
        raise SourceError(f"S3 said {first_line(error)}") from None
    return ConsumeResult(copied, copied)


def _listed(system: fs.S3FileSystem, source: S3Source) -> list[fs.FileInfo]:
    if system.get_file_info(source.bucket).type == fs.FileType.NotFound:
        raise SourceError(f"bucket {source.bucket}: not there")
    below = fs.FileSelector(f"{source.bucket}/{source.prefix}".rstrip("/"), allow_not_found=True, recursive=True)
    found = [file for file in system.get_file_info(below) if file.type == fs.FileType.File]
    return [file for file in found if file.base_name.endswith(landing.ENDINGS)]


def _landing_name(file: fs.FileInfo) -> str:
    """Return the file's name with a part that differs between versions and between folders."""
    ending = next(ending for ending in landing.ENDINGS if file.base_name.endswith(ending))
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", file.base_name.removesuffix(ending)).lstrip(".")[:NAME_LENGTH]
    return f"{stem}-{hashlib.sha256(_version(file).encode()).hexdigest()[:16]}{ending}"


def _version(file: fs.FileInfo) -> str:
    return f"{file.path} {file.mtime_ns} {file.size}"


def _copy(system: fs.S3FileSystem, source: str, path: Path) -> None:
    with system.open_input_stream(source) as stream, path.open("wb") as file:
        shutil.copyfileobj(stream, file, PIECE_BYTES)


class _Seen:
    """Which of the listed files have been copied; a file beside landing's, which forgets what is listed no more."""

    def __init__(self, use_case: str, source: str, listed: set[str]) -> None:
        self._path = landing.folder(use_case) / f".{source}.seen.json"
        known = set(json.loads(self._path.read_text()) if self._path.exists() else ())
        self._versions = known & listed
        self._unnoted = 0

    def has(self, file: fs.FileInfo) -> bool:
        """Whether this version of the file has been copied."""
        return _version(file) in self._versions

    def add(self, file: fs.FileInfo) -> None:
        """Note that it has been copied: with others, as the whole list is written."""
        self._versions.add(_version(file))
        self._unnoted += 1
        if self._unnoted == NOTED_TOGETHER:
            self.note()

    def note(self) -> None:
        """Make durable what has been copied."""
        if self._unnoted:
            landing.put(self._path, lambda path: path.write_text(json.dumps(sorted(self._versions))))
            self._unnoted = 0
