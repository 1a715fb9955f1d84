"""Rejected rows: a dry run of a replay with another mapping or of edited rows, and the correction of a row."""

from typing import Any

import yaml
from pydantic import ValidationError

from include.firstday.errors import InputError
from include.firstday.ingest import correct_rejected as correction
from include.firstday.ingest import try_rejected as stage
from include.firstday.lake.run import Run
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.events import SourceMapping
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import lake as schemas


def try_rejected(use_case: UseCase, trial: schemas.Trial) -> schemas.TrialResult:
    """Return how many rejected rows would pass. Raises InputError for a mapping or an edited row that is not valid."""
    mapping = _mapping(use_case, trial.mapping) if trial.mapping else use_case.mapping
    edited = {(row.batch_id, row.source_file, row.row_number): row.fields for row in trial.rows}
    tried = stage.try_rejected(use_case.model_copy(update={"mapping": mapping}), trial.reason, edited)
    return schemas.TrialResult(
        tried=tried.tried,
        passed=tried.passed,
        sentence=stage.describe(tried),
        broken=[schemas.StillBroken(rule=rule, rows=rows) for rule, rows in tried.broken.items()],
        is_cut=tried.is_cut,
        yaml=_as_yaml(mapping) if trial.mapping and mapping else "",
    )


def correct(reader: Reader, row: schemas.EditedRow, by: str) -> schemas.CorrectedRow:
    """Store an edited row, once. Raises InputError where it is not pending, or still breaks a rule."""
    place = (row.batch_id, row.source_file, row.row_number)
    run = Run(dag="page", run=by, task="correct_rejected")
    batch_id = correction.correct_rejected(reader.use_case, place, row.fields, run)
    reader.forget()
    sentence = f"{row.source_file}, row {row.row_number}, stored in micro-batch {batch_id} by {by}"
    return schemas.CorrectedRow(batch_id=batch_id, sentence=sentence)


def _mapping(use_case: UseCase, changes: dict[str, Any]) -> SourceMapping:
    """The use case's mapping with some keys changed; those of names are added."""
    known = use_case.mapping.model_dump() if use_case.mapping else {}
    merged = {
        name: known[name] | value if isinstance(value, dict) and isinstance(known.get(name), dict) else value
        for name, value in (known | changes).items()
    }
    try:
        mapping = SourceMapping.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"mapping.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    with open_lake(use_case, read_only=True) as lake:
        columns = lake.columns("events")
    if unknown := [ours for ours in mapping.columns.values() if ours not in columns]:
        raise InputError(f"mapping.columns: expected columns of events: {', '.join(columns)}; found {unknown[0]}")
    return mapping


def _as_yaml(mapping: SourceMapping) -> str:
    content = {"mapping": mapping.model_dump(exclude_defaults=True)}
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
