"""The versions in a form are those of the registry, read without MLflow; where it is another server there are none."""

import subprocess
import sys
from pathlib import Path

import pytest

from include.firstday.models import promotion, registry
from include.firstday.models.known_versions import known_versions
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case.use_case import UseCase


def test_they_are_those_of_the_registry(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    assert known_versions(churn.name) == {}
    promotion.register_bundled(churn)
    assert known_versions(churn.name) == {
        version.number: f"version {version.number}, {', '.join(sorted(version.aliases))}"
        for version in registry.versions(churn)
    }
    assert known_versions("another") == {}
    monkeypatch.setenv("FIRSTDAY_MLFLOW_URL", "http://mlflow.example")
    settings.cache_clear()
    assert known_versions(churn.name) == {}


def test_a_form_lists_them_without_importing_mlflow(churn: UseCase, home: Path) -> None:
    promotion.register_bundled(churn)
    script = (
        "import sys; from dags.rollback_model import version; "
        "schema = version('first_day_churn').schema; "
        "print(schema['enum'], schema['values_display'], 'mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == (
        "[None, 1] {'null': 'the champion before', '1': 'version 1, challenger, champion'} False"
    )
