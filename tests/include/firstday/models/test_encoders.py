"""Categories inside the pipeline: rare, new and unknown values, reasons by feature, and models without pickle."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold

from include.firstday.features import model_inputs
from include.firstday.models import encoders, registry
from include.firstday.models.reasons import Explainer
from include.firstday.models.training import candidates
from include.firstday.use_case import use_case
from include.firstday.use_case.categories import Category
from include.firstday.use_case.use_case import Candidate, Direction, UseCase
from tests.include.firstday.models.test_reasons import CANDIDATES, by_definition, players

ENCODERS = ("one_hot", "target")
COUNTRIES = ["DE", "FR", "IT", None, "XX", "YY"]  # the last two are rare


def with_country(encoder: str, **category: Any) -> tuple[UseCase, pd.DataFrame, "np.typing.NDArray[np.int64]"]:
    """A use case of some numbers and a country, 400 rows and their labels, which depend on the country."""
    features, labels = players()
    chance = np.random.default_rng(2)
    country = chance.choice(np.array(COUNTRIES, dtype=object), len(features), p=[0.4, 0.25, 0.2, 0.1, 0.03, 0.02])
    labels = np.select(
        [country == "FR", country == "IT", pd.isna(country)], [1, 0, np.arange(len(labels)) % 9 > 0], labels
    )
    features.insert(2, "country", country)
    case = use_case.load("first_day_churn").model_copy(
        update={
            "features": tuple(features.columns),
            "categories": {"country": Category(encoder=encoder, least_share=0.06, **category)},
        }
    )
    return case, model_inputs.inputs_of(case, features), labels


def fitted(case: UseCase, candidate: Candidate, features: pd.DataFrame, labels: Any) -> Any:
    folds = list(GroupKFold(3).split(features, labels, np.arange(len(labels)) // 2))
    unfitted = candidates.pipeline(candidate, (), encoders.encoding_of(case, features))
    return candidates.fit_calibrated(unfitted, features, labels, folds)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("name", ["linear", "boosting", "forest"])
def test_a_category_is_one_reason_and_rare_and_new_values_are_alike(name: str, encoder: str, tmp_path: Path) -> None:
    case, features, labels = with_country(encoder)
    skops.io.dump(fitted(case, CANDIDATES[name], features, labels), tmp_path / "model.skops")
    model = registry._load(tmp_path / "model.skops")
    probability = model.predict_proba(features)[:, 1]
    explainer = Explainer(model)
    assert explainer.groups == (("index",), ("bets", "wins"), ("silence",), ("rate",), ("country",))
    assert explainer.typical["country"] == "DE"
    effects = explainer.effects(features, probability)
    assert np.abs(explainer.base + effects.sum(axis=1) - probability).max() < 1e-6
    assert effects[features["country"] == "DE", 4] == pytest.approx(0)  # the most frequent value is the reference
    assert (
        effects[features["country"] == "FR", 4].mean() > 0.05 > -0.05 > effects[features["country"] == "IT", 4].mean()
    )
    rows = np.asarray(explainer._inputs.transform(features), dtype="float64")
    for number in range(0, 400, 57):
        exact = by_definition(explainer, rows[number])
        scale = (probability[number] - explainer.base) / exact.sum()
        assert effects[number] == pytest.approx(exact * scale, abs=1e-9)
    rare, new, unknown = (model.predict_proba(features.assign(country=value)) for value in ("XX", "never seen", None))
    assert np.array_equal(rare, new)
    assert not np.array_equal(unknown, new)


def test_a_model_without_a_form_of_its_own_is_explained_with_categories() -> None:
    case, features, labels = with_country("one_hot")
    model = fitted(case, Candidate(estimator="sklearn.naive_bayes.GaussianNB"), features, labels)
    explainer, some = Explainer(model), features.iloc[:4]
    probability = model.predict_proba(some)[:, 1]
    assert np.abs(explainer.base + explainer.effects(some, probability).sum(axis=1) - probability).max() < 1e-6


def test_numbers_follow_their_directions_beside_categories() -> None:
    case, features, labels = with_country("one_hot")
    case = case.model_copy(
        update={
            "training": case.training.model_copy(
                update={"directions": {"more_bets": Direction(features=("bets",), factor=2)}}
            )
        }
    )
    encoding = encoders.encoding_of(case, features)
    unfitted = candidates.pipeline(CANDIDATES["boosting"], candidates.monotonic_features(case), encoding)
    assert encoding.width == 4  # DE, FR, IT and unknown
    model = unfitted.fit(features, labels)
    before, after = (model.predict_proba(features.assign(bets=features["bets"] * by))[:, 1] for by in (1, 2))
    assert np.max(after - before) < 1e-12


def test_a_target_encoding_is_the_shrunken_mean_and_rare_rows_count_for_no_value() -> None:
    """By the formula of empirical Bayes in scikit-learn's user guide."""
    case, features, labels = with_country("target")
    (encoder,) = encoders.encoding_of(case, features).encoders.values()
    encoder.fit(features[["country"]], labels)
    for value in ("DE", "FR", "IT", None):
        chosen = labels[(features["country"].isna() if value is None else features["country"] == value).to_numpy()]
        weight = labels.var() / (labels.var() + chosen.var() / len(chosen))
        expected = weight * chosen.mean() + (1 - weight) * labels.mean()
        assert encoder.transform(pd.DataFrame({"country": [value]}, dtype=object))[0, 0] == pytest.approx(expected)
    assert encoder.transform(pd.DataFrame({"country": ["XX"]}))[0, 0] == pytest.approx(labels.mean())


VALUES = st.lists(st.sampled_from(["a", "b", "c", "d", "", "é", None]), min_size=1, max_size=60)


@given(VALUES, st.floats(0, 1), st.integers(1, 4))
def test_frequent_values_are_those_of_a_count_by_hand(values: list[str | None], least: float, most: int) -> None:
    column = pd.Series(values, dtype=object)
    counts = Counter(value for value in values if value is not None)
    expected = sorted(
        (value for value in counts if counts[value] / len(values) >= least), key=lambda v: (-counts[v], v)
    )
    assert model_inputs.frequent_values(column, Category(least_share=least, most_values=most)) == expected[:most]
    common = min(counts, key=lambda value: (-counts[value], value)) if counts else None
    is_known = common is not None and counts[common] >= values.count(None)
    assert model_inputs.common_value(column) == (common if is_known else None)


@given(VALUES, VALUES)
def test_any_values_can_be_encoded(trained: list[str | None], scored: list[str | None]) -> None:
    """One column a frequent value and one for unknown, by hand."""
    case, _, _ = with_country("one_hot")
    column = pd.Series(trained, dtype=object)
    (encoder,) = encoders.encoding_of(
        case.model_copy(update={"features": ("country",)}), pd.DataFrame({"country": column})
    ).encoders.values()
    own = [*model_inputs.frequent_values(column, case.categories["country"]), None]
    found = encoder.fit(pd.DataFrame({"country": column})).transform(
        pd.DataFrame({"country": pd.Series(scored, dtype=object)})
    )
    assert found.tolist() == [[float(value == one) for one in own] for value in scored]


def test_numbers_alone_are_what_they_were() -> None:
    features, _ = players()
    case = use_case.load("first_day_churn").model_copy(update={"features": tuple(features.columns)})
    pd.testing.assert_frame_equal(model_inputs.inputs_of(case, features), features.astype("float64"))
    names = [
        name for name, _ in candidates.pipeline(CANDIDATES["linear"], (), encoders.encoding_of(case, features)).steps
    ]
    assert names == ["impute", "scale", "estimate"]
