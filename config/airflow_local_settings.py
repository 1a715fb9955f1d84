"""Imports that tasks need, made once in the scheduler or the Celery worker: its forked tasks find them loaded.

A task that imports pandas, scikit-learn and mlflow itself spends seconds on it, every minute. Only imports: a
connection, thread or client that exists before the fork would be shared by all tasks.
"""

import contextlib
import importlib
import sys

_PRELOADED = (
    "duckdb",
    "pandas",
    "pyarrow.parquet",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sklearn.metrics",
    "skops.io",
    "mlflow.sklearn",
)


def _preload() -> None:
    for module in _PRELOADED:
        with contextlib.suppress(ImportError):  # then the task that needs it says so
            importlib.import_module(module)


if sys.argv[1:2] == ["scheduler"] or sys.argv[1:3] == ["celery", "worker"]:
    _preload()
