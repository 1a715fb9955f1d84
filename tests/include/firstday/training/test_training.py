"""Training: point-in-time rows by the serving statements, repeatable; split by user and time; promoted if better."""

from datetime import UTC, datetime, timedelta

import pytest

from include.firstday import generate_events, registry, store_events, update_features
from include.firstday.prepare import open_lake
from include.firstday.training import best, candidates, training_set
from include.firstday.training.training_set import TooLittleDataError, build_training_set, read, split
from include.firstday.use_case import Candidate, UseCase, UseCaseError

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def load(case: UseCase, end: datetime, days: float) -> None:
    generate_events.generate_history(case, end, days=days)
    store_events.store_events(case)
    update_features.update_features(case)


def test_too_little_data_says_how_much_there_is(churn: UseCase) -> None:
    load(churn, NOON, 0.2)
    with pytest.raises(TooLittleDataError, match=r"0 users have a known label .* at least 200 are needed"):
        build_training_set(churn)


def test_rows_at_the_last_cutoff_are_what_serves_and_the_same_batch_gives_the_same_rows(churn: UseCase) -> None:
    load(churn, NOON, 1.3)
    with open_lake(churn) as opened:
        upto = opened.value("lake/last_stored_batch")
        first = training_set.rows(opened, churn, upto)
    # More events, later, of the same users: nothing that is known up to the first batch changes.
    generate_events.generate_minutes(churn, NOON, NOON + timedelta(minutes=5), since=NOON - timedelta(days=1.3))
    store_events.store_events(churn)
    update_features.update_features(churn)
    with open_lake(churn) as opened:
        assert training_set.rows(opened, churn, upto).equals(first)
    names = ["user_id", *churn.features]
    whole = first.to_pandas().query("cutoff_minutes == 1440")[names].set_index("user_id").sort_index()
    with open_lake(churn, read_only=True) as opened:
        served = opened.query("from user_features").to_pandas()[names].set_index("user_id")
    assert len(whole) > 50
    assert whole.astype(float).equals(served.loc[whole.index].astype(float))


@pytest.mark.parametrize(
    "path", ["os.system", "sklearn.svm.Missing", "sklearn.linear_model.LinearRegression", "pickle.loads"]
)
def test_an_estimator_that_is_not_allowed_is_refused(path: str) -> None:
    with pytest.raises(UseCaseError, match=r"training.candidates: estimator: "):
        candidates.pipeline(Candidate(estimator=path))


@pytest.mark.slow
def test_a_training_is_tested_on_the_newest_users_and_promoted_only_if_better(churn: UseCase) -> None:
    load(churn, NOON, 2.5)
    built = build_training_set(churn)
    train, test = split(read(built))
    assert not set(train["user_id"]) & set(test["user_id"])
    assert train["opened_at"].max() <= test["opened_at"].min()
    results = [candidates.train_candidate(churn, built, name) for name in ("logistic_regression", "ada_boost")]
    tested = best.test_candidate(churn, built, results)
    assert 0.6 < tested["roc_auc"] < 0.97
    assert best.promote_if_better(churn, built, tested)["is_promoted"] is True
    again = best.promote_if_better(churn, built, tested)
    assert again["is_promoted"] is False
    assert "not better by more than chance" in again["reason"]
    champion = registry.champion(churn)
    assert champion is not None
    assert champion.version == tested["version"]
