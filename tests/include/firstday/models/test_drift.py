"""The measures of drift: nothing for the same distribution, much for another, and never an error."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.firstday.models import drift
from include.firstday.models.drift import Reference

CHANCE = np.random.default_rng(1)
TRAINED = CHANCE.normal(0, 1, 5000)
NOONS = np.full(5000, 60)


@pytest.mark.parametrize("measure", ["stability_index", "jensen_shannon"])
@pytest.mark.parametrize(
    ("recent", "low", "high"),
    [
        (CHANCE.normal(0, 1, 2000), 0, 0.1),
        (CHANCE.normal(0.8, 1, 2000), 0.2, 10),
        (np.full(2000, np.nan), 0.9, 100),
        (CHANCE.normal(0, 0.2, 2000), 0.3, 10),
    ],
)
def test_both_measures_tell_the_same_from_another(measure: str, recent: drift.Values, low: float, high: float) -> None:
    found = getattr(Reference.of(TRAINED, NOONS), measure)(recent, np.full(len(recent), 60))
    assert low <= found < high


def test_a_constant_feature_does_not_drift_and_an_unknown_one_does() -> None:
    reference = Reference.of(np.zeros(500), np.full(500, 15))
    assert reference.stability_index(np.zeros(300), np.full(300, 15)) < 0.01
    assert reference.stability_index(np.full(300, np.nan), np.full(300, 15)) > 1


def test_other_shares_of_the_cutoffs_are_no_drift() -> None:
    cutoffs = CHANCE.choice([15, 1440], 4000)
    values = CHANCE.normal(cutoffs / 100, 1)
    reference = Reference.of(values, cutoffs)
    early = np.full(1000, 15)
    assert reference.stability_index(CHANCE.normal(0.15, 1, 1000), early) < 0.05
    assert reference.stability_index(CHANCE.normal(14.4, 1, 1000), early) > 1


@given(st.lists(st.floats(allow_infinity=False, width=32), min_size=1, max_size=50))
@example([0.0] * 6)  # rounding makes their distance the root of less than 0
def test_any_values_have_finite_measures_and_survive_json(values: list[float]) -> None:
    column = np.array(values)
    frame = pd.DataFrame({"x": column, drift.CUTOFF: 15})
    (reference,) = drift.read(json.loads(json.dumps(drift.references(frame)))).values()
    cutoffs = np.full(len(values), 15)
    assert reference.stability_index(column, cutoffs) == pytest.approx(0, abs=1e-9)
    assert np.isfinite(reference.stability_index(-column, cutoffs))
    assert 0 <= reference.jensen_shannon(-column, cutoffs) <= 1
