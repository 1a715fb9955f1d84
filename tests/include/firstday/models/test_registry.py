"""Models in MLflow's registry: the local cache holds whole files only, and other tools can use them as they are."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.firstday.models import promotion, registry
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase
from tests.servers import free_port


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_a_model_whose_download_was_cut_off_is_fetched_again(churn: UseCase, kept: int) -> None:
    promotion.register_bundled(churn)
    before = registry.champion(churn)
    assert before is not None
    (cached,) = (settings().home / "models" / churn.name).rglob(registry.MODEL_FILE)
    whole = cached.read_bytes()
    cached.write_bytes(whole[:kept])
    registry._load.cache_clear()
    after = registry.champion(churn)
    assert after is not None
    assert after.version == before.version
    assert cached.read_bytes() == whole


def test_a_download_that_was_cut_off_before_the_models_file_is_repeated(churn: UseCase) -> None:
    promotion.register_bundled(churn)
    folder = settings().home / "models" / churn.name / "1"
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors:")
    assert registry.champion(churn) is not None
    assert [path.name for path in folder.parent.iterdir()] == ["1"]


def test_the_bundled_model_is_described_like_any_other(churn: UseCase) -> None:
    promotion.register_bundled(churn)
    (version,) = registry.versions(churn)
    run = registry.client().get_run(version.run_id)
    registered = registry.client().get_model_version(churn.name, "1")
    assert registered.description.startswith("# First-day churn")
    assert registered.description.endswith(registry.CUT)
    assert len(registered.description) <= registry.DESCRIPTION  # or PostgreSQL refuses it
    assert "## Limits" in run.data.tags["mlflow.note.content"]
    assert run.data.params["refit_half_life_hours"] == str(churn.training.refit_half_life_hours)
    assert 0 < run.data.metrics["test_log_loss"] < 1
    experiment = registry.client().get_experiment(version.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


NUMBERS = {
    "floats": lambda rows: rows.astype("float64"),
    "whole numbers": lambda rows: rows.astype("int64"),
    "mixed": lambda rows: rows.astype(dict.fromkeys(rows.columns[::2], "int64")),
    "unknown": lambda rows: rows.astype("float64").mask(rows > 5),
}


@pytest.mark.parametrize("numbers", list(NUMBERS))
def test_its_pyfunc_gives_the_probabilities_that_scoring_gives(churn: UseCase, numbers: str) -> None:
    import mlflow

    promotion.register_bundled(churn)
    rows = NUMBERS[numbers](pd.DataFrame([{name: at for at, name in enumerate(churn.features)}] * 3))
    mlflow.set_tracking_uri(settings().tracking_uri)
    model = mlflow.pyfunc.load_model(f"models:/{churn.name}@champion")
    champion = registry.champion(churn)
    assert champion is not None
    assert np.allclose(model.predict(rows)[:, 1], champion.predict(pa.Table.from_pandas(rows)))
    assert model.input_example.shape == (1, len(churn.features))


@pytest.mark.slow
def test_mlflow_serves_it(churn: UseCase, tmp_path: Path) -> None:
    promotion.register_bundled(churn)
    port = free_port()
    command = [str(Path(sys.executable).parent / "mlflow"), "models", "serve", "-m", f"models:/{churn.name}@champion"]
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": settings().tracking_uri,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), "--env-manager", "local"], env=environment, stdout=log, stderr=log
        )
    try:
        row = [float(at) if at % 2 else at for at in range(len(churn.features))]
        body = {"dataframe_split": {"columns": list(churn.features), "data": [row]}}
        ((stays, churns),) = json.loads(answer(f"http://127.0.0.1:{port}/invocations", body))["predictions"]
        champion = registry.champion(churn)
        assert champion is not None
        table = pa.Table.from_pylist([dict(zip(churn.features, map(float, row), strict=True))])
        assert churns == pytest.approx(champion.predict(table)[0])
        assert stays + churns == pytest.approx(1)
    finally:
        server.terminate()
        server.wait(30)


def answer(url: str, body: object) -> bytes:
    """What a server that is starting answers to a POST."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    for _ in range(240):
        try:
            with urllib.request.urlopen(request, timeout=30) as found:
                return bytes(found.read())
        except URLError as error:
            if isinstance(error, urllib.error.HTTPError):
                raise AssertionError(error.read()) from error
            time.sleep(0.5)
    raise AssertionError("the server did not start within two minutes")
