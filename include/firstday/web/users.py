"""Users in their window; one user's features, timeline and predictions. Personal columns are never returned."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

from include.firstday.errors import UnknownUserError
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.servers import links
from include.firstday.web import schemas
from include.firstday.web.reader import Reader

EVENTS_SHOWN = 500
FRESH = 2.0
Only = Literal["all", "predicted_churn", "likely_to_stay", "not_scored"]


def users(reader: Reader, search: str, only: Only, limit: int) -> schemas.Users:
    """List users in their window, highest risk first; with `search`, all users with that id prefix."""
    rows = reader.ask(
        lambda lake: lake.rows(
            "web/users/users",
            now=clock.now(),
            window_seconds=reader.use_case.window.hours * 3600,
            search=search,
            choice=only,
            row_limit=limit + 1,
        ),
        *("users", search, only, limit),
        seconds=FRESH,
    )
    return schemas.Users(users=rows[:limit], is_cut=len(rows) > limit)


def as_csv(found: schemas.Users) -> Iterator[str]:
    """Format users as CSV, line by line. A cell that a spreadsheet would read as a formula becomes text."""
    rows: list[list[object]] = [list(schemas.User.model_fields), *(_cells(user) for user in found.users)]
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
            features={name: _number(features[0][name]) if features else None for name in reader.use_case.features},
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
    return row | {"reasons": json.loads(row["reasons"]) if row["reasons"] else []}


def _event(row: dict[str, Any], amounts: list[str]) -> schemas.UserEvent:
    values = {name: float(row[name]) for name in amounts if row[name] is not None}
    return schemas.UserEvent(
        event_type=row["event_type"], event_time=row["event_time"], batch_id=row["batch_id"], values=values
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _zoned(row: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value for name, value in row.items()}


def _cells(found: schemas.User) -> list[object]:
    return [_plain(value) for value in found.model_dump().values()]


def _plain(value: object) -> object:
    text = value if isinstance(value, str) else ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else value
