"""A simulated experiment finds the effect that the generator was given, and leaves the installation's home alone."""

from datetime import timedelta
from pathlib import Path

import pytest

from include.firstday.delivery.effects import alerts
from include.firstday.operations import simulate_experiment as simulation
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase


@pytest.mark.slow
def test_the_effect_on_generated_users_is_found(
    churn: UseCase, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "STEP", timedelta(hours=6))
    found = simulation.simulate_experiment(churn, tmp_path / "simulated", days=1, effect=0.4)
    measured = found.measured
    assert found.true_effect > 0.25
    assert measured.low < found.true_effect < measured.high
    assert measured.is_shown
    assert measured.treated + measured.holdout == measured.entered > 300
    assert list(alerts(measured)) == []
    assert settings().home == home
    assert not home.exists()
    assert (tmp_path / "simulated" / "lake").is_dir()
