"""The measures of drift: nothing for the same distribution, much for another, and never an error."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.firstday.models import drift
from include.firstday.models.drift import CategoryReference
from include.firstday.models.drift import NumberReference as Reference
from include.firstday.use_case.categories import Category

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


TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=50)


@given(TEXTS, st.lists(st.sampled_from(["a", "b", "x", None]), min_size=1, max_size=50), st.floats(0, 1))
def test_categories_are_counted_by_value_rare_new_and_unknown(
    trained: list[str | None], recent: list[str | None], least: float
) -> None:
    frame = pd.DataFrame({"x": pd.Series(trained, dtype=object), drift.CUTOFF: 15})
    stored = json.loads(json.dumps(drift.references(frame, {"x": Category(least_share=least)})))
    (reference,) = drift.read(stored).values()
    assert isinstance(reference, CategoryReference)
    known = Counter(value for value in trained if value is not None)
    frequent = [value for value in known if known[value] / len(trained) >= least]
    assert sorted(reference.values) == sorted(frequent)
    bins = Counter(
        "unknown"
        if value is None
        else value
        if value in frequent
        else "other values"
        if value in known
        else "new values"
        for value in recent
    )
    values, cutoffs = np.array(recent, dtype=object), np.full(len(recent), 15)
    assert reference.counts(values).tolist() == [bins[name] for name in reference.bins]
    own = np.array(trained, dtype=object)
    assert reference.stability_index(own, np.full(len(own), 15)) == pytest.approx(0, abs=1e-9)
    assert np.isfinite(reference.stability_index(values, cutoffs))
    assert 0 <= reference.jensen_shannon(values, cutoffs) <= 1
    assert reference.unknown_share == pytest.approx(
        (trained.count(None) + 0.5) / (len(own) + 0.5 * len(reference.bins))
    )


def test_a_category_drifts_by_new_values_and_not_by_chance() -> None:
    column = pd.Series(CHANCE.choice(["DE", "FR", "IT"], 3000, p=[0.6, 0.3, 0.1]), dtype=object)
    reference = CategoryReference.of(column, np.full(3000, 60), Category())
    same = CHANCE.choice(["DE", "FR", "IT"], 1000, p=[0.6, 0.3, 0.1]).astype(object)
    other = np.where(CHANCE.random(1000) < 0.2, "PL", same).astype(object)
    cutoffs = np.full(1000, 60)
    assert reference.stability_index(same, cutoffs) < 0.02
    assert reference.stability_index(other, cutoffs) > 0.2
    assert reference.jensen_shannon(other, cutoffs) > 0.15


def test_of_too_many_values_none_is_new() -> None:
    column = pd.Series([f"user {number}" for number in range(drift.MOST_RARE + 1)], dtype=object)
    reference = CategoryReference.of(column, np.full(len(column), 60), Category())
    assert reference.rare is None
    assert reference.counts(np.array(["another"], dtype=object)).tolist() == [1, 0, 0]
