"""Uplift of a target: a model of what its deliveries change, from its experiments."""

import logging

from include.firstday.delivery import measure_effect
from include.firstday.delivery.effects import LABEL, MEAN, SHARE
from include.firstday.errors import TooLittleDataError
from include.firstday.lake.run import Run
from include.firstday.models.uplift import store, training
from include.firstday.models.uplift.training import Experiment, Trained
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)
STAGE = "train_uplift"


def train_uplift(use_case: UseCase, target: str, run: Run | None = None) -> Trained | None:
    """Train a model on the latest experiment of a target; None where it has no new outcomes since the last model.

    Raises TooLittleDataError.
    """
    experiment = _latest(use_case, target, run or Run(task=STAGE))
    experiment.check_size()
    known = store.latest_tags(use_case, target)
    if (known.get("experiment"), known.get("users")) == (experiment.name, str(len(experiment.users))):
        return None
    trained = training.train(experiment)
    log.info("%s", describe(trained))
    return trained


def describe(trained: Trained) -> str:
    """Describe the result in one line."""
    becomes = "is the champion" if trained.is_promoted else "remains challenger"
    return f"uplift of {trained.target}: version {trained.version} ({trained.candidate}) {becomes}: {trained.reason}"


def _latest(use_case: UseCase, target: str, run: Run) -> Experiment:
    """The users of a target's latest experiment whose outcome is known."""
    with open_lake(use_case, run, read_only=True) as lake, lake.snapshot():
        found = sorted(lake.rows_of("experiments", target=target), key=lambda row: row["started_at"])
        if not found:
            raise TooLittleDataError(f"{target}: expected an experiment; a holdout in its rules starts one")
        name = str(found[-1]["experiment"])
        users = measure_effect.users_of(lake, use_case, name, target)
    users = users[users["outcome"].notna()]
    is_share = bool(users["outcome"].isin((0, 1)).all())
    kind = LABEL if use_case.effect.outcome == LABEL else SHARE if is_share else MEAN
    return Experiment(use_case, target, name, kind, users)
