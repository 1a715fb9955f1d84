"""A simulated experiment finds the effect that the generator was given, and leaves the installation's home alone."""

from datetime import timedelta
from pathlib import Path

import pytest

from include.firstday.delivery.effects import alerts
from include.firstday.lake import clock
from include.firstday.operations import simulate_experiment as simulation
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import another_home, settings
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
    # Measured as each day ends, and when the last outcome is known.
    midnight = clock.naive(simulation.START) + timedelta(days=1)
    assert [one.measured_at - midnight for one in found.daily] == [timedelta(hours=hours) for hours in (0, 24, 48, 54)]
    assert [one.treated > 0 for one in found.daily] == [False, False, True, True]
    with another_home(tmp_path / "simulated"), open_lake(churn, read_only=True) as lake:
        stored = lake.query("select measured_at, effect from effects order by measured_at").to_pylist()
    assert [(row["measured_at"], row["effect"]) for row in stored] == [
        (one.measured_at, one.effect) for one in found.daily
    ]
    assert settings().home == home
    assert not home.exists()
    assert (tmp_path / "simulated" / "lake").is_dir()
