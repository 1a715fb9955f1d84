"""What Airflow's processes load first: the imports that tasks need, and the present time of SQLite.

The scheduler and the Celery worker import once what their forked tasks find loaded: a task that imports pandas,
scikit-learn and mlflow itself spends seconds on it, every minute. So Firstday's own modules are those of the time at
which these processes started. Only imports: a connection, thread or client that exists before the fork would be shared
by all tasks.
"""

import contextlib
import importlib
import sys

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import now

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
    "mlflow.tracking.request_header.registry",
    "pyspark.sql",  # MLflow imports it for the head of a request, where it is installed
    "include.firstday.authoring.check_use_case",
    "include.firstday.generator.generate_events",
    "include.firstday.operations.micro_batch",
)


@compiles(now, "sqlite")
def _now_with_fractions(*_: object, **__: object) -> str:
    """As SQLite stores times, which Airflow compares as text: by its whole seconds each tick was due a second late."""
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"


def _preload() -> None:
    for module in _PRELOADED:
        with contextlib.suppress(ImportError):  # then the task that needs it says so
            importlib.import_module(module)


if sys.argv[1:2] == ["scheduler"] or sys.argv[1:3] == ["celery", "worker"]:
    _preload()
