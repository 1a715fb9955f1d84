"""Lineage of the lake: the stages of process_events, and what other DAGs read and write by their docstrings."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from include.firstday.lake.lake import Lake
from include.firstday.settings import REPOSITORY
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import lake as schemas

FRESH = 60.0
PROCESS = "process_events"
PER_CONNECTOR = frozenset({"consume_source", "deliver_predictions"})  # a DAG for each source or target
OUTSIDE = {
    "sources": r"\bthe server of the Airflow Connection\b",
    "generator": r"\bthe generator's parameters\b",
    "landing": r"\blanding\b",
    "MLflow": r"\bMLflow\b(?!\s+run)",  # of models, not of metrics over time
    "targets": r"\bthe target,",
    "exported files": r"\bone file with the current features\b",
}
_SENTENCES = re.compile(r"\*\*Reads\*\* (?P<reads>.*?)\.\s+\*\*Writes\*\*\s(?P<writes>.*?)(?:\.\s|\.$|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Step:
    """What a stage or DAG reads and writes: tables, and places outside of the lake."""

    name: str
    dag: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def lineage(reader: Reader) -> schemas.Lineage:
    """Return tables and places, and which stage or DAG makes one from another."""
    return reader.ask(lambda lake: _of(lake, reader.use_case), "lineage", seconds=FRESH)


def _of(lake: Lake, use_case: UseCase) -> schemas.Lineage:
    tables, views = lake.tables(), lake.views()
    edges = [
        schemas.LineageEdge(
            source=source,
            target=target,
            by=step.name,
            dag=None if step.dag in PER_CONNECTOR else f"{use_case.name}.{step.dag}",
        )
        for step in (*stages(use_case), *described())
        for source in step.reads
        for target in step.writes
        if _is_shown(source, tables) and _is_shown(target, tables)
    ]
    named = dict.fromkeys(name for edge in edges for name in (edge.source, edge.target))
    return schemas.Lineage(
        nodes=[
            schemas.LineageNode(name=name, kind="view" if name in views else "table" if name in tables else "outside")
            for name in named
        ],
        edges=edges,
    )


def stages(use_case: UseCase) -> tuple[Step, ...]:
    """The stages of a micro-batch."""
    enrichment = tuple(use_case.enrichment)
    features = ("users", "feature_state", "user_features")
    return (
        Step("store_events", PROCESS, ("landing",), ("events", "rejected_events", "micro_batches", *enrichment)),
        Step("update_features", PROCESS, ("events", *enrichment), features),
        Step("score_users", PROCESS, ("user_features", "MLflow"), ("predictions", "shadow_predictions")),
        Step("publish_predictions", PROCESS, ("predictions",), ("published files",)),
    )


@cache
def described() -> tuple[Step, ...]:
    """What each DAG but process_events reads and writes, by its docstring; those that write nothing are left out."""
    return tuple(_described())


def _described() -> Iterator[Step]:
    for path in sorted((REPOSITORY / "dags").glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if path.stem != PROCESS and (found := _SENTENCES.search(text)):
            yield Step(path.stem, path.stem, _places(found["reads"]), _places(found["writes"]))


def _places(text: str) -> tuple[str, ...]:
    outside = (name for name, pattern in OUTSIDE.items() if re.search(pattern, text))
    return (*dict.fromkeys(re.findall(r"`(\w+)`", text)), *outside)


def _is_shown(name: str, tables: set[str]) -> bool:
    return name in tables or name in OUTSIDE or name == "published files"
