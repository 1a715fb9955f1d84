"""Questions to a person at a terminal: what a file of events leaves open of a new business case."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from include.firstday.authoring import new_use_case as maker
from include.firstday.authoring.new_use_case import Chosen

TEXTS = {"user_id": "Which column has the user", "event_time": "Which column has the time"}
EVENT_TYPE = "Which column has the event type"
NO_COLUMN = "no column: all rows are of one type"
SAMPLES = 3  # values of a column that are shown


@dataclass(frozen=True)
class Question:
    """A question, and the answers to choose from, each with what is known of it; none for a text."""

    text: str
    choices: tuple[tuple[str, str], ...] = ()
    is_optional: bool = False


Ask = Callable[[Question], str]


def complete(name: str, file: Path, chosen: Chosen, ask: Ask) -> Chosen:
    """Ask what cannot be inferred from a file and was not chosen. Raises UseCaseError as `new_use_case` does."""
    maker.folders(name)
    rows = maker.read(file)
    for ours, text in TEXTS.items():
        column = chosen.columns.get(ours) or maker.guess(ours, rows.column_names, chosen.columns.values())
        chosen = _with_column(chosen, ours, column or ask(Question(text, _choices(rows))))
    if not chosen.event and _has_no_types(rows, chosen):
        answer = ask(Question(EVENT_TYPE, (*_choices(rows), (NO_COLUMN, ""))))
        is_column = answer != NO_COLUMN
        chosen = _with_column(chosen, "event_type", answer) if is_column else chosen
        chosen = chosen if is_column else replace(chosen, event=ask(Question("Event type of all rows, as purchase")))
    return _with_time_format(rows, chosen, ask)


def _with_column(chosen: Chosen, ours: str, column: str) -> Chosen:
    return replace(chosen, columns=chosen.columns | {ours: column})


def _has_no_types(rows: pa.Table, chosen: Chosen) -> bool:
    """Whether no column of event types was chosen, and none can be inferred, or one with too many."""
    if "event_type" in chosen.columns:
        return False
    inferred = maker.guess("event_type", rows.column_names, chosen.columns.values())
    return inferred is None or len(pc.unique(rows[inferred])) > maker.MOST_TYPES


def _with_time_format(rows: pa.Table, chosen: Chosen, ask: Ask) -> Chosen:
    """Ask for the format until it reads the times, or nothing is answered."""
    column = chosen.columns["event_time"]
    if chosen.time_format or column not in rows.column_names:
        return chosen
    times = maker.sample(rows, column)
    if not len(times) or maker.time_format(times) is not None:
        return chosen
    text = f"Format of times such as {times[0].as_py()!r}, as %d.%m.%Y %H:%M; Enter leaves it open"
    while (answer := ask(Question(text, is_optional=True))) and not maker.reads(times, answer):
        text = f"{answer} does not read {_unread(times, answer)!r}; another format, or Enter"
    return replace(chosen, time_format=answer)


def _unread(times: pa.ChunkedArray, time_format: str) -> str:
    return next(str(time) for time in times.to_pylist() if not maker.reads(pa.chunked_array([[time]]), time_format))


def _choices(rows: pa.Table) -> tuple[tuple[str, str], ...]:
    return tuple((name, ", ".join(_first(maker.sample(rows, name).to_pylist()))) for name in rows.column_names)


def _first(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(str(value)[:30] for value in values[:100]))[:SAMPLES]
