"""Users in their window; one user's features, timeline and predictions. Personal columns are never returned."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Query

from include.firstday.delivery import segments
from include.firstday.errors import InputError, UnknownUserError
from include.firstday.features import labels
from include.firstday.features.model_inputs import value_of
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.records import contract
from include.firstday.servers import links
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import drivers
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import users as schemas

EVENTS_SHOWN = 500
FRESH = 2.0
COHORTS_FRESH = 60.0
COHORT_VALUES = 25  # a column with more values is none to choose from
EARLIEST = datetime(1970, 1, 1)
# What no user's id holds: the contract rejects it, and the catalog's SQL would end there.
NO_CONTROL = r"[^\x00-\x1f\x7f]"
Only = Literal["all", "predicted", "not_predicted", "not_scored"]
Sort = Literal[
    "probability", "registered_at", "window_end", "last_seen_at", "scored_at", "model_version",
    "-probability", "-registered_at", "-window_end", "-last_seen_at", "-scored_at", "-model_version",
]  # fmt: skip
EXPORTED = tuple(name for name in schemas.User.model_fields if name not in ("history", "reasons"))
Text = Annotated[str, Query(max_length=200, pattern=rf"^{NO_CONTROL}*$")]


@dataclass(frozen=True)
class Choice:
    """A filter of users, their order, and a page."""

    search: Annotated[Text, Query(description="prefix of the user id")] = ""
    only: Annotated[Only, Query(description="filter by the latest prediction")] = "all"
    cohort: Annotated[Text, Query(description="column of registrations that must have `cohort_value`")] = ""
    cohort_value: Text = ""
    segment: Annotated[Text, Query(description="segment of the use case's YAML")] = ""
    hour: Annotated[int | None, Query(ge=0, le=23, description="hour of the registration, UTC")] = None
    sort: Annotated[Sort, Query(description="column; - before it for descending")] = "-probability"
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0
    limit: Annotated[int, Query(ge=1, le=100_000)] = 200


def users(reader: Reader, choice: Choice) -> schemas.Users:
    """List users in their window, highest probability first; with `search`, all users with that id prefix."""
    use_case, now = reader.use_case, clock.now()
    if choice.cohort and choice.cohort not in _cohort_columns(reader):
        raise InputError(f"cohort: expected one of {', '.join(_cohort_columns(reader))}, found {choice.cohort}")
    if choice.segment and choice.segment not in use_case.segments:
        raise InputError(f"segment: expected one of {', '.join(use_case.segments) or 'none'}, found {choice.segment}")
    # Who is in their window was registered and scored in it, or shortly before.
    since = EARLIEST if choice.search else now - timedelta(hours=use_case.window.hours + 24)
    rows = reader.ask(
        lambda lake: lake.rows(
            "web/users/users",
            now=now,
            since=since,
            ids=segments.users(lake, use_case, choice.segment, since) if choice.segment else None,
            registering=use_case.registering,
            choice=choice.only,
            row_limit=choice.limit + 1,
            skip=choice.offset,
            **{name: getattr(choice, name) for name in ("search", "cohort", "cohort_value", "hour", "sort")},
        ),
        *("users", choice),
        seconds=FRESH,
    )
    return schemas.Users(
        users=[_listed(use_case, row, now) for row in rows[: choice.limit]],
        total=rows[0]["total"] if rows else 0,
        is_cut=len(rows) > choice.limit,
        medians=drivers.typical(use_case),
    )


def cohorts(reader: Reader) -> list[schemas.Cohort]:
    """List the values of text columns of recent registrations that have few, the most frequent first."""
    use_case = reader.use_case
    since = clock.now() - timedelta(hours=use_case.window.hours + 24)
    columns = _cohort_columns(reader)
    rows = reader.ask(
        lambda lake: lake.rows("web/users/cohorts", since=since, registering=use_case.registering, columns=columns),
        "cohorts",
        seconds=COHORTS_FRESH,
    )
    values = Counter(row["column_name"] for row in rows)
    return [
        schemas.Cohort(column=row["column_name"], value=row["value"], users=row["users"])
        for row in rows
        if values[row["column_name"]] <= COHORT_VALUES
    ]


def _cohort_columns(reader: Reader) -> list[str]:
    """Text columns of events that say nothing about who somebody is."""
    hidden = {*contract.IDENTIFIERS, *contract.OWN_COLUMNS, *reader.use_case.personal}
    columns = reader.ask(lambda lake: lake.columns("events"), "columns of events", seconds=COHORTS_FRESH)
    return [name for name, kind in columns.items() if kind == "VARCHAR" and name not in hidden]


def _listed(use_case: UseCase, row: dict[str, Any], now: datetime) -> schemas.User:
    newest = json.loads(row["newest"]) if row["newest"] else {}
    is_known = not labels.has_horizon(use_case) and _is_label_known(use_case, row["window_start"], now)
    return schemas.User(
        **row
        | {"history": row["history"] or [], "label": int(row["label"]) if is_known and row["label"] else None}
        | {"reasons": _reasons(row["reasons"], newest)}
    )


def _is_label_known(use_case: UseCase, window_start: datetime | None, now: datetime) -> bool:
    known_after = timedelta(seconds=labels.known_after_seconds(use_case))
    return window_start is not None and window_start + known_after <= now


def _reasons(stored: str | None, prediction: dict[str, Any]) -> list[dict[str, Any]]:
    """Stored reasons, with the values that the features had at the prediction."""
    found = json.loads(stored) if stored else []
    return [one | {"values": [value_of(prediction.get(name)) for name in one["features"]]} for one in found]


def as_csv(found: schemas.Users) -> Iterator[str]:
    """Format users as CSV, line by line. A cell that a spreadsheet would read as a formula becomes text."""
    rows: list[list[object]] = [list(EXPORTED), *(_cells(user) for user in found.users)]
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue()


def user(reader: Reader, user_id: str) -> schemas.OneUser:
    """Return one user's current feature values and latest prediction. Raises UnknownUserError."""

    def look(lake: Lake) -> schemas.OneUser:
        found, features = _found(lake, user_id), lake.rows_of("user_features", user_id=user_id)
        predictions = _predictions(lake, user_id)
        window_end = _closes_at(reader, found)
        return schemas.OneUser(
            **found,
            window_end=window_end,
            is_in_window=window_end is not None and window_end >= clock.now(),
            features={name: value_of(features[0][name]) if features else None for name in reader.use_case.features},
            prediction=predictions[-1] if predictions else None,
        )

    return reader.ask(look)


def timeline(reader: Reader, user_id: str) -> schemas.Timeline:
    """Return a user's events from registration to window end, and predictions. Raises UnknownUserError."""

    def look(lake: Lake) -> schemas.Timeline:
        found = _found(lake, user_id)
        until = _closes_at(reader, found) or found["last_seen_at"] or clock.now()
        span = {"since": found["first_seen_at"] or found["registered_at"], "until": until}
        rows = lake.rows("web/users/user_events", user_id=user_id, row_limit=EVENTS_SHOWN + 1, **span)
        amounts = [name for name, kind in lake.columns("events").items() if kind.startswith(("DECIMAL", "DOUBLE"))]
        return schemas.Timeline(
            events=[_event(row, amounts) for row in rows[:EVENTS_SHOWN]],
            is_cut=len(rows) > EVENTS_SHOWN,
            predictions=_predictions(lake, user_id),
        )

    return reader.ask(look)


def predictions_since(reader: Reader, since: datetime, limit: int) -> schemas.Predictions:
    """Return predictions made after a time (naive UTC), complete scoring steps only, with the features used."""
    rows = reader.ask(lambda lake: lake.rows("web/users/predictions_since", since=since, row_limit=limit))
    last = rows[-1]["scored_at"] if rows else since
    return schemas.Predictions(predictions=[_zoned(_with_reasons(row)) for row in rows], next_since=last)


def _found(lake: Lake, user_id: str) -> dict[str, Any]:
    rows = lake.rows("web/users/user", user_id=user_id)
    if not rows:
        raise UnknownUserError(f"no registered user with the id {user_id}")
    return rows[0]


def _closes_at(reader: Reader, found: dict[str, Any]) -> datetime | None:
    window_start: datetime | None = found["window_start"]
    return window_start + timedelta(hours=reader.use_case.window.hours) if window_start else None


def _predictions(lake: Lake, user_id: str) -> list[schemas.Prediction]:
    rows = lake.rows("web/users/user_predictions", user_id=user_id)
    return [schemas.Prediction(**_with_reasons(row), url=links.airflow_run(row["airflow_run"])) for row in rows]


def _with_reasons(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"reasons": _reasons(row["reasons"], row)}


def _event(row: dict[str, Any], amounts: list[str]) -> schemas.UserEvent:
    values = {name: float(row[name]) for name in amounts if row[name] is not None}
    return schemas.UserEvent(
        event_type=row["event_type"], event_time=row["event_time"], batch_id=row["batch_id"], values=values
    )


def _zoned(row: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value for name, value in row.items()}


def _cells(found: schemas.User) -> list[object]:
    values = found.model_dump(include=set(EXPORTED))
    return [_plain(values[name]) for name in EXPORTED]


def _plain(value: object) -> object:
    text = value if isinstance(value, str) else ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else value
