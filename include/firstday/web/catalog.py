"""Tables, micro-batches, snapshots and rejected rows. Values that may be personal are removed from rejected rows."""

import csv
import difflib
import json
from dataclasses import asdict
from typing import Any

from include.firstday.errors import UnreadableFileError
from include.firstday.ingest import replay_rejected
from include.firstday.ingest.quarantine import quarantined
from include.firstday.lake.lake import Lake
from include.firstday.operations import status
from include.firstday.records import csv_records
from include.firstday.records.text import printable
from include.firstday.servers import links
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import lake as schemas

SHOWN = 50  # micro-batches and snapshots
LOOKED_BACK = 500  # snapshots to choose from
SAMPLES = 3  # rejected rows per rule
FRESH = 3.0
OPEN_FIELDS = frozenset({"event_type", "event_time", "user_id"})
NUMBERS = ("DECIMAL", "DOUBLE", "INTEGER", "BIGINT")


def contents(reader: Reader) -> schemas.LakeContents:
    """Return tables, micro-batches, snapshots and rejected rows."""
    return reader.ask(lambda lake: _look(lake, reader.use_case), "contents", seconds=FRESH)


def snapshots(reader: Reader) -> list[schemas.Snapshot]:
    """Return the snapshots that can be looked back to, the newest first."""
    rows = reader.ask(
        lambda lake: lake.rows("operations/status/commits", since=None, row_limit=LOOKED_BACK),
        "snapshots",
        seconds=FRESH,
    )
    return [schemas.Snapshot(**row, url=links.airflow_run(row["airflow_run"])) for row in rows]


def _look(lake: Lake, use_case: UseCase) -> schemas.LakeContents:
    batches = lake.rows("web/catalog/micro_batches", row_limit=SHOWN)
    commits = lake.rows("operations/status/commits", since=None, row_limit=SHOWN)
    return schemas.LakeContents(
        tables=[schemas.LakeTable(**row) for row in status.tables(lake)],
        micro_batches=[schemas.MicroBatch(**row, url=links.airflow_run(row["airflow_run"])) for row in batches],
        snapshots=[schemas.Snapshot(**row, url=links.airflow_run(row["airflow_run"])) for row in commits],
        rejected=_rejected(lake, use_case),
        quarantined=[schemas.QuarantinedFile(**asdict(file)) for file in quarantined(lake, use_case.name)],
        replay_dag=f"{use_case.name}.{replay_rejected.STAGE}",
    )


def _rejected(lake: Lake, use_case: UseCase) -> list[schemas.RejectedRule]:
    samples: dict[str, list[schemas.RejectedRow]] = {}
    numbers = {name for name, kind in lake.columns("events").items() if kind.startswith(NUMBERS)}
    shown = (OPEN_FIELDS | numbers) - set(use_case.personal)
    for row in lake.rows("web/catalog/rejected_samples", each=SAMPLES):
        samples.setdefault(row["rule"], []).append(
            schemas.RejectedRow(
                batch_id=row["batch_id"],
                source_file=row["source_file"],
                row_number=row["row_number"],
                rejected_at=row["rejected_at"],
                fields=fields(row["raw"], row["header"], shown),
            )
        )
    columns = set(lake.columns("events"))
    hints = {rule: _hint(rule, rows, columns) for rule, rows in samples.items()}
    return [
        schemas.RejectedRule(
            rule=row["rule"],
            rows=row["row_count"],
            files=row["file_count"],
            first_at=row["first_at"],
            last_at=row["last_at"],
            held_until=row["held_until"],
            samples=samples.get(row["rule"], []),
            hint=_sentence(hints.get(row["rule"], {})),
            mapping=hints.get(row["rule"], {}),
        )
        for row in lake.rows("ingest/replay_rejected/rejected_by_rule", reason="")
    ]


def _hint(rule: str, samples: list[schemas.RejectedRow], columns: set[str]) -> dict[str, str]:
    """A field that is no column and the column that the rule misses, where their names are close."""
    column, _, about = rule.partition(":")
    if "missing" not in about or column not in columns:
        return {}
    unknown = {name for sample in samples for name in sample.fields if name not in columns}
    close = difflib.get_close_matches(column, sorted(unknown), n=1)
    return {close[0]: column} if close else {}


def _sentence(hint: dict[str, str]) -> str | None:
    for field, column in hint.items():
        return f"{field} is close to {column}: map it by mapping.columns: {{{field}: {column}}}"
    return None


def fields(raw: str | None, header: str | None, shown: set[str] | frozenset[str]) -> dict[str, str | None]:
    """Return a rejected row's field names, with the values that may be shown and None for the others.

    Returns an empty mapping for an unreadable row: its text may contain personal data.
    """
    found = _read(raw, header).items()
    return {printable(name): printable(str(value)[:100]) if name in shown else None for name, value in found}


def _read(raw: str | None, header: str | None) -> dict[str, Any]:
    if raw is None:
        return {}
    if header is not None:
        try:
            head = csv_records.parse_header(header)
            return dict(zip(head.names, csv_records.parse_text(raw, head.delimiter), strict=False))
        except (UnreadableFileError, csv.Error):
            return {}
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
