"""Where the browser finds a run in Airflow and a model in MLflow."""

from urllib.parse import quote

from include.firstday.settings import settings


def airflow_run(run: str | None) -> str | None:
    """Path of a run's page in Airflow, from `dag_id/run_id` as the lake keeps it; None where it was no Airflow run."""
    dag, _, run_id = (run or "").partition("/")
    if "." not in dag or not run_id:
        return None
    return f"/dags/{quote(dag)}/runs/{quote(run_id)}"


def model(name: str) -> str:
    """A registered model in MLflow."""
    return f"{settings().mlflow_browser_url}/#/models/{quote(name)}"


def model_version(name: str, version: int) -> str:
    """A registered model's version in MLflow."""
    return f"{settings().mlflow_browser_url}/#/models/{quote(name)}/versions/{version}"


def mlflow_run(experiment_id: str, run_id: str) -> str:
    """A run in MLflow."""
    return f"{settings().mlflow_browser_url}/#/experiments/{quote(experiment_id)}/runs/{quote(run_id)}"
