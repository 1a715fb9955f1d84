"""What Airflow's processes load first: the imports that their forks need, and the present time of SQLite.

The scheduler and the Celery worker import once what their forked tasks find loaded: a task that imports pandas,
scikit-learn and mlflow itself spends seconds on it, every minute. So does the DAG processor, which parses each DAG file
every minute in a fork: that took a quarter of a processor. Firstday's own modules are therefore those of the time at
which these processes started. Only imports: a connection, thread or client that exists before the fork would be shared.
"""

import contextlib
import importlib
import sys

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import now

_FOR_DAG_FILES = (
    "include.firstday.authoring.check_use_case",
    "include.firstday.orchestration.deadline",
)
_FOR_TASKS = (
    *_FOR_DAG_FILES,
    "pandas",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sklearn.metrics",
    "skops.io",
    "mlflow.sklearn",
    "mlflow.tracking.request_header.registry",
    "pyspark.sql",  # MLflow imports it for the head of a request, where it is installed
    "include.firstday.generator.generate_events",
    "include.firstday.operations.micro_batch",
)
_PRELOADED = {"dag-processor": _FOR_DAG_FILES, "scheduler": _FOR_TASKS, "celery": _FOR_TASKS}  # by command


@compiles(now, "sqlite")
def _now_with_fractions(*_: object, **__: object) -> str:
    """As SQLite stores times, which Airflow compares as text: by its whole seconds each tick was due a second late."""
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"


for module in _PRELOADED.get("".join(sys.argv[1:2]), ()):
    with contextlib.suppress(ImportError):  # then the fork that needs it says so
        importlib.import_module(module)
