"""Lineage of the lake: what stages, DAGs and views read, by their statements, and what they write.

What a statement reads is what DuckDB's parser finds in its file. Rows are written by Python, from tables that several
statements have prepared: what a stage writes is declared here, what another DAG writes by its docstring. Tests
compare both with the commits of a lake.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from include.firstday.lake.lake import Lake
from include.firstday.lake.statements import SQL, below, statement
from include.firstday.lake.table_names import tables_read
from include.firstday.schema.comments import file_of
from include.firstday.settings import REPOSITORY
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import lake as schemas

FRESH = 60.0
PROCESS = "process_events"
VIEW = "view"
PER_CONNECTOR = frozenset({"consume_source", "deliver_predictions"})  # a DAG for each source or target
OUTSIDE = {
    "sources": r"\bthe server of the Airflow Connection\b",
    "generator": r"\bthe generator's parameters\b",
    "landing": r"\blanding\b",
    "MLflow": r"\bMLflow\b(?!\s+run)",  # of models, not of metrics over time
    "targets": r"\bthe target,",
    "exported files": r"\bone file with the current features\b",
}
PUBLISHED = "published files"
SHARED = {  # folders of sql/ with statements of a stage or DAG, besides the one of its name
    "store_events": ("ingest/staging", "ingest/quarantine", "privacy/tombstones"),
    "update_features": ("features/over_users",),
    "score_users": ("scoring/held_back",),
    "deliver_predictions": ("delivery/decisions", "delivery/segments"),
    "generate_events": ("delivery/experiments",),
    "measure_effect": ("features/outcomes",),
    "monitor_model": ("monitoring/hourly", "monitoring/realised"),
    "train_model": ("models/training_set",),
    "rollback_model": ("models/promotion",),
}
_SENTENCES = re.compile(r"\*\*Reads\*\* (?P<reads>.*?)\.\s+\*\*Writes\*\*\s(?P<writes>.*?)(?:\.\s|\.$|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Step:
    """What a stage, DAG or view reads and writes: tables, and places outside of the lake. A view has no DAG."""

    name: str
    dag: str | None
    reads: frozenset[str]
    writes: tuple[str, ...]


def lineage(reader: Reader) -> schemas.Lineage:
    """Return tables and places, and which stage, DAG or view makes one from another."""
    return reader.ask(lambda lake: _of(lake, reader.use_case), "lineage", seconds=FRESH)


def steps(lake: Lake, use_case: UseCase) -> tuple[Step, ...]:
    """The stages of a micro-batch, the views, and the other DAGs."""
    return (*stages(use_case), *views(lake, use_case), *described())


def _of(lake: Lake, use_case: UseCase) -> schemas.Lineage:
    tables, of_views, found = lake.tables(), lake.views(), steps(lake, use_case)
    made = {name for step in found for name in step.writes if name in tables}
    shown = made | OUTSIDE.keys() | {PUBLISHED}  # tables that the lake keeps for itself are not made from others
    edges = [
        schemas.LineageEdge(
            source=source,
            target=target,
            by=step.name,
            dag=f"{use_case.name}.{step.dag}" if step.dag and step.dag not in PER_CONNECTOR else None,
        )
        for step in found
        for source in sorted(step.reads - {*step.writes})
        for target in step.writes
        if source in shown and target in shown
    ]
    named = dict.fromkeys(name for edge in edges for name in (edge.source, edge.target))
    return schemas.Lineage(
        nodes=[
            schemas.LineageNode(
                name=name, kind="view" if name in of_views else "table" if name in tables else "outside"
            )
            for name in named
        ],
        edges=edges,
    )


def stages(use_case: UseCase) -> tuple[Step, ...]:
    """The stages of a micro-batch."""
    return (
        _stage("store_events", {"landing"}, "events", "rejected_events", "micro_batches", *use_case.enrichment),
        _stage("update_features", set(), "users", "feature_state"),
        _stage("score_users", {"MLflow"}, "predictions", "shadow_predictions"),
        _stage("publish_predictions", set(), PUBLISHED),
    )


def views(lake: Lake, use_case: UseCase) -> tuple[Step, ...]:
    """The views of the lake, but for the one that has no rows without measures of recent values."""
    return tuple(
        Step(VIEW, None, tables_read(path.read_text(encoding="utf-8")), (name,))
        for name in sorted(lake.views() - (set() if use_case.recent else {"recent_state"}))
        if (path := file_of(use_case.name, name))
    )


@cache
def described() -> tuple[Step, ...]:
    """What each DAG but process_events reads and writes; those whose docstring names nothing are left out."""
    return tuple(_described())


def _described() -> Iterator[Step]:
    for path in sorted((REPOSITORY / "dags").glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if path.stem != PROCESS and (found := _SENTENCES.search(text)):
            reads = own_reads(path.stem) | {*_places(found["reads"])}
            yield Step(path.stem, path.stem, reads, _places(found["writes"]))


def _stage(name: str, outside: set[str], *writes: str) -> Step:
    return Step(name, PROCESS, own_reads(name) | outside, writes)


def own_reads(name: str) -> frozenset[str]:
    """Tables, also temporary ones, that the statements of a stage or DAG read."""
    return frozenset(table for folder in folders(name) for path in below(folder) for table in _reads(path))


def folders(name: str) -> tuple[str, ...]:
    """The folders of `sql/` with the statements of a stage or DAG."""
    own = (str(path.relative_to(SQL)) for path in SQL.glob(f"*/{name}") if path.is_dir())
    return (*own, *SHARED.get(name, ()))


def _reads(path: str) -> frozenset[str]:
    return tables_read(statement(path).text)


def _places(text: str) -> tuple[str, ...]:
    outside = (name for name, pattern in OUTSIDE.items() if re.search(pattern, text))
    return (*dict.fromkeys(re.findall(r"`(\w+)`", text)), *outside)
