"""New databases of MLflow for tests: copies of one that it has made, as it runs all its migrations for each."""

import functools
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

MODULES = ("mlflow.store.db.utils", "mlflow.store.model_registry.sqlalchemy_store")  # which have the function


def copy_tables(patch: pytest.MonkeyPatch, template: Path) -> None:
    """Where a test has imported MLflow, an empty SQLite database gets the tables of `template`, made by the first."""
    for module in filter(None, map(sys.modules.get, MODULES)):
        make = module._initialize_tables
        patch.setattr(module, "_initialize_tables", _copied(make, template))


def _copied(make: Callable[[Any], None], template: Path) -> Callable[[Any], None]:
    @functools.wraps(make)
    def make_or_copy(engine: Any) -> None:
        if engine.dialect.name != "sqlite":
            make(engine)
            return
        is_made = template.exists()
        if not is_made:
            make(engine)
        with closing(sqlite3.connect(template)) as kept, closing(engine.raw_connection()) as made:
            source, target = (kept, made.driver_connection) if is_made else (made.driver_connection, kept)
            source.backup(target)

    return make_or_copy
