"""URLs of runs in Airflow and models in MLflow, for the browser."""

from urllib.parse import quote

from include.firstday.settings import settings

TRAINING_VIEW = "?workflowType=machine_learning"  # without it MLflow opens as for language models


def airflow_run(run: str | None) -> str | None:
    """Return the path of a run's page in Airflow, from `dag_id/run_id`; None if it was not an Airflow run."""
    dag, _, run_id = (run or "").partition("/")
    if "." not in dag or not run_id:
        return None
    return f"/dags/{quote(dag)}/runs/{quote(run_id)}"


def model(name: str) -> str:
    """Return the URL of a registered model in MLflow."""
    return f"{settings().mlflow_browser_url}/#/models/{quote(name)}{TRAINING_VIEW}"


def model_version(name: str, version: int) -> str:
    """Return the URL of a registered model's version in MLflow."""
    return f"{settings().mlflow_browser_url}/#/models/{quote(name)}/versions/{version}{TRAINING_VIEW}"


def mlflow_run(experiment_id: str, run_id: str) -> str:
    """Return the URL of a run in MLflow."""
    return f"{settings().mlflow_browser_url}/#/experiments/{quote(experiment_id)}/runs/{quote(run_id)}{TRAINING_VIEW}"
