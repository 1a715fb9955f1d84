"""How good the bundled model is on players that it has never seen, at the cut-offs and at the moments of scoring."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.firstday.features import labels, update_features
from include.firstday.features.model_inputs import inputs_of
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.models import promotion, registry
from include.firstday.models.training import training_set
from include.firstday.models.training.metrics import scores
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests.bench.measures import Claim, Row, Section, child, scratch

MODULE = "tests.bench.model"
CASE = "first_day_churn"
START = datetime(2026, 11, 20, tzinfo=UTC)  # after all events that the bundled model was trained on
PLAYERS = 2_000
LIMITS = {
    "log loss": 0.505,
    "log loss at 24 h": 0.36,
    "largest gap at a cut-off": 0.03,
    "calibration error, moments of scoring": 0.04,
    "cost per user, any moment": 0.57,
}


def run(quick: bool = False) -> Section:
    """Measure two populations, of the YAML's seed and of another. `quick`: 200 players of the first."""
    section = Section(
        "model",
        "The bundled model",
        "Players of three generated days, later than those that the model was trained on. Log loss is pooled over the "
        "cut-offs; the gap is the mean probability minus the observed churn rate. The moments of scoring are those of "
        "the training set: the next one after a random time. Of any moment, each hour of the window counts the same. "
        "Costs are the use case's.",
    )
    with scratch() as folder:
        for number, seed in enumerate((0,) if quick else (0, 5)):
            section.rows.append(child(folder / f"home-{number}", MODULE, seed, 200 if quick else PLAYERS))
    for name, limit in LIMITS.items():
        worst = max(float(str(row[name])) for row in section.rows)
        section.claims.append(Claim(f"{name} at most {limit:g}", f"at most {worst:.3f}", worst <= limit))
    return section


def quality(seed: int, players: int) -> Row:
    """What the bundled model makes of so many players; seed 0 is the YAML's."""
    case = use_case.load(CASE)
    if seed and case.generator:
        case = case.model_copy(update={"generator": case.generator.model_copy(update={"seed": seed})})
    promotion.register_bundled(case)
    days = 3 + labels.all_known_after_seconds(case) / 86_400
    generate_events.generate_history(case, START + timedelta(days=days), days)
    store_events.store_events(case, seconds=3600)
    update_features.update_features(case)
    with open_lake(case) as lake:
        rows = training_set.rows(lake, case, lake.count("micro_batches")).to_pandas()
    first = rows.groupby("user_id")["window_start"].min().nsmallest(players).index
    return {"seed": case.generator.seed if case.generator else 0} | _measured(case, rows[rows["user_id"].isin(first)])


def _measured(case: UseCase, rows: pd.DataFrame) -> Row:
    champion = registry.champion(case)
    if champion is None:
        raise SystemExit(f"{case.name} has no bundled model")
    features = inputs_of(case, rows)
    rows = rows.assign(probability=champion.model.predict_proba(features)[:, 1])
    compared, sampled = training_set.at_cutoffs(rows), rows[rows["cutoff_minutes"].isna()]

    def of(part: pd.DataFrame, weights: NDArray[np.float64] | None = None) -> dict[str, float]:
        return scores(part["label"].to_numpy(), part["probability"].to_numpy(), case.scoring.costs, weights)

    gaps = [abs(float((part["probability"] - part["label"]).mean())) for _, part in compared.groupby("cutoff_minutes")]
    last = compared[compared["cutoff_minutes"] == max(case.training.cutoff_minutes)]
    values = (of(compared)["log_loss"], of(last)["log_loss"], max(gaps))
    weights = _by_time(sampled["hours_since_open"].to_numpy("float64") * 60, case.training.cutoff_minutes)
    moments = (of(sampled)["calibration_error"], of(sampled, weights)["cost_per_user"])
    found = dict(zip(LIMITS, (*values, *moments), strict=True))
    return {"players": rows["user_id"].nunique()} | {name: round(value, 4) for name, value in found.items()}


def _by_time(minutes: NDArray[np.float64], cutoffs: Sequence[int]) -> NDArray[np.float64]:
    """Weights of moments, shape (rows,), by which each interval between cut-offs counts by its length."""
    edges = np.array([0, *sorted(cutoffs)], dtype=np.float64)
    interval = np.clip(np.searchsorted(edges, minutes, side="left") - 1, 0, len(edges) - 2)
    return np.asarray(np.diff(edges)[interval] / np.bincount(interval, minlength=len(edges) - 1)[interval])


if __name__ == "__main__":
    print(json.dumps(quality(*map(int, sys.argv[1:]))))
