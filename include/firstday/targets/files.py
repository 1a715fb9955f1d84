"""Files in a folder, one a micro-batch: whole or not at all, and of the same name when repeated."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from include.firstday import landing, publish_predictions
from include.firstday.targets import Credentials, DeliveryError, Row, message
from include.firstday.use_case import FilesTarget, UseCase


def send(use_case: UseCase, target: FilesTarget, credentials: Credentials, rows: Sequence[Row]) -> None:
    """Write the rows of one micro-batch. Raises DeliveryError where the folder cannot be written."""
    folder = publish_predictions.folder(use_case) / target.folder  # an absolute folder stays what it is
    path = folder / f"predictions-{rows[0]['batch_id']:09}.{target.format}"
    try:
        landing.put(path, partial(_write, rows))
    except OSError as error:
        raise DeliveryError(f"{folder} cannot be written: {error.strerror or error}") from error


def _write(rows: Sequence[Row], path: Path) -> None:
    told = [message(row) for row in rows]
    if ".parquet" in path.suffixes:
        pa.parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    elif ".csv" in path.suffixes:
        pa.csv.write_csv(pa.Table.from_pylist(told), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in told), encoding="utf-8")
