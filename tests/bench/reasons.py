"""What the reasons of a scoring step cost beside the scoring itself: 100,000 users at once, one processor.

Each candidate of the YAML is trained on generated players, and scores users drawn from them; reasons are those of
users at or above the threshold, as they are stored. Seconds are processor time, the least of three.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from include.firstday.models import reasons, registry
from include.firstday.models.training.candidates import FOLDS, fit_calibrated, monotonic_features, pipeline
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import Candidate
from tests.bench.measures import Claim, Row, Section, child, scratch

USERS, SEED = 100_000, 3


def run(quick: bool = False) -> Section:
    """Measure it. `quick`: fewer days of players and fewer users."""
    with scratch() as folder:
        rows = child(folder / "home", "tests.bench.reasons", 1.5 if quick else 2, 5_000 if quick else USERS, folder)[
            "rows"
        ]
    bundled = rows[0]
    claim = Claim(
        "the reasons of the bundled model cost at most what scoring does",
        f"{bundled['reasons, s']:.2f} s beside {bundled['scoring, s']:.2f} s",
        bundled["reasons, s"] <= bundled["scoring, s"],
    )
    return Section("reasons", "Reasons of predictions", str(__doc__), rows, [claim])


def measure(days: float, count: int, folder: Path) -> list[Row]:
    """One row for the bundled model and for each candidate."""
    from tests.bench.monitoring import training_rows

    case = use_case.load("first_day_churn")
    rows = training_rows(days)
    features, labels = rows[list(case.features)].astype("float64"), rows["label"].to_numpy()
    folds = list(GroupKFold(FOLDS).split(features, labels, rows["user_id"]))
    users = features.sample(count, replace=True, random_state=SEED)
    noise = np.random.default_rng(SEED).lognormal(0, 0.02, users.shape)  # no two users are the same
    users = (users * noise).reset_index(drop=True)
    bundled = registry._load(case.folder / str(case.scoring.bundled_model))
    bundled.feature_groups_ = [list(group) for group in reasons.groups_of(features)]
    models = {"bundled": bundled} | {
        name: fit_calibrated(
            pipeline(candidate, monotonic_features(case), **_largest(candidate)), features, labels, folds
        )
        for name, candidate in case.training.candidates.items()
    }
    with threadpool_limits(1):
        return [_row(name, model, users, case.scoring.costs.threshold) for name, model in models.items()]


def _largest(candidate: Candidate) -> dict[str, Any]:
    """The last of the values that are searched for each parameter."""
    return {name: values[-1] for name, values in candidate.search.items()}


def _row(name: str, model: Any, users: pd.DataFrame, threshold: float) -> Row:
    scoring, probability = _least(lambda: model.predict_proba(users)[:, 1])
    called = probability >= threshold
    some = users[called]

    def stored() -> int:
        explainer = reasons.Explainer(model)
        return len(reasons.as_json(explainer.groups, explainer.effects(some, probability[called])))

    seconds, explained = _least(stored)
    return {
        "model": name,
        "groups": len(reasons.Explainer(model).groups),
        "users": len(users),
        "scoring, s": scoring,
        "users with reasons": explained,
        "reasons, s": seconds,
        "reasons / scoring": seconds / scoring,
    }


def _least(work: Callable[[], "np.typing.NDArray[np.float64]"] | Callable[[], int]) -> tuple[float, Any]:
    taken = []
    for _ in range(3):
        begun = time.process_time()
        found = work()
        taken.append(time.process_time() - begun)
    return min(taken), found


if __name__ == "__main__":
    import sys

    print(json.dumps({"rows": measure(float(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))}))
