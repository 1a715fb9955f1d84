"""Compares a lake that went through faults with a clean one of the same events, table by table."""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from include.firstday import landing
from include.firstday.delivery import deliver_predictions, publish_predictions
from include.firstday.features.user_features import build_features
from include.firstday.lake import checkpoints, connections
from include.firstday.lake.checkpoints import MICRO_BATCH_STAGES
from include.firstday.lake.lake import Lake, quoted
from include.firstday.lake.statements import statement
from include.firstday.privacy import person_data
from include.firstday.privacy.person_data import Person
from include.firstday.records.contract import OWN_COLUMNS
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.recent import as_json
from include.firstday.use_case.use_case import UseCase
from tests.faults import damage, deliveries, experiment

TABLES = {
    "events (as a set)": f"select distinct * exclude ({', '.join(sorted(OWN_COLUMNS))}) from events",
    "users": "select * exclude (batch_id) from users",
    "feature_state": "select * exclude (batch_id) from feature_state",
    "user_features": "select * from features_at_the_end",
}
SCORED = "select distinct user_id from predictions where scored_because in ('activity', 'backfill')"
EXPECTED = "expected.json"
LONG_AFTER = datetime(2100, 1, 1)  # when every window has ended, so that features no longer change


@dataclass(frozen=True)
class Found:
    """One comparison: how many rows were compared, and how many differ."""

    what: str
    rows: int
    differing: int


def remember(folder: Path, plan: deliveries.Plan) -> None:
    """Write what must be found of what was delivered."""
    faults = plan.faults
    content = {"good_rows": plan.good_rows, "malformed": plan.malformed, "truncated": faults.truncated_files}
    # One that was ahead of the clock may have been both rejected and stored before.
    content["erased_rows"] = faults.events_of_erased_users + faults.of_these_ahead_of_the_clock
    content["held"] = faults.events_ahead_of_the_clock
    (folder / EXPECTED).write_text(json.dumps(content), encoding="utf-8")


def compare(use_case: UseCase, folder: Path, faulty: Mapping[str, str] | None = None) -> list[Found]:
    """Every comparison of the lakes in `<folder>/clean` and `<folder>/faulty`, or where the variables `faulty` lead."""
    expected = json.loads((folder / EXPECTED).read_text(encoding="utf-8"))
    with _environment({"FIRSTDAY_HOME": str(folder / "clean")}), open_lake(use_case, read_only=True) as lake:
        build_features(lake, use_case, LONG_AFTER, into="features_at_the_end")
        clean = {what: lake.query(text) for what, text in TABLES.items()}
        scored = lake.query(SCORED)
    with _environment(faulty or {"FIRSTDAY_HOME": str(folder / "faulty")}):
        with open_lake(use_case, read_only=True) as lake:
            build_features(lake, use_case, LONG_AFTER, into="features_at_the_end")
            faulty = {what: lake.query(text) for what, text in TABLES.items()}
            found = [Found(what, clean[what].num_rows, _differing(clean[what], faulty[what])) for what in TABLES]
            found += [
                _stored(lake, expected["good_rows"]),
                _rejected(lake, expected["malformed"], expected["truncated"], bool(expected["erased_rows"])),
                _held(lake, expected["held"]),
                *_ledger(lake, expected["erased_rows"]),
                Found("users scored for their activity", len(scored), _missing(scored, lake.query(SCORED))),
            ]
            if checkpoints.exists(lake, deliver_predictions.checkpoint(experiment.TARGET)):
                found.append(Found("deliveries (arms, budget, files)", *experiment.violations(lake, use_case)))
        found += [_predicted(use_case, expected["erased_rows"]), _published(use_case), _landing(use_case)]
        found.append(Found("files that hold an erased user", *_erased()))
        found.append(Found("data files (hash as recorded by the commit)", *damage.unsound_files()))
        if "://" not in settings().data_path:
            found.append(Found("bit flips (named by verify)", *damage.missed_flips(random.Random(1))))
    return found


def _missing(one: pa.Table, other: pa.Table) -> int:
    """Users who were scored in the clean lake and never in the other, where a late event may also move a window."""
    return len(set(one["user_id"].to_pylist()) - set(other["user_id"].to_pylist()))


def _erased() -> tuple[int, int]:
    """The erased users, and files of the home that hold one of them."""
    people = [Person(user_id) for user_id in deliveries.erased_users()]
    left = [
        path
        for folder in settings().data_folders
        if folder.is_dir()
        for one in people
        for path in person_data.find(folder, one)
    ]
    return len(people), len(left)


def _differing(one: pa.Table, other: pa.Table) -> int:
    """Rows that are in one of two tables and not in the other, counting repetitions."""
    text = "select count(*) from ((from one except all from other) union all (from other except all from one))"
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    connection.register("one", one)
    connection.register("other", other)
    (count,) = connection.execute(text).fetchone() or (0,)
    return int(count)


def _stored(lake: Lake, good_rows: int) -> Found:
    stored = _value(lake, "select count(*) from events")
    return Found("events (each delivered row once)", good_rows, abs(stored - good_rows))


def _rejected(lake: Lake, malformed: dict[str, str], truncated: int, is_anyone_erased: bool) -> Found:
    """Of truncated files that were pending when a user in them was erased, no trace is left."""
    rows = lake.query("select raw, reason, row_number from rejected_events where held_until is null").to_pylist()
    whole = sum(row["row_number"] is None for row in rows)
    times = Counter(row["raw"] for row in rows if row["row_number"] is not None)
    reasons = {row["raw"]: row["reason"] for row in rows}
    missing = sum(not reasons.get(raw, "").startswith(reason) for raw, reason in malformed.items())
    others = max(0, whole - truncated) if is_anyone_erased else abs(whole - truncated)
    more = sum(count - (raw in malformed) for raw, count in times.items())
    return Found("rejected_events (row and reason)", len(malformed) + truncated, missing + more + others)


def _held(lake: Lake, held: int) -> Found:
    """Rows of events ahead of the clock: each is there, and was stored after its time."""
    rows = _value(lake, "select count(*) from rejected_events where held_until is not null")
    pending = _value(lake, "select count(*) from rejected_events where held_until is not null and replayed_in is null")
    return Found("held rows (each stored after its time)", held, abs(rows - held) + pending)


def _ledger(lake: Lake, erased_rows: int) -> Iterator[Found]:
    batches = _value(lake, "select count(*) from micro_batches")
    numbers = "select count(*) from (from range(1, ? + 1) except all select batch_id from micro_batches)"
    wrong = lake._connection.execute(numbers, [batches]).fetchone()[0]  # type: ignore[index]
    wrong += _unlike(lake, UNLIKE_LEDGER, erased_rows)
    yield Found("micro_batches (1, 2, 3 …, rows as stored)", batches, wrong)
    files = _value(lake, "select count(*) from consumed_files")
    repeated = files - _value(lake, "select count(distinct sha256) from consumed_files")
    wrong = repeated + _unlike(lake, UNLIKE_FILES, erased_rows)
    yield Found("consumed_files (each content once)", files, wrong)
    keys = {
        "users": "user_id",
        "feature_state": "(user_id, measure, item)",
        "predictions": "(user_id, batch_id, as_of)",
    }
    for table, key in keys.items():
        rows = _value(lake, f"select count(*) from {table}")
        yield Found(
            f"{table} (one row per key)", rows, rows - _value(lake, f"select count(distinct {key}) from {table}")
        )
    stages = ", ".join(f"'{stage}'" for stage in MICRO_BATCH_STAGES)
    behind = f"select count(distinct stage) from checkpoints where stage in ({stages}) and batch_id <> {batches}"
    yield Found("checkpoints (every stage at the end)", len(MICRO_BATCH_STAGES), _value(lake, behind))


UNLIKE_LEDGER = """
    with found as (
        select
            rows_stored - (select count(*) from events where events.batch_id = micro_batches.batch_id) as stored,
            rows_rejected
            - (select count(*) from rejected_events where rejected_events.batch_id = micro_batches.batch_id) as rejected
        from micro_batches
    )
    select stored + rejected as surplus, least(stored, rejected) < 0 as is_wrong from found
"""
UNLIKE_FILES = """
    with stored as (
        select source_file, batch_id, count(*) as row_count
        from events
        where batch_id not in (select replayed_in from rejected_events where replayed_in is not null)
        group by source_file, batch_id
    )
    select
        coalesce(consumed_files.rows_stored, 0) - coalesce(stored.row_count, 0) as surplus,
        consumed_files.source_file is null as is_wrong
    from stored
    full join consumed_files using (source_file, batch_id)
"""


def _unlike(lake: Lake, text: str, erased_rows: int) -> int:
    """Batches or files with other rows than the ledger has; of erased users, the ledger may have up to so many more."""
    counts = f"select sum(surplus) as surplus, count_if(is_wrong or surplus < 0) as wrong from ({text})"
    (row,) = lake.query(counts).to_pylist()
    return int(row["wrong"]) + max(0, int(row["surplus"] or 0) - erased_rows)


def _predicted(use_case: UseCase, erased_rows: int) -> Found:
    """Each scoring step against the users with activity it had to score, with their features, in its snapshot.

    Where users were erased, the steps since then, as nothing older is left of what they read.
    """
    rows = differing = 0
    active = "scored_because in ('activity', 'backfill')"
    for step in _steps(use_case, since_start=not erased_rows):
        with open_lake(use_case, read_only=True) as lake:
            scored = lake.query(f"select * from predictions where {active} and batch_id = {step.upto}")
        moments = sorted(set(scored["as_of"].to_pylist()))
        as_of = moments[0] if moments else None
        with _at(use_case, step.snapshot) as connection:
            connection.execute(
                f"create temp table active_users as {statement('scoring/score_users/active_users').text}",
                {"after": step.after, "upto": step.upto, "measures": list(use_case.scoring.measures)},
            )
            if use_case.recent:  # the lake's view is as of now
                text = f"create temp table recent_state as {statement('lake/recent_state').text}"
                connection.execute(text, {"as_of": as_of, "recent": as_json(use_case.recent)})
            features = statement(f"use_cases/{use_case.name}/user_features").text
            connection.execute(f"create temp table user_features as {features}", {"as_of": as_of})
            expected = connection.execute(
                "select user_features.*, cast($as_of as timestamp) as as_of, batch_id from user_features "
                "inner join active_users on user_features.user_id = active_users.user_id "
                "where user_features.user_id in (select user_id from users where closed_at is null)",
                {"as_of": as_of},
            ).to_arrow_table()
        rows += expected.num_rows
        differing += _differing(expected, scored.select(expected.column_names)) + max(len(moments) - 1, 0)
    if not erased_rows:
        with open_lake(use_case, read_only=True) as lake:
            differing += abs(_value(lake, f"select count(*) from predictions where {active}") - rows)
    return Found("predictions (each step's users and features)", rows, differing)


@dataclass(frozen=True)
class _Step:
    """What was scored for micro-batches `after < batch_id <= upto`, and the snapshot in which it had been updated."""

    after: int
    upto: int
    snapshot: int


def _steps(use_case: UseCase, since_start: bool) -> Iterator[_Step]:
    """What was scored, step by step, since the start or the oldest snapshot."""
    with open_lake(use_case, read_only=True) as lake:
        tasks = lake.query("select snapshot_id, commit_extra_info as extra from ducklake_snapshots('lake')").to_pylist()
        progress = {"update_features": 0, "score_users": 0}
        if not since_start:
            first = min(row["snapshot_id"] for row in tasks)
            progress = {stage: _stands(lake, stage, first) for stage in progress}
        updated: dict[int, int] = {}
        for row in sorted(tasks, key=lambda row: row["snapshot_id"]):
            extra, snapshot = json.loads(row["extra"] or "{}"), row["snapshot_id"]
            if extra.get("dag", "").split(".")[0] not in ("chaos", use_case.name):
                continue
            for stage in (part["task"] for part in extra.get("stages") or [extra]):
                if stage not in progress:
                    continue
                after, upto = progress[stage], _stands(lake, stage, snapshot)
                progress[stage] = upto
                if upto == after:
                    continue
                if stage == "update_features":
                    updated[upto] = snapshot
                elif upto in updated:  # otherwise without new events, or in a snapshot that is gone
                    yield _Step(after, upto, updated[upto])


def _stands(lake: Lake, stage: str, snapshot: int) -> int:
    """The micro-batch of a stage's checkpoint in a snapshot."""
    at = f"select batch_id from checkpoints at (version => {snapshot}) where stage = '{stage}'"
    (found,) = lake.query(at).to_pylist()
    return int(found["batch_id"])


@contextmanager
def _at(use_case: UseCase, version: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake as it was in one snapshot."""
    config = settings()
    connection = connections.attach(config, read_only=True)
    try:
        connection.execute("use memory; detach lake")
        connection.execute(f"attach 'ducklake:{config.catalog}' as lake (read_only, snapshot_version {version})")
        connection.execute(f"use lake.{quoted(use_case.name)}")
        yield connection
    finally:
        connection.close()


def _published(use_case: UseCase) -> Found:
    """Each prediction in a file, but of users whose risk has ended, perhaps before the file was written."""
    with open_lake(use_case, read_only=True) as lake:
        closed = experiment.closed_users(lake)
        text = "select batch_id, user_id, probability as p from predictions where predicted"
        expected = {(row["batch_id"], row["user_id"]): row["p"] for row in lake.query(text).to_pylist()}
    told: list[tuple[tuple[int, str], float]] = []
    for file in publish_predictions.folder(use_case).rglob(publish_predictions.PATTERN):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            told.append(((row["batch_id"], row["user_id"]), row["probability"]))
    unsaid = [user_id for _, user_id in expected.keys() - dict(told).keys() if user_id not in closed]
    differing = len(unsaid) + len(dict(told).keys() - expected.keys()) + len(told) - len(dict(told))
    differing += sum(expected.get(key, value) != value for key, value in told)
    return Found("published files (predicted churn)", len(expected), differing)


def _landing(use_case: UseCase) -> Found:
    waiting = landing.pending(use_case.name, tuple(use_case.enrichment))
    return Found("landing (files left)", 0, len(waiting))


def _value(lake: Lake, text: str) -> Any:
    (row,) = lake.query(text).to_pylist()
    (value,) = row.values()
    return value


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()
