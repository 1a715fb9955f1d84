"""Scoring: the champion's probability of active users and of those who fell silent, into the inference log.

A user is scored once a step, however many micro-batches the step takes, with the features as of its moment; those are
logged with the prediction. Beside users with new activity, those are scored whose silence has passed one of
`scoring.rescore_after_silence_minutes`, or whose window has ended, since the last step: time passes without events.
A step without new events is a micro-batch of its own, of no events, so that all that follows, as delivery, sees it.
A challenger scores the same users in shadow, into a table of its own that nothing acts on.
"""

import logging
import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from include.firstday.errors import CheckpointConflictError, NoChampionError
from include.firstday.features import update_features
from include.firstday.features.user_features import build_features
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.lake.words import batch_range, counted
from include.firstday.models import reasons, registry
from include.firstday.privacy import tombstones
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import held_back
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "score_users"
EARLIER_STAGES = ("store_events", "update_features")
TABLES = ("predictions", "shadow_predictions")
USERS_AT_ONCE = 100_000  # scored at once: bounds memory
COLLECTED = "collected_state"


@dataclass(frozen=True)
class Scored:
    """What one step scored: micro-batches `after < batch_id <= upto`, as of which moment, with which model.

    `is_quiet`: there were no new events, and the step is a micro-batch of its own.
    """

    after: int
    upto: int
    is_quiet: bool
    as_of: datetime
    users: int
    predicted: int
    model_version: int
    outcome: str = "churn"  # of the use case, in words


@dataclass(frozen=True)
class Span:
    """What a step scores: micro-batches `after < batch_id <= upto`, and silence from `from_time` to `as_of`."""

    after: int
    upto: int
    from_time: datetime | None
    as_of: datetime


def score_users(use_case: UseCase, run: Run | None = None, rescore: bool = False) -> Scored | None:
    """Score users with new activity or a silence that passed a step; None where there is nobody and no news.

    With `rescore` also every user in their window whose last prediction is another version's than the champion's.
    Raises NoChampionError where the registry holds no champion, or one that must not act.
    """
    step = score_step(use_case, run or Run(task=STAGE), rescore)
    if step:
        log.info("%s", describe(step))
    return step


def describe(step: Scored) -> str:
    """Describe a step in one line."""
    scored = (
        f"{batch_range(step.upto, step.upto)}, without new events"
        if step.is_quiet
        else batch_range(step.after + 1, step.upto)
    )
    return (
        f"{scored}: {counted(step.users, 'user')} scored by version {step.model_version}, "
        f"{step.predicted:,} with predicted {step.outcome}"
    )


@retrying
def score_step(use_case: UseCase, run: Run, rescore: bool = False) -> Scored | None:
    """Score all between this stage's checkpoint and that of update_features, and who is silent, in one transaction."""
    with open_lake(use_case, run) as lake:
        held_back_by = held_back.compare(lake, use_case)
        with lake.snapshot():  # or the features could be newer than the micro-batch they are scored for
            after, from_time = checkpoints.of_scoring(lake, STAGE)
            upto = checkpoints.of(lake, update_features.STAGE)
            if is_quiet := upto == after:
                if not _all_is_processed(lake, upto):
                    if rescore and checkpoints.of(lake, EARLIER_STAGES[0]):
                        raise CheckpointConflictError(
                            f"{STAGE}: new events are being processed; rescore again after it"
                        )
                    return None  # there are new events on their way: the silent users are scored with them
                upto += 1
            span = Span(after, upto, from_time, _as_of(lake, upto, from_time, is_quiet))
            champion = registry.champion(use_case) if rescore else None
            parts = _build_due(lake, use_case, span, champion)
            if parts == 0 and is_quiet:
                return None
            if held_back_by:
                raise held_back_by
            champion = champion or registry.champion(use_case)
            if champion is None:
                raise NoChampionError(
                    f"no champion for {use_case.name} yet: train a model, or register the bundled one"
                )
            if parts > 1:
                _collect(lake, use_case)
            else:
                _score_parts(lake, use_case, parts, span.as_of, champion, run)
        if parts > 1:
            _score_parts(lake, use_case, parts, span.as_of, champion, run, state=COLLECTED)
        with lake.transaction() as commit:
            if is_quiet:
                _add_micro_batch(lake, upto, span.as_of)
            for table in TABLES:
                tombstones.drop(lake, f"staged_{table}")
            step = _write(lake, use_case, span, champion, is_quiet)
            commit.message = describe(step)
    return step


def score_within(lake: Lake, use_case: UseCase, run: Run, champion: registry.Champion, batch_id: int) -> Scored | None:
    """Score as of a micro-batch inside the transaction that stores it and updates the features.

    None where the users of earlier micro-batches have not been scored, or features are not as of this one.
    """
    after, from_time = checkpoints.of_scoring(lake, STAGE)
    if after != batch_id - 1 or not _all_is_processed(lake, batch_id):
        return None
    span = Span(after, batch_id, from_time, _as_of(lake, batch_id, from_time, is_quiet=False))
    parts = _build_due(lake, use_case, span)
    _score_parts(lake, use_case, parts, span.as_of, champion, run)
    return _write(lake, use_case, span, champion, is_quiet=False)


def _write(lake: Lake, use_case: UseCase, span: Span, champion: registry.Champion, is_quiet: bool) -> Scored:
    """Append what is staged to the inference log, and advance the checkpoint. Inside the transaction."""
    checkpoints.advance(lake, STAGE, span.after, span.upto, (span.from_time, span.as_of))
    for table in TABLES:
        lake.insert_from(table, f"staged_{table}")
    return Scored(
        after=span.after,
        upto=span.upto,
        is_quiet=is_quiet,
        as_of=span.as_of,
        model_version=champion.version,
        users=lake.count("staged_predictions"),
        predicted=lake.count("staged_predictions", predicted=True),
        outcome=use_case.outcome.name,
    )


def _all_is_processed(lake: Lake, batch_id: int) -> bool:
    """Whether every user's features are those of all stored events, up to this micro-batch."""
    return batch_id > 0 and all(checkpoints.of(lake, stage) == batch_id for stage in EARLIER_STAGES)


def _add_micro_batch(lake: Lake, batch_id: int, as_of: datetime) -> None:
    """Add a micro-batch without events: the earlier stages have nothing to do for it."""
    extent = {"rows_stored": 0, "rows_rejected": 0, "airflow_run": lake.run_id}
    lake.insert_row("micro_batches", batch_id=batch_id, **extent, started_at=as_of, committed_at=as_of)
    for stage in EARLIER_STAGES:
        checkpoints.advance(lake, stage, batch_id - 1, batch_id)


def _as_of(lake: Lake, upto: int, from_time: datetime | None, is_quiet: bool) -> datetime:
    """The moment to score as of: the commit of the last micro-batch, which a retry finds again; without any, now."""
    moment = clock.now() if is_quiet else checkpoints.stored(lake, upto).committed_at
    return max(time for time in (moment, from_time) if time)


def _build_due(lake: Lake, use_case: UseCase, span: Span, new: registry.Champion | None = None) -> int:
    """Build `due_users`, the users to score and why, in parts that fit in memory; return the number of parts.

    `users` is read once for all that asks for it: DuckLake reads its catalog with each statement on a table. With a
    `new` champion, those are due whose last prediction is another version's.
    """
    scoring, window = use_case.scoring, update_features.window_seconds(use_case)
    lake.build("scoring/score_users/active_users", after=span.after, upto=span.upto, measures=list(scoring.measures))
    ended_from = lake.value("scoring/score_users/earliest_end", from_time=span.from_time, as_of=span.as_of)
    lake.build("scoring/score_users/candidate_users", ended_from=ended_from)
    lake.build(
        "scoring/score_users/silent_users",
        into="quiet_users",
        from_time=span.from_time,
        as_of=span.as_of,
        upto=span.upto,
        silence_minutes=list(scoring.rescore_after_silence_minutes),
        window_seconds=window,
    )
    if new is not None:
        lake.build(
            "scoring/score_users/outdated_users",
            as_of=span.as_of,
            upto=span.upto,
            window_seconds=window,
            model_version=new.version,
        )
        lake.insert_from("quiet_users", "outdated_users")
    lake.build("scoring/score_users/due_users", from_time=span.from_time, as_of=span.as_of, users_at_once=USERS_AT_ONCE)
    return math.ceil(lake.count("due_users") / USERS_AT_ONCE)


def _collect(lake: Lake, use_case: UseCase) -> None:
    """Copy all that the parts of `due_users` read, to score them after the snapshot.

    Until a transaction ends DuckDB keeps each table that was replaced in it, so memory would grow with the parts. The
    copies are in the order of the parts, so that each reads its own range; otherwise each would read all.
    """
    lake.build_users("users", "candidate_users", of="due_users")
    opened_from = lake.value("scoring/score_users/earliest_opening")
    lake.restrict_to("feature_state", "due_users", into=COLLECTED, by_user=True, last_at=opened_from)
    lake.build_users("candidate_users", "users", of="due_users", by_user=True)
    for table in use_case.enrichment:
        lake.as_of(table, checkpoints.stored(lake).batch_id)


def _score_parts(
    lake: Lake, use_case: UseCase, parts: int, as_of: datetime, champion: registry.Champion, run: Run, state: str = ""
) -> None:
    """Score `due_users` part by part into `staged_predictions` and `staged_shadow_predictions`.

    `state`: a temporary table with their rows of `feature_state`; the lake's by default.
    """
    for table in TABLES:
        lake.build_like(f"staged_{table}", table)
    for part in range(parts):
        features = _features(lake, use_case, part, as_of, state)
        scored = predictions(features, champion, run)
        lake.append("staged_predictions", with_reasons(scored, champion))
        shadow = _shadow(use_case, features, champion, run)
        if shadow is not None:
            lake.append("staged_shadow_predictions", shadow)


def _features(lake: Lake, use_case: UseCase, part: int, as_of: datetime, state: str) -> pa.Table:
    """One row per user of a part of `due_users`: their features, for which micro-batch, and why."""
    lake.build("scoring/score_users/part_of_users", part=part)
    # What user_features.sql reads are then the rows of these users alone: those of all, most of whose window is long
    # over, would cost more with every day.
    lake.build_users("users", "candidate_users", of="part_of_users")
    if state:
        lake.build_users("feature_state", state, of="part_of_users")
    else:
        opened_from = lake.value("scoring/score_users/earliest_opening")
        lake.restrict_to("feature_state", "part_of_users", last_at=opened_from)
    # They are due by a row of feature_state; files that are merged meanwhile have been seen to hide it.
    lake.build_distinct("seen_users", "feature_state", "user_id")
    if unseen := lake.count("part_of_users") - lake.count("seen_users"):
        raise CheckpointConflictError(
            f"{STAGE}: the features of {unseen} users could not be read while files were merged"
        )
    build_features(lake, use_case, as_of)
    return lake.table("scoring/score_users/users_to_score", as_of=as_of)


def predictions(features: pa.Table, champion: "registry.Champion", run: Run) -> pa.Table:
    """Rows of the inference log for users' features and micro-batches: these, and what the champion makes of them."""
    count = features.num_rows
    probability = champion.predict(features).tolist() if count else []
    columns = {
        "scored_at": pa.array([clock.now()] * count, pa.timestamp("us")),
        "probability": pa.array(probability, pa.float64()),
        "predicted": pa.array([bool(p >= champion.threshold) for p in probability], pa.bool_()),
        "model_name": pa.array([champion.name] * count, pa.string()),
        "model_version": pa.array([champion.version] * count, pa.int64()),
        "airflow_run": pa.array([run.id] * count, pa.string()),
    }
    for name, values in columns.items():
        features = features.append_column(name, values)
    return features


def with_reasons(scored: pa.Table, champion: "registry.Champion") -> pa.Table:
    """Rows of the inference log with the largest effects on the probability, where it is at or above the threshold.

    Nulls where the model has no form of its own: then a user's are computed on demand.
    """
    called = scored["predicted"].to_numpy()
    explainer = reasons.Explainer(champion.model)
    found = np.full(len(called), None, dtype=object)
    if called.any() and explainer.has_own_form:
        rows = scored.filter(scored["predicted"])
        effects = explainer.effects(champion.frame(rows), rows["probability"].to_numpy())
        found[called] = reasons.as_json(explainer.groups, effects).to_numpy(zero_copy_only=False)
    return scored.append_column("reasons", pa.array(found, pa.string()))


def _shadow(use_case: UseCase, features: pa.Table, champion: "registry.Champion", run: Run) -> pa.Table | None:
    """What the challenger makes of the same users; None where there is no other. It never stops the champion."""
    if not use_case.scoring.shadow:
        return None
    try:
        challenger = registry.with_alias(use_case, registry.CHALLENGER)
        if challenger is None or challenger.version == champion.version:
            return None
        return predictions(features, challenger, run)
    except Exception:
        log.warning("the challenger cannot score in shadow", exc_info=True)
        return None
