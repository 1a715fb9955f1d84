"""Staging of a history by a Spark cluster: each executor reads and checks files, by the statements of a micro-batch.

It writes the events of files whose rows are all good as Parquet, which the driver stages and commits as any others, one
micro-batch of many files. Files with a broken row are left to the driver, so that every rejected row keeps its file,
number and text, and so are those of enrichment tables.
"""

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.firstday.ingest import staging
from include.firstday.ingest.staging import Consumed, Elsewhere
from include.firstday.lake import connections, spark
from include.firstday.lake.lake import Lake
from include.firstday.lake.spark import Batches
from include.firstday.lake.written_files import PARQUET
from include.firstday.settings import private_folder, settings
from include.firstday.use_case.use_case import UseCase

Groups = list[list[Consumed]]


@contextmanager
def over_files() -> Iterator[Elsewhere]:
    """What stages groups of files on the cluster of the settings; what it wrote is deleted at the end.

    Raises EngineError, before any work, where the executors cannot do it.
    """
    folder = connections.spill_folder(settings())
    private_folder(folder)
    try:
        with spark.connected(folder) as session:
            yield partial(_stage, session, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stage(
    session: Any, folder: Path, lake: Lake, use_case: UseCase, groups: Groups, now: datetime
) -> tuple[list[Consumed], Groups]:
    events = [group for group in groups if group[0].file.table == "events"]
    if not events:
        return [], groups

    def work(batches: Batches) -> Batches:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield _staged(use_case, events[number], number, now, folder)

    with spark.own_errors():
        numbers = session.range(0, len(events), 1, len(events))
        found = numbers.mapInArrow(work, "number bigint, path string, counts string").collect()
    staged = {row["number"]: row for row in found if row["path"]}
    lake.insert_files("staged_events", [row["path"] for row in staged.values()])
    counted = [
        replace(entry, rows_stored=count)
        for number, row in staged.items()
        for entry, count in zip(events[number], json.loads(row["counts"]), strict=True)
    ]
    left = [group for number, group in enumerate(events) if number not in staged]
    return counted, [*left, *(group for group in groups if group[0].file.table != "events")]


def _staged(use_case: UseCase, group: list[Consumed], number: int, now: datetime, folder: Path) -> pa.RecordBatch:
    """On an executor: the file of a group's events, and how many rows each file has; no path where a row is broken."""
    path, counts = folder / f"{uuid.uuid4().hex}{PARQUET}", []
    with spark.AT_WORK, connections.scratch(use_case.name, spill=folder / f"spill-{path.stem}") as lake:
        lake.execute(f"use_cases/{use_case.name}/events")
        lake.execute("lake/rejected_events")
        staging.start(lake, ())
        with suppress(staging.ConnectionLostError):  # the driver finds out by which file
            if staged := staging.stage_clean(lake, use_case, group, now):
                lake.write_file("staged_events", str(path))
                counts = [entry.rows_stored for entry in staged]
    row = {"number": number, "path": str(path) if counts else None, "counts": json.dumps(counts)}
    return pa.RecordBatch.from_pylist(
        [row], pa.schema([("number", pa.int64()), ("path", pa.string()), ("counts", pa.string())])
    )
