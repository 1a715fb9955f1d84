"""List the errors in a use case's files by line, and compute the features of a few sample events.

Everything happens on an empty lake in memory; nothing is stored.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from include.firstday import landing
from include.firstday.authoring import check_sample, check_use_case, feature_cases, sample_events
from include.firstday.authoring.check_sample import Finding
from include.firstday.errors import QueryError, UseCaseError
from include.firstday.features import update_features as features
from include.firstday.generator import events
from include.firstday.lake import connections, statements
from include.firstday.records import readers, text_tables
from include.firstday.schema import create_tables
from include.firstday.settings import REPOSITORY
from include.firstday.use_case import use_case as use_cases
from include.firstday.use_case.use_case import UseCase

NEEDED = ("events", "registrations", "measures", "user_features")
SAMPLE_USERS = 5


def explain(name: str) -> list[str]:
    """Return one line per error; none for a valid use case."""
    own = statements.SQL / "use_cases" / name
    missing = [
        f"{_short(path)}: expected this file, it is missing; create it" for path in _needed(name) if not path.exists()
    ]
    try:
        case = use_cases.load(name)
    except UseCaseError as error:
        return [*missing, *(line.replace(f"{REPOSITORY}/", "") for line in str(error).splitlines())]
    if case.training.label == "derived" and not (own / "label.sql").exists():
        missing.append(f"{_short(own / 'label.sql')}: expected this file, as training.label is derived; it is missing")
    if missing:
        return missing
    try:
        check_use_case.check(case)
    except UseCaseError as error:
        return [line.replace(f"{REPOSITORY}/", "") for line in str(error).splitlines() if line.strip()]
    return [found.text for found in (*check_sample.estimators(case), *feature_cases.failures(case))]


def hints(case: UseCase) -> Iterator[str]:
    """Optional parts that are missing."""
    if case.scoring.bundled_model is None:
        yield "no bundled model: no users are scored until `train` (or the DAG train_model) has trained one"
    if case.generator is None:
        yield "no generator: send events with `ingest`, POST /events or your own program"
    if not statements.below(f"use_cases/{case.name}/checks"):
        yield f"no checks: add statements to sql/use_cases/{case.name}/checks/ to reject invalid rows"
    if not case.personal:
        yield "personal is empty: list the personal columns of events"


@dataclass(frozen=True)
class Sampled:
    """What a sample shows: its source, one row per user with `user_id` and the features, one per broken rule."""

    source: str
    features: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    findings: list[Finding]


def sample(case: UseCase, file: Path | None = None) -> Sampled:
    """Compute features of a few users of the events of a file or folder, or of pending or generated ones, and check.

    Raises UseCaseError if there are no events, UnreadableFileError or QueryError for a broken file.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths, source = _events(case, file, Path(folder))
        rows, refused, findings = _user_features(case, paths, with_training=file is not None)
    active = sorted((row for row in rows if row["window_start"]), key=lambda row: str(row["user_id"]))
    shown = [{name: row[name] for name in ("user_id", *case.features)} for row in active[:SAMPLE_USERS]]
    return Sampled(f"{source}: {len(rows):,} users, {len(active):,} with an open window", shown, refused, findings)


def _user_features(
    case: UseCase, paths: list[Path], with_training: bool, row_by_row: bool = False
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Finding]]:
    """All users' features by the events of files, one row per broken rule, and what a check on them finds."""
    with connections.scratch(case.name) as lake:
        create_tables.create(lake, case)
        try:
            refused = sample_events.store(lake, case, paths, row_by_row)
        except QueryError:
            if row_by_row or lake.is_alive() or not all(map(readers.is_text, paths)):
                raise
        else:
            features.fold(lake, case, after=0, upto=1)
            features.write(lake)
            rows = lake.query("from user_features").to_pylist()
            return (
                rows,
                refused,
                [*check_sample.times(case, refused), *check_sample.findings(lake, case, with_training)],
            )
    # What DuckDB ended the connection for is a row of the text.
    return _user_features(case, paths, with_training, row_by_row=True)


def _needed(name: str) -> Iterator[Path]:
    yield use_cases.USE_CASES / name / "use_case.yaml"
    yield from (statements.SQL / "use_cases" / name / f"{needed}.sql" for needed in NEEDED)


def _events(case: UseCase, file: Path | None, folder: Path) -> tuple[list[Path], str]:
    if file is not None:
        paths = _files(file)
        source = file.name if len(paths) == 1 else f"{len(paths):,} files of {file.name}"
        return [_readable(path, folder / str(number)) for number, path in enumerate(paths)], source
    waiting = [found for found in landing.pending(case.name) if found.table == "events"]
    if waiting:
        return [waiting[0].path], f"{waiting[0].name}, pending in landing"
    if case.generator is None:
        raise UseCaseError("no sample events: pass a file with --sample, or put one into landing with `ingest`")
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    pq.write_table(events(case.generator, end - timedelta(hours=2), end), folder / "generated.parquet")
    return [folder / "generated.parquet"], "two hours of generated events"


def _files(file: Path) -> list[Path]:
    """A file, or those of a folder and the folders below it."""
    if not file.is_dir():
        return [file]
    endings = (*landing.ENDINGS, *text_tables.ENDINGS)
    found = [path for path in sorted(file.rglob("*")) if path.name.endswith(endings)]
    if not found:
        raise UseCaseError(f"{file}: expected files ending in one of {', '.join(endings)}, found none")
    return found


def _readable(file: Path, folder: Path) -> Path:
    """A file as it would be in landing."""
    if not text_tables.is_text_table(file):
        return file
    folder.mkdir()
    target = folder / text_tables.csv_name(file.name)
    text_tables.convert(file, target)
    return target


def _short(path: Path) -> str:
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)
