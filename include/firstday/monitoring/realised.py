"""What came true of the predictions: users whose label became known over the last day, each counted once.

With `training.label_horizon_hours` each prediction has the label of its own moment, and is judged on the day on which
its horizon ends. The share with the outcome is then that of users at their cut-offs, as in a training set.

A user's predictions share the weight of one, however many there are, and intervals come from drawing users, not
predictions, again: the cluster bootstrap (Field and Welsh, 2007) for the ROC AUC, the mean over users and its standard
error for what is a mean. They hold the true value in 99 of 100 cases.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.firstday.features import labels
from include.firstday.features.update_features import window_seconds
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.models.training.metrics import METRICS, Scored
from include.firstday.monitoring.measured import Interval, Measured
from include.firstday.use_case.use_case import Costs, UseCase

Values = NDArray[np.float64]
SPAN = timedelta(days=1)
LONG_AGO = datetime(1970, 1, 1)  # the watermark before the first event
HISTORY = timedelta(days=28)
USERS = 5_000  # at most, a sample: with more the intervals are narrow enough
REPEATS = 200
CONFIDENCE = 0.99
SIGMAS = 2.576  # of the standard error, for this confidence


def matured(lake: Lake, use_case: UseCase, upto: int) -> pd.DataFrame:
    """One row per prediction whose label became known over the last day, by the events' clock.

    Columns: user_id, model_version, probability, minutes since the opening, label, challenger_version and
    challenger_probability. Builds `labels`, one row per such user, scored or not; with a horizon per user and cut-off.
    """
    known_upto = checkpoints.stored(lake, upto).watermark or LONG_AGO
    all_seconds = labels.all_known_after_seconds(use_case)
    lake.build(
        "monitoring/realised/maturing_windows",
        into="windows",
        known_from=known_upto - SPAN,
        known_upto=known_upto,
        window_seconds=window_seconds(use_case),
        label_seconds=labels.known_after_seconds(use_case),
        all_seconds=all_seconds,
        row_limit=USERS,
    )
    lake.build("monitoring/realised/maturing_events", into="scope_events", upto=upto, all_seconds=all_seconds)
    if labels.has_horizon(use_case):
        return _matured_at_moments(lake, use_case, upto, known_upto)
    labels.build_labels(lake, use_case, known_upto)
    rows: pd.DataFrame = lake.table("monitoring/realised/matured_predictions", upto=upto).to_pandas()
    return rows


def _matured_at_moments(lake: Lake, use_case: UseCase, upto: int, known_upto: datetime) -> pd.DataFrame:
    """As `matured`, of a use case with a horizon."""
    labels.build_later_events(lake, use_case, known_upto)
    lake.build(
        "monitoring/realised/maturing_moments",
        into="moments",
        upto=upto,
        cutoff_minutes=list(use_case.training.cutoff_minutes),
        ended_after=known_upto - SPAN - timedelta(seconds=labels.known_after_seconds(use_case)),
    )
    labels.build_labels_at_moments(lake, use_case, known_upto)
    rows: pd.DataFrame = lake.table("monitoring/realised/predictions_with_horizon", upto=upto).to_pandas()
    lake.build("monitoring/realised/cutoff_labels", into="labels")
    return rows


def outcome_rate(lake: Lake, minimum: int) -> Iterator[Measured]:
    """The share with the outcome among users in `labels`, and its distance from the mean of earlier days."""
    known = lake.row("monitoring/realised/known_rate")
    users, rate = known["users"], known["rate"]
    if users < minimum:
        return
    yield Measured("realised_users", float(users))
    yield Measured("realised_rate", rate)
    now = clock.now()
    before = lake.row("monitoring/realised/rate_history", since=now - HISTORY, until=now - SPAN)
    if before["rate"] is None:
        return
    # Of users with labels of several moments, whose means vary less, the interval is wider than it had to be.
    pooled = (rate + before["rate"]) / 2
    error = SIGMAS * np.sqrt(pooled * (1 - pooled) * (1 / users + 1 / before["users"]))
    shift = rate - before["rate"]
    yield from Interval(shift, shift - error, shift + error).measured("rate_shift")


def realised(rows: pd.DataFrame, use_case: UseCase) -> Iterator[Measured]:
    """Performance and calibration of each version with enough users of both labels; rows as `matured` returns them."""
    for key, part in rows.groupby("model_version"):
        if not _is_enough(part, use_case):
            continue
        version, truth, probability = int(str(key)), part["label"].to_numpy("int64"), _probability(part)
        weights = weights_of(part["user_id"])
        yield from roc_auc(truth, probability, part["user_id"]).measured("realised_roc_auc", model_version=version)
        for name in ("log_loss", "brier"):
            value = METRICS[name].of(Scored(truth, probability, weights, use_case.scoring.costs))
            yield Measured(f"realised_{name}", value, model_version=version)
        for subject, band in (("", part), *_by_cutoff(part, use_case)):
            if band["user_id"].nunique() >= use_case.monitoring.minimum_rows:
                yield from calibration_gap(band).measured("realised_calibration_gap", subject, version)


def compared(rows: pd.DataFrame, use_case: UseCase) -> Iterator[Measured]:
    """Champion and challenger on the same users at the same moments: log loss of both, and the challenger's advantage.

    The subject is `champion` or `challenger`; an advantage above 0 is the challenger's.
    """
    both = rows[rows["challenger_version"].notna()]
    for _, part in both.groupby(["model_version", "challenger_version"]):
        if not _is_enough(part, use_case):
            continue
        champion, challenger = (int(part[name].iloc[0]) for name in ("model_version", "challenger_version"))
        truth, sides = (
            part["label"].to_numpy("int64"),
            {
                "champion": (champion, _probability(part)),
                "challenger": (challenger, part["challenger_probability"].to_numpy("float64")),
            },
        )
        yield Measured("compared_users", float(part["user_id"].nunique()), model_version=challenger)
        weights = weights_of(part["user_id"])
        for side, (version, probability) in sides.items():
            for name in ("roc_auc", "log_loss"):
                value = METRICS[name].of(Scored(truth, probability, weights, Costs()))
                yield Measured(f"compared_{name}", value, side, version)
        losses = [_log_losses(truth, probability) for _, probability in sides.values()]
        advantage = _mean_over_users(losses[0] - losses[1], part["user_id"])
        yield from advantage.measured("compared_advantage", model_version=challenger)


def weights_of(user_ids: pd.Series) -> Values:
    """Weight of each prediction, shape (rows,): those of a user add up to 1."""
    return np.asarray(1 / user_ids.map(user_ids.value_counts()).to_numpy("float64"))


def calibration_gap(rows: pd.DataFrame) -> Interval:
    """How much higher the probabilities are than what came true, as a mean over users; 0 for calibrated ones."""
    return _mean_over_users(_probability(rows) - rows["label"].to_numpy("float64"), rows["user_id"])


def roc_auc(truth: NDArray[np.int64], probability: Values, user_ids: pd.Series) -> Interval:
    """ROC AUC in which each user counts once, with its bootstrap interval over users; arrays of shape (rows,)."""
    order = np.argsort(probability, kind="stable")
    truth, user = truth[order], pd.factorize(user_ids)[0][order]
    ties = np.flatnonzero(np.diff(probability[order], prepend=-np.inf))
    weights, chance = weights_of(user_ids)[order], np.random.default_rng(7)

    def area(drawn: Values) -> float:
        positive, negative = (np.add.reduceat(drawn * (truth == label), ties) for label in (1, 0))
        below = np.cumsum(negative) - negative / 2
        whole = positive.sum() * negative.sum()
        return float(positive @ below / whole) if whole else np.nan

    count = int(user.max()) + 1
    draws = (chance.multinomial(count, np.full(count, 1 / count))[user] for _ in range(REPEATS))
    ends = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
    low, high = np.nanpercentile([area(weights * times) for times in draws], ends)
    return Interval(area(weights), float(low), float(high))


def _mean_over_users(values: Values, user_ids: pd.Series) -> Interval:
    """Mean over users of each user's mean, with its normal interval."""
    means = pd.Series(values).groupby(user_ids.to_numpy()).mean()
    error = SIGMAS * float(means.std(ddof=1)) / np.sqrt(len(means))
    return Interval(float(means.mean()), float(means.mean() - error), float(means.mean() + error))


def _by_cutoff(rows: pd.DataFrame, use_case: UseCase) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows up to each cut-off and after the one before, by the cut-off's minutes; those after the last are its."""
    cutoffs = np.sort(use_case.training.cutoff_minutes)
    position = np.minimum(np.searchsorted(cutoffs, rows["minutes"].to_numpy("float64")), len(cutoffs) - 1)
    for key, band in rows.groupby(position):
        yield str(cutoffs[int(str(key))]), band


def _is_enough(rows: pd.DataFrame, use_case: UseCase) -> bool:
    return rows["user_id"].nunique() >= use_case.monitoring.minimum_rows and rows["label"].nunique() == 2


def _probability(rows: pd.DataFrame) -> Values:
    return rows["probability"].to_numpy("float64")


def _log_losses(truth: NDArray[np.int64], probability: Values) -> Values:
    return np.asarray(-np.log(np.clip(np.where(truth == 1, probability, 1 - probability), 1e-15, 1)))
