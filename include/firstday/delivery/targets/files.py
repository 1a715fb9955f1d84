"""Files in a folder or on S3, one per micro-batch: written atomically, with the same name when repeated."""

import json
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.delivery.targets import Row, message
from include.firstday.errors import DeliveryError
from include.firstday.servers import Credentials, first_line, s3
from include.firstday.use_case.connectors import FilesTarget
from include.firstday.use_case.use_case import UseCase

S3 = "s3://"


def send(use_case: UseCase, target: FilesTarget, credentials: Credentials, rows: Sequence[Row]) -> None:
    """Write the rows of one micro-batch. Raises DeliveryError if the folder or bucket is not writable."""
    name = f"predictions-{rows[0]['batch_id']:09}.{target.format}"
    try:
        if target.folder.startswith(S3):
            _upload(f"{target.folder.removeprefix(S3).rstrip('/')}/{name}", credentials, rows)
        else:
            folder = publish_predictions.folder(use_case) / target.folder  # an absolute folder is used as it is
            landing.put(folder / name, partial(_write, rows))
    except OSError as error:
        raise DeliveryError(f"{target.folder} is not writable: {error.strerror or first_line(error)}") from error


def _upload(target: str, credentials: Credentials, rows: Sequence[Row]) -> None:
    """S3 shows an object when its upload is complete."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(target).name
        _write(rows, path)
        content = path.read_bytes()
    with s3.file_system(credentials).open_output_stream(target) as stream:
        stream.write(content)


def _write(rows: Sequence[Row], path: Path) -> None:
    if ".parquet" in path.suffixes:
        pa.parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    elif ".csv" in path.suffixes:
        told = [message(row) | {"reasons": row["reasons"]} for row in rows]  # a cell is text
        pa.csv.write_csv(pa.Table.from_pylist(told), path)
    else:
        path.write_text("".join(json.dumps(message(row)) + "\n" for row in rows), encoding="utf-8")
