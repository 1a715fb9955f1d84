"""Makes the bundled model of a use case: `python -m include.firstday.models.training.bundle_model NAME`.

Generates days of events, sends them through the real stages in a temporary home, trains every candidate, and writes
the best one's file, its card and the reference for drift into the use case's folder. The same use case gives the same
model.
"""

import json
import sys
import zipfile
from datetime import UTC, datetime
from typing import Any

import mlflow
import skops.io

from include.firstday.features import labels, update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.models import drift, registry
from include.firstday.models.training import gates
from include.firstday.models.training.candidates import train_candidate
from include.firstday.models.training.evaluate import evaluate_candidate
from include.firstday.models.training.training_set import build_training_set
from include.firstday.settings import settings
from include.firstday.use_case import use_case

END = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 10  # at least; more where labels take longer to be known


def bundle(name: str) -> None:
    """Train and write the bundled model of one use case, into FIRSTDAY_HOME as a scratch folder."""
    case = use_case.load(name)
    days = max(DAYS, 3 * labels.all_known_after_seconds(case) / 86_400)
    generate_events.generate_history(case, END, days, progress=print)
    store_events.store_events(case, on_batch=lambda batch: print(store_events.describe(batch)))
    update_features.update_features(case)
    built = build_training_set(case)
    print(f"{built['rows']:,} rows of {built['users']:,} users")
    results = [train_candidate(case, built, candidate) for candidate in case.training.candidates]
    for result in results:
        print(result)
    tested = evaluate_candidate(case, built, results)
    print(gates.promote_if_better(case, built, tested))
    run_id = str(tested["version_run_id"])
    target = case.folder / (case.scoring.bundled_model or registry.MODEL_FILE)
    skops.io.dump(registry.load_from_run(run_id), target, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
    print(f"{target}: {target.stat().st_size:,} bytes")
    mlflow.artifacts.download_artifacts(f"runs:/{run_id}/{registry.REFERENCE_FILE}", dst_path=str(case.folder))
    card = json.dumps(_card(str(built["run_id"]), int(tested["version"]), case), indent=2)
    (case.folder / registry.CARD_FILE).write_text(card + "\n", encoding="utf-8")


def _card(run_id: str, version: int, case: use_case.UseCase) -> dict[str, Any]:
    """What MLflow shows of the model, for the registry of whoever uses it."""
    store = registry.client()
    run, registered = store.get_run(run_id), store.get_model_version(case.name, str(version))
    reference = drift.read(registry.reference(case))
    return {
        "description": registered.description.replace(settings().mlflow_browser_url, ""),  # wherever MLflow will be
        "parameters": run.data.params,
        "metrics": run.data.metrics,
        "example": {name: reference[name].typical for name in case.features},
        "enrichment": registry.enrichment_hashes(case),
    }


if __name__ == "__main__":
    bundle(sys.argv[1])
