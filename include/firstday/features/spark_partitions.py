"""Partitions of users on a Spark cluster, through Spark Connect.

Spark, or Sail, reads the Parquet files of `events` and shuffles them by user, nothing else. On the executors, each
partition is computed by the same kernel as here: Firstday, with the same DuckDB and statements, is installed there.
Personal columns are not shuffled: in their place goes a digest of them, so that repeated events are recognised.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.firstday.errors import EngineError
from include.firstday.features.partitions import Kernel, Part, Partitions, Work
from include.firstday.lake import spark, statements
from include.firstday.lake.lake import Lake
from include.firstday.lake.spark import Batches
from include.firstday.use_case.use_case import UseCase

PERSONAL = "_personal_digest"
TYPES = {
    "VARCHAR": "string",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "SMALLINT": "smallint",
    "TINYINT": "tinyint",
    "DOUBLE": "double",
    "FLOAT": "float",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
}
BINARY = {"FLOAT", "DOUBLE"}  # in version 2 pages split by byte, which Spark 4.0 reads row by row only
MANIFEST = pa.schema(
    [
        ("table", pa.string()),
        ("path", pa.string()),
        ("rows", pa.int64()),
        ("users", pa.int64()),
        ("sha256", pa.string()),
    ]
)


@contextmanager
def connected(use_case: UseCase, folder: Path) -> Iterator[Callable[..., Partitions]]:
    """A Spark session whose executors can compute the use case's partitions, and share a folder with this machine.

    Raises EngineError otherwise.
    """
    _expect_no_personal(use_case)
    with spark.connected(folder) as session:
        yield partial(SparkPartitions, session)


class SparkPartitions(Partitions):
    """Partitions that a Spark cluster shuffles and its executors compute."""

    def __init__(self, session: Any, *arguments: Any) -> None:
        self._session = session
        super().__init__(*arguments)

    def divide(self, upto: int) -> None:
        """List the files of events; what is left of files with deleted rows is copied."""
        files = self.lake.rows("features/over_users/event_files", schema_name=self.lake.schema)
        self._paths = [row["data_file"] for row in files if not row["has_deleted"]]
        if changed := [row["data_file"] for row in files if row["has_deleted"]]:
            self.lake.build("features/over_users/remaining_events", data_files=changed)
            self._paths.append(self.share("remaining_events"))
        self._columns, self._upto = self.lake.columns("events"), upto

    def compute(self, work: Work, together: int = 1) -> list[Part]:
        """Shuffle the events by user, and run the work where they arrive; the manifest of what it made.

        All events of a partition arrive, whatever the work reads: none is computed together with another.
        """
        kernel, here = self.kernel, spark.facts(str(self.folder))

        def compute(batches: Batches) -> Batches:
            yield from _compute(kernel, here, work, batches)

        with spark.own_errors():
            events = self._events().repartition(self.count, "user_id")
            found = events.mapInArrow(compute, _ddl(MANIFEST)).collect()
        self.progress(self.count, self.count, f"{self.count} parts computed by {spark.address()}")
        return [Part(**row.asDict()) for row in found]

    def _events(self) -> Any:
        from pyspark.sql import functions

        personal = self.use_case.personal
        if BINARY & {*self._columns.values()}:
            self._session.conf.set("spark.sql.parquet.enableVectorizedReader", "false")
        schema = ", ".join(f"`{name}` {_spark_type(name, kind)}" for name, kind in self._columns.items())
        events = self._session.read.schema(schema).parquet(*self._paths).filter(f"batch_id <= {self._upto}")
        events = events.withColumn("source_file", functions.lit(""))
        if personal:
            events = events.withColumn(PERSONAL, functions.md5(functions.to_json(functions.struct(*personal))))
        return events.drop(*personal)


def _compute(kernel: Kernel, here: dict[str, str], work: Work, batches: Batches) -> Batches:
    """On an executor: compute one partition, of the batches that arrive; the manifest.

    Raises EngineError where it could give another result: it may have joined the cluster after the others were checked.
    """
    if text := spark.difference(here, spark.facts(kernel.folder)):
        raise EngineError(text)
    parts = kernel.compute(work, uuid.uuid4().hex, partial(_bring, kernel.use_case, batches), spark.AT_WORK)
    yield pa.RecordBatch.from_pylist([asdict(part) for part in parts], MANIFEST)


def _bring(use_case: UseCase, batches: Batches, lake: Lake) -> None:
    lake.execute(f"use_cases/{use_case.name}/events")
    if use_case.personal:
        lake.add_column("events", PERSONAL, "varchar")
    for batch in batches:
        lake.append("events", pa.Table.from_batches([batch]))


def _expect_no_personal(use_case: UseCase) -> None:
    """Raise EngineError where a statement of the use case reads a personal column, which executors do not get."""
    for path in statements.below(f"use_cases/{use_case.name}"):
        if path.endswith(("/events", "/user_features")):
            continue
        text = "\n".join(line.split("--")[0] for line in statements.statement(path).text.splitlines())
        if found := [name for name in use_case.personal if re.search(rf"\b{name}\b", text)]:
            raise EngineError(
                f"sql/{path}.sql reads {', '.join(found)}, which is personal and never leaves `events`: "
                "change the statement, or set FIRSTDAY_ENGINE=local"
            )


def _ddl(schema: pa.Schema) -> str:
    return ", ".join(f"`{field.name}` {'bigint' if field.type == pa.int64() else 'string'}" for field in schema)


def _spark_type(name: str, kind: str) -> str:
    if kind in TYPES:
        return TYPES[kind]
    if kind.startswith("DECIMAL("):
        return kind.lower()
    raise EngineError(f"events.{name}: Spark has no type for {kind}; set FIRSTDAY_ENGINE=local")
