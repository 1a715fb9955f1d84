"""Monitoring: nothing on a stationary stream, a warning on a shifted one, and the truth once labels are known."""

from datetime import UTC, datetime

import numpy as np
import pytest

from include.firstday import generate_events, monitor_model, registry, score_users, store_events, update_features
from include.firstday.prepare import open_lake
from include.firstday.training import best, candidates
from include.firstday.training.training_set import build_training_set
from include.firstday.use_case import UseCase

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_the_index_is_near_zero_for_the_same_and_large_for_a_shift() -> None:
    chance = np.random.default_rng(1)
    reference, same, shifted = chance.normal(0, 1, 5000), chance.normal(0, 1, 2000), chance.normal(1, 1, 2000)
    assert monitor_model.stability_index(reference, same) < 0.02
    assert monitor_model.stability_index(reference, shifted) > 0.5


def test_unknown_values_and_constant_features_are_no_error() -> None:
    constant, unknown = np.zeros(500), np.full(500, np.nan)
    assert monitor_model.stability_index(constant, constant) == 0
    assert monitor_model.stability_index(np.append(constant, unknown), unknown) > 0.2


@pytest.mark.slow
def test_a_look_measures_once_what_came_and_what_became_known(churn: UseCase) -> None:
    generate_events.generate_history(churn, NOON, days=2.5)
    store_events.store_events(churn)
    update_features.update_features(churn)
    built = build_training_set(churn)
    tested = best.test_candidate(churn, built, [candidates.train_candidate(churn, built, "logistic_regression")])
    registry.promote(churn, tested["version"])
    score_users.score_users(churn)
    found = monitor_model.monitor_model(churn)
    assert found is not None
    metrics = {(measured.metric, measured.subject): measured.value for measured in found}
    assert metrics["rows_stored", ""] > 100_000
    assert {subject for metric, subject in metrics if metric == "psi"} == set(churn.features)
    assert metrics["psi", "socioeconomic_idx"] < monitor_model.DRIFTED
    assert 0.6 < metrics["realised_roc_auc", ""] < 1
    assert monitor_model.monitor_model(churn) is None
    with open_lake(churn, read_only=True) as opened:
        assert opened.query("select count(*) as n from monitoring").to_pylist() == [{"n": len(found)}]
