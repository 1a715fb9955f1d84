"""Files and folders of a user's own, copied into landing under unique names, so that none replaces another.

A `.txt` or `.tsv` file that is named, not one found in a folder, is copied as CSV.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from include.firstday import landing
from include.firstday.errors import InputError
from include.firstday.records import text_tables
from include.firstday.use_case.use_case import UseCase


@dataclass(frozen=True)
class Added:
    """A file and its copy in landing; None where its ending is not one of landing's."""

    path: Path
    target: Path | None


def add_files(use_case: UseCase, paths: Sequence[Path], into: str = "") -> Iterator[Added]:
    """Copy files, and the files below folders, into landing, for events or an enrichment table.

    Raises InputError for another table or a path that is not there; nothing is copied then.
    """
    if into and into not in use_case.enrichment:
        tables = ", ".join(use_case.enrichment) or "none"
        raise InputError(f"--into {into}: expected an enrichment table of {use_case.name}: {tables}")
    found = [file for path in paths for file in _files(path)]
    return (_add(use_case, path, into or "events", is_named=path in paths) for path in found)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        visible = (file for file in sorted(path.rglob("*")) if not _is_hidden(file.relative_to(path)))
        return [file for file in visible if file.is_file()]
    if not path.is_file():
        raise InputError(f"{path}: expected a file or a folder")
    if not text_tables.is_text_table(path):
        landing.expect_ending(path.name)
    return [path]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _add(use_case: UseCase, path: Path, table: str, is_named: bool) -> Added:
    if is_named and text_tables.is_text_table(path):
        name = text_tables.csv_name(path.name)
        return Added(path, landing.add(use_case.name, name, partial(text_tables.convert, path), table))
    if not os.fsdecode(path.name).endswith(landing.ENDINGS):
        return Added(path, None)
    return Added(path, landing.add(use_case.name, path.name, partial(shutil.copyfile, path), table))
