"""What a version's training run has logged about it: metrics with intervals, by cut-off, and the gates' answers."""

import json
import logging
from dataclasses import dataclass
from typing import Any

from include.firstday.models import registry
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

TABLES = ("test.json", "test_by_cutoff.json", "gates.json")


@dataclass(frozen=True)
class VersionReport:
    """A version's test: `overall` and `by_cutoff` have metric, value, low and high; `gates` have gate, holds, reason.

    Empty where the run has none, as that of a bundled model.
    """

    version: int
    threshold: float
    parameters: dict[str, str]
    metrics: dict[str, float]
    overall: list[dict[str, Any]]
    by_cutoff: list[dict[str, Any]]
    gates: list[dict[str, Any]]


def version_report(use_case: UseCase, version: int) -> VersionReport:
    """Read what is logged about a version. Raises LookupError for an unknown one."""
    known = {each.number: each for each in registry.versions(use_case)}
    if version not in known:
        raise LookupError(f"{use_case.name}: there is no version {version}; registered are: {sorted(known)}")
    store = registry.client()
    run = store.get_run(known[version].run_id)
    parent = run.data.tags.get("mlflow.parentRunId", run.info.run_id)
    overall, by_cutoff, gates = (_rows(store, parent, name) for name in TABLES)
    tags = store.get_model_version(use_case.name, str(version)).tags
    return VersionReport(
        version=version,
        threshold=float(tags.get("threshold", use_case.scoring.costs.threshold)),
        parameters={str(name): str(value) for name, value in run.data.params.items()},
        metrics={str(name): float(value) for name, value in run.data.metrics.items()},
        overall=[row for row in overall if row.get("scored_by", "model") == "model"],
        by_cutoff=by_cutoff,
        gates=gates,
    )


def _rows(store: Any, run_id: str, name: str) -> list[dict[str, Any]]:
    """The rows of a table that `log_table` has written; none where there is no such file."""
    import mlflow

    if name not in {file.path for file in store.list_artifacts(run_id)}:
        return []
    mlflow.set_tracking_uri(store.tracking_uri)
    table = json.loads(mlflow.artifacts.load_text(f"runs:/{run_id}/{name}"))
    return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
