"""ROC AUC estimated before labels are known, by Firstday and by NannyML, beside what it then was, on the same frames.

Players of generated days at the cut-offs, by the serving statements: the older half is the reference, whose labels are
known, and the newer half comes in chunks of players, in the order of their first purchase. The bundled model scores
them as it is, and with its log odds stretched and moved, as a model whose calibration has gone.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from include.firstday.features.model_inputs import inputs_of
from include.firstday.models import registry
from include.firstday.models.training.metrics import scores
from include.firstday.monitoring.estimated import estimated, recalibration
from include.firstday.use_case import use_case
from tests.bench.measures import Claim, Row, Section, child, scratch
from tests.bench.workload import OTHERS

END = datetime(2026, 10, 1, tzinfo=UTC)
CHUNK_USERS, DAYS, SEED = 100, 4, 4
AT_MOST = 0.03


def run(quick: bool = False) -> Section:
    """Measure it. `quick`: fewer days and without NannyML."""
    with scratch() as folder:
        frame = pd.read_parquet(child(folder / "home", "tests.bench.monitoring", 2 if quick else DAYS, folder)["path"])
        rows = []
        for name, changed in {"as it is": (1.0, 0.0), "stretched and moved log odds": (1.7, 0.6)}.items():
            stretch, move = changed
            said = expit(stretch * logit(frame["probability"].clip(1e-6, 1 - 1e-6)) + move)
            rows += _errors(folder, frame.assign(probability=said), name, quick)
    ours = [float(row["mean absolute error"]) for row in rows if row["estimated by"] == "Firstday"]
    claim = Claim(
        f"Firstday's estimate is at most {AT_MOST} from the realised ROC AUC, in the mean of the chunks",
        ", ".join(f"{value:.3f}" for value in ours),
        max(ours) <= AT_MOST,
    )
    return Section("monitoring", "Performance that is estimated before labels are known", str(__doc__), rows, [claim])


def _errors(folder: Path, frame: pd.DataFrame, model: str, quick: bool) -> list[Row]:
    reference, analysis = frame[frame["chunk"] < 0], frame[frame["chunk"] >= 0]
    realised = {key: scores(*_arrays(part))["roc_auc"] for key, part in analysis.groupby("chunk")}
    labels, probability = _arrays(reference)
    by_reference = recalibration(labels, probability, np.ones(len(labels)))
    found = {
        "Firstday": _by_chunk(analysis, by_reference),
        "the probabilities alone": _by_chunk(analysis, None),
    }
    if OTHERS.exists() and not quick:
        found["NannyML (CBPE)"] = _nannyml(folder, reference, analysis)
    return [
        {
            "model": model,
            "estimated by": name,
            "mean absolute error": float(np.mean(np.abs(np.array(values) - list(realised.values())))),
            "mean realised": float(np.mean(list(realised.values()))),
            "chunks": len(values),
        }
        for name, values in found.items()
    ]


def _by_chunk(analysis: pd.DataFrame, by_reference: object) -> list[float]:
    parts = [part["probability"].to_numpy("float64") for _, part in analysis.groupby("chunk")]
    return [estimated(part, np.ones(len(part)), by_reference)["roc_auc"] for part in parts]  # type: ignore[arg-type]


def _nannyml(folder: Path, reference: pd.DataFrame, analysis: pd.DataFrame) -> list[float]:
    paths = [folder / "reference.parquet", folder / "analysis.parquet"]
    for part, path in zip((reference, analysis), paths, strict=True):
        part.drop(columns="label" if part is analysis else []).to_parquet(path)
    answer = child(folder / "home", "tests.bench.contenders.nannyml_frames", *paths, python=OTHERS)
    return [float(value) for value in answer["roc_auc"]]


def _arrays(part: pd.DataFrame) -> tuple["np.typing.NDArray[np.int64]", "np.typing.NDArray[np.float64]"]:
    return part["label"].to_numpy("int64"), part["probability"].to_numpy("float64")


def training_rows(days: float) -> pd.DataFrame:
    """Rows of generated players at the cut-offs, each with its label: of a lake in the present home."""
    from include.firstday.features import update_features
    from include.firstday.generator import generate_events
    from include.firstday.ingest import store_events
    from include.firstday.lake import checkpoints
    from include.firstday.models.training import training_set
    from include.firstday.schema.open_lake import open_lake

    case = use_case.load("first_day_churn")
    assert case.generator
    case = case.model_copy(update={"generator": case.generator.model_copy(update={"seed": SEED})})
    generate_events.generate_history(case, END, days)
    store_events.store_events(case)
    update_features.update_features(case)
    with open_lake(case) as lake:
        upto = checkpoints.stored(lake).batch_id
        return training_set.at_cutoffs(training_set.rows(lake, case, upto).to_pandas()).copy()


def frames(days: float, folder: Path) -> Path:
    """Players at the cut-offs with label, probability and chunk, below 0 for the reference; a Parquet file."""
    case, rows = use_case.load("first_day_churn"), training_rows(days)
    model = registry._load(case.folder / str(case.scoring.bundled_model))
    rows["probability"] = model.predict_proba(inputs_of(case, rows))[:, 1]
    users = rows.groupby("user_id")["window_start"].min().sort_values(kind="stable").index
    chunk = pd.Series((np.arange(len(users)) - len(users) // 2) // CHUNK_USERS, users)
    whole = (len(users) - len(users) // 2) // CHUNK_USERS  # one more would have fewer users
    rows = rows.assign(chunk=rows["user_id"].map(chunk)).sort_values(["chunk", "user_id"], kind="stable")
    path = folder / "frames.parquet"
    rows.loc[rows["chunk"] < whole, ["user_id", "label", "probability", "chunk"]].to_parquet(path, index=False)
    return path


if __name__ == "__main__":
    import sys

    print(json.dumps({"path": str(frames(float(sys.argv[1]), Path(sys.argv[2])))}))
