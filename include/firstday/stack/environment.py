"""The environment shared by the servers, tasks and Airflow commands of one installation."""

import json
import os
import sys
from pathlib import Path

from include.firstday.settings import REPOSITORY, Settings
from include.firstday.stack.home import Home

# Settings of another installation, and what would have every task of every minute compile what it imports.
_FOREIGN = ("AIRFLOW_", "MLFLOW_", "PYTHONDONTWRITEBYTECODE")


def build(settings: Settings, home: Home) -> dict[str, str]:
    """Return this process's environment, without another installation's settings, with all of this one's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return inherited | _python(inherited) | _firstday(settings, home) | _airflow(settings, home)


def airflow_url(settings: Settings) -> str:
    """Return Airflow's URL for the browser and the tasks."""
    return f"http://{_reachable(settings.host)}:{settings.airflow_port}"


def mlflow_url(settings: Settings) -> str:
    """Return MLflow's URL for the browser and the tasks: the own server unless the settings name another."""
    return settings.mlflow_url or f"http://{_reachable(settings.host)}:{settings.mlflow_port}"


def runs_mlflow(settings: Settings) -> bool:
    """Whether this installation starts the MLflow server."""
    return mlflow_url(settings) == f"http://{_reachable(settings.host)}:{settings.mlflow_port}"


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound


def _python(inherited: dict[str, str]) -> dict[str, str]:
    local = ",".join(filter(None, (inherited.get("NO_PROXY") or inherited.get("no_proxy"), "127.0.0.1,localhost")))
    return {
        "PATH": os.pathsep.join(filter(None, (str(Path(sys.executable).parent), inherited.get("PATH")))),
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "config"))),
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
        "NO_COLOR": "1",  # the servers write to files
        "PYTHONWARNINGS": "ignore:The `airflow.",  # skops looks at every name of every module, deprecated ones too
        "NO_PROXY": local,  # a task's way to Airflow on this machine never goes through a proxy
        "no_proxy": local,
    }


def _firstday(settings: Settings, home: Home) -> dict[str, str]:
    return {
        "FIRSTDAY_HOME": str(home.root),
        "FIRSTDAY_MLFLOW_URL": mlflow_url(settings),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # it would fill the tasks' logs
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # nothing here uses its job workers
        "DO_NOT_TRACK": "true",
    }


def _openlineage(settings: Settings) -> dict[str, object]:
    """Lineage, where it is asked for: which task read and wrote which tables, and no word of who is in them."""
    if not settings.openlineage:
        return {"disabled": True}
    rules = [
        {"scope": {}, "controls": {"include_source_code": False, "hook_lineage": False}},
        # An event tells the run's parameters, and here that is a person.
        {"scope": {"dag_id": r".+\.forget_user"}, "match_mode": "regex", "controls": {"emit": False}, "locked": True},
    ]
    return {
        "disabled": False,
        "namespace": "firstday",
        "transport": settings.openlineage,
        "extractors": "lineage_of_tasks.LineageOfTasks",
        "emission_policy": json.dumps(rules),
    }


def _airflow(settings: Settings, home: Home) -> dict[str, str]:
    secrets, broker = home.secrets(), settings.celery_broker.get_secret_value()
    options: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": REPOSITORY / "dags",
            "plugins_folder": REPOSITORY / "plugins",
            "executor": "CeleryExecutor" if broker else "LocalExecutor",
            "parallelism": settings.parallelism,
            "load_examples": False,
            "dags_are_paused_at_creation": False,
            "default_timezone": "utc",
            "execution_api_server_url": f"{settings.execution_url or airflow_url(settings)}/execution/",
            "fernet_key": secrets["fernet_key"],
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": "admin:admin",
            "simple_auth_manager_passwords_file": home.passwords,
        },
        "database": {
            "sql_alchemy_conn": settings.airflow_database or f"sqlite:///{home.airflow / 'airflow.db'}",
            "load_default_connections": False,
        },
        "api": {
            "host": settings.host,
            "port": settings.airflow_port,
            "base_url": airflow_url(settings),  # without it tasks call port 8080 whatever the port
            "secret_key": secrets["api_secret_key"],
            "workers": 1,
        },
        "api_auth": {"jwt_secret": secrets["jwt_secret"]},
        "logging": {"base_log_folder": home.airflow / "logs", "colored_console_log": False},
        "scheduler": {
            "scheduler_idle_sleep_time": 0.5,  # how soon a finished task's successor starts
            "task_instance_heartbeat_timeout": 30,  # a task that was killed outright is retried after this
            "task_instance_heartbeat_timeout_detection_interval": 5,
            "scheduler_health_check_threshold": 15,
            "orphaned_tasks_check_interval": 30,
        },
        "workers": {
            "min_heartbeat_interval": 2,  # a task's slot may stay taken for this long after its end
            "execution_api_retries": 10,
            "execution_api_retry_wait_max": 5,
        },
        "dag_processor": {
            "parsing_processes": 1,
            "min_file_process_interval": 60,
            "refresh_interval": 60,
            "print_stats_interval": 0,
        },
        "usage_data_collection": {"enabled": False},
        "openlineage": _openlineage(settings),
    }
    if broker:
        options["celery"] = {
            "broker_url": broker,
            "result_backend": settings.celery_results.get_secret_value(),
            "worker_prefetch_multiplier": 1,  # what waits, waits for whichever worker is free first
            "worker_enable_remote_control": True,  # health checks ask the workers
        }
    variables = {
        f"AIRFLOW__{section.upper()}__{option.upper()}": str(value)
        for section, values in options.items()
        for option, value in values.items()
    }
    if settings.airflow_database:  # maintain_airflow, on a worker, asks the API server for it
        connection = {"conn_type": "generic", "extra": {"url": settings.airflow_database}}
        variables["AIRFLOW_CONN_AIRFLOW_DATABASE"] = json.dumps(connection)
    return {"AIRFLOW_HOME": str(home.airflow)} | variables
