"""New lakes of tests: copies of one that `prepare` has made, as most tests need one and it takes a second."""

import functools
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from include.firstday.lake import statements
from include.firstday.operations import backup
from include.firstday.schema.readiness import sql_sha256
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

Prepare = Callable[[UseCase], None]


def copied(prepare: Prepare, templates: Path) -> Prepare:
    """`prepare` that copies what it has made for the same files before, where there is nothing in the home's lake."""

    @functools.wraps(prepare)
    def prepare_or_copy(use_case: UseCase) -> None:
        lake = settings().lake_folder
        if not _is_local() or any(path.is_file() for path in lake.rglob("*")):
            prepare(use_case)
            return
        template = templates / _key(use_case)
        if template.exists():
            _copy(template, lake)
            return
        prepare(use_case)
        shutil.copytree(lake, template)

    return prepare_or_copy


def _is_local() -> bool:
    config = settings()
    return config.catalog.startswith(f"sqlite:{config.lake_folder}/") and Path(config.data_path).is_relative_to(
        config.lake_folder
    )


def _key(use_case: UseCase) -> str:
    """Hash of all that a new lake is made from."""
    enrichment = [(use_case.folder / file).read_bytes() for file in use_case.enrichment.values()]
    texts = [sql_sha256(use_case), str(statements.SQL), use_case.model_dump_json()]
    return hashlib.sha256(b"\0".join([*(text.encode() for text in texts), *enrichment])).hexdigest()


def _copy(template: Path, lake: Path) -> None:
    shutil.copytree(template, lake, dirs_exist_ok=True)
    backup._point(Path(settings().catalog.partition(":")[2]), Path(settings().data_path))
