"""Validate a use case's YAML and SQL: run every statement on an empty lake in memory.

DAG files build DAGs for valid use cases; `dags/check_use_cases.py` shows the others as import errors.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from include.firstday.errors import QueryError, UseCaseError
from include.firstday.features import labels, outcomes, update_features
from include.firstday.lake import clock, connections, statements
from include.firstday.lake.lake import Columns, Lake
from include.firstday.records import contract
from include.firstday.schema import create_tables
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case import use_case
from include.firstday.use_case.base import is_taken
from include.firstday.use_case.use_case import UseCase

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
NUMBERS = (*INTEGERS, *(f"U{kind}" for kind in INTEGERS), "FLOAT", "DOUBLE", "BOOLEAN")
TEXT = "VARCHAR"
LABEL_MOMENTS, LABEL_EVENTS = "label_moments", "label_events"


def valid() -> list[UseCase]:
    """Return the valid use cases, by name."""
    return [found for found in _all_tried() if isinstance(found, UseCase)]


def problems() -> list[str]:
    """Return one message per invalid use case, with file, key and expected value."""
    return [str(found) for found in _all_tried() if isinstance(found, UseCaseError)]


def check(case: UseCase) -> None:
    """Run every statement of a use case on an empty lake. Raises UseCaseError, naming the file."""
    try:
        with connections.scratch(case.name) as lake:
            create_tables.create(lake, case)
            _try_stages(lake, case)
    except FileNotFoundError as error:
        raise UseCaseError(f"{error.filename}: expected this file, it is missing; create it") from error
    except QueryError as error:
        where = ", ".join(getattr(error, "__notes__", [])) or f"in the SQL of {case.name}"
        raise UseCaseError(f"{where}: {error}") from error


def _all_tried() -> list[UseCase | UseCaseError]:
    """Each use case, or its error. Unchanged files are not validated again: every task parses its DAG file."""
    stages = _sha256(*(one for one in statements.SQL.iterdir() if one.is_dir() and one.name != "use_cases"))
    return [_tried(name, stages) for name in use_case.names()]


def _tried(name: str, stages: str) -> UseCase | UseCaseError:
    """A use case, or its error; `stages` is the hash of the statements of every stage, on which it depends, too."""
    try:
        case = use_case.load(name)
        own = _sha256(case.folder, statements.SQL / "use_cases" / name)
        passed = settings().checked / f"{name}-{hashlib.sha256((stages + own).encode()).hexdigest()}"
        if not passed.exists():
            check(case)
            passed.parent.mkdir(parents=True, exist_ok=True)
            passed.touch()
    except UseCaseError as error:
        return error
    return case


def _sha256(*folders: Path) -> str:
    """Hash of the YAML and the statements in some folders."""
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in (".yaml", ".sql"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(REPOSITORY)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _try_stages(lake: Lake, case: UseCase) -> None:
    columns = contract.expected(lake.columns("events"))
    _expect_numbers_and_texts(lake, case)
    _expect(columns, ("event_id", "user_id", "event_type", "event_time"), f"use_cases/{case.name}/events")
    _expect_free_names(columns, f"use_cases/{case.name}/events")
    for table in case.enrichment:
        _expect_free_names(lake.columns(table), f"use_cases/{case.name}/enrichment/{table}")
    for name, target in case.targets.items():
        if never := target.when.never:
            path = f"use_cases/{case.name}/enrichment/{never.table}"
            _expect(lake.columns(never.table), ("user_id",), path, f"needed by targets.{name}.when.never")
    for name, segment in case.segments.items():
        why = f"named by segments.{name}.registration"
        _expect(columns, tuple(segment.registration), f"use_cases/{case.name}/events", why)
    for name, event in case.events.items():
        _expect(columns, event.required, f"use_cases/{case.name}/events", f"required by events.{name}")
    if case.mapping:
        _expect(
            columns, tuple(case.mapping.columns.values()), f"use_cases/{case.name}/events", "named by mapping.columns"
        )
    _expect(columns, case.personal, f"use_cases/{case.name}/events", "named by personal")
    for path in ("registrations", "user_features"):
        _expect_nothing_personal(lake, case, path)
    lake.build_like("given_rows", "events")
    rules = contract.event_rules(case, clock.now())
    lake.build_text("arriving_rows", contract.typed_rows(columns, lake.columns("given_rows"), rules))
    lake.build("records/contract/broken_rows")
    for path in statements.below(f"use_cases/{case.name}/checks"):
        lake.insert("broken_rows", path)
    update_features.fold(lake, case, after=0, upto=0)
    update_features.write(lake)
    _expect(
        lake.columns("measures"),
        ("user_id", "event_time", "measure", "item", "value", "batch_id"),
        f"use_cases/{case.name}/measures",
    )
    if case.training.label == "explicit":
        _expect(lake.columns("users"), ("label",), f"use_cases/{case.name}/registrations", "as the label is explicit")
    _try_label(lake, case)
    if case.effect.outcome == "statement":
        users = {"user_id": pa.string(), "assigned_at": pa.timestamp("us")}
        lake.build_rows("assigned_users", pa.schema(list(users.items())).empty_table())
        outcomes.build_outcomes(lake, case, clock.now())
        _expect(lake.columns("outcomes"), ("user_id", "outcome"), f"use_cases/{case.name}/outcome")


def _try_label(lake: Lake, case: UseCase) -> None:
    if labels.has_horizon(case):
        _expect_only_the_horizon(lake, case)
        labels.build_later_events(lake, case, clock.now())
        lake.build("features/point_in_time/cutoff_moments", into="moments", cutoff_seconds=0)
        labels.build_labels_at_moments(lake, case, clock.now())
        return
    if case.training.label == "derived" and LABEL_MOMENTS in lake.tables_read(f"use_cases/{case.name}/label"):
        raise UseCaseError(
            f"in sql/use_cases/{case.name}/label.sql: expected mature_windows, found {LABEL_MOMENTS}, which there are "
            "only with training.label_horizon_hours in use_case.yaml"
        )
    labels.build_labels(lake, case, clock.now())


def _expect_only_the_horizon(lake: Lake, case: UseCase) -> None:
    """What is bounded to the horizon of a moment is in `label_events`; all other events could be after it."""
    path = f"use_cases/{case.name}/label"
    found, why = lake.tables_read(path), "as training.label_horizon_hours is set"
    for name in (LABEL_MOMENTS, LABEL_EVENTS):
        if name not in found:
            raise UseCaseError(
                f"in sql/{path}.sql: expected to read {name}, {why}: a label is of a moment, and about the events "
                f"after it; found {', '.join(sorted(found)) or 'no table'}"
            )
    for name in sorted(found - {LABEL_MOMENTS, LABEL_EVENTS, *case.enrichment}):
        raise UseCaseError(
            f"in sql/{path}.sql: expected {LABEL_MOMENTS}, {LABEL_EVENTS} and enrichment tables, {why}, found {name}, "
            "in which nothing is bounded to the horizon of a moment"
        )


def _expect(columns: Columns, names: tuple[str, ...], path: str, why: str = "needed by every stage") -> None:
    for name in _missing(columns, names):
        raise UseCaseError(f"in sql/{path}.sql: expected a column {name}, {why}; found {', '.join(columns)}")


def _expect_free_names(columns: Columns, path: str) -> None:
    for name in filter(is_taken, columns):
        raise UseCaseError(f"in sql/{path}.sql: expected another name than {name}: readers number rows by such names")


def _expect_nothing_personal(lake: Lake, case: UseCase, path: str) -> None:
    for name in case.personal:
        if name in lake.columns(path):
            raise UseCaseError(
                f"in sql/use_cases/{case.name}/{path}.sql: expected no column {name}: it is personal, "
                "and would reach features, predictions and training sets"
            )


def _expect_numbers_and_texts(lake: Lake, case: UseCase) -> None:
    kinds = lake.columns("user_features")
    for name in case.features:
        where = f"in sql/use_cases/{case.name}/user_features.sql: feature {name}"
        if name in case.categories and kinds[name] != TEXT:
            raise UseCaseError(
                f"{where}: expected a text, as it is one of the categories, found {kinds[name]}; write "
                f"cast({name} as varchar) as {name}, or remove it from `categories` in use_case.yaml"
            )
        if name not in case.categories and kinds[name] not in NUMBERS and not kinds[name].startswith("DECIMAL"):
            declare = f"add `{name}: {{}}` to `categories` in use_case.yaml, or " if kinds[name] == TEXT else ""
            raise UseCaseError(
                f"{where}: expected a number or true and false, found {kinds[name]}; {declare}write a number for what "
                f"it says, as cast({name} = 'a value' as integer)"
            )


def _missing(columns: Columns, names: tuple[str, ...]) -> Iterator[str]:
    return (name for name in names if name not in columns)
