"""Training: point-in-time rows by the serving statements, repeatable; split by user and time; promoted if better."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.model_selection import GroupKFold

from include.firstday.errors import ModelError, TooLittleDataError, UseCaseError
from include.firstday.features import update_features
from include.firstday.generator import generate_events
from include.firstday.ingest import store_events
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.run import Run
from include.firstday.models import promotion, registry
from include.firstday.models.training import candidates, evaluate, gates, metrics, training_set
from include.firstday.models.training.training_set import build_training_set, read, split
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import Candidate, UseCase

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
    with open_lake(churn) as lake:
        upto = checkpoints.stored(lake).batch_id
        first = training_set.rows(lake, churn, upto)
    # More events, later, of the same users: nothing that is known up to the first batch changes.
    generate_events.generate_minutes(churn, NOON, NOON + timedelta(minutes=5), since=NOON - timedelta(days=1.3))
    store_events.store_events(churn)
    update_features.update_features(churn)
    with open_lake(churn) as lake:
        assert training_set.rows(lake, churn, upto).equals(first)
    names = ["user_id", *churn.features]
    whole = first.to_pandas().query("cutoff_minutes == 1440")[names].set_index("user_id").sort_index()
    with open_lake(churn, read_only=True) as lake:
        served = lake.query("from user_features").to_pandas()[names].set_index("user_id")
    assert len(whole) > 50
    assert whole.astype(float).equals(served.loc[whole.index].astype(float))


@pytest.mark.parametrize(
    "path",
    ["os.system", "sklearn.svm.Missing", "sklearn.linear_model.LinearRegression", "pickle.loads", "catboost.CatBoost"],
)
def test_an_estimator_that_is_not_allowed_is_refused(path: str) -> None:
    with pytest.raises(UseCaseError, match=r"training.candidates: estimator: "):
        candidates.pipeline(Candidate(estimator=path))


@pytest.mark.slow
def test_a_training_is_tested_gated_promoted_and_rolled_back(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "REPEATS", 20)  # of the bootstrap: half a minute's worth otherwise
    money = {"currency": "EUR", "offer_cost": 3, "value_of_retained": 5}  # its costs are those that the use case has
    churn = UseCase.model_validate(churn.model_dump() | {"decision": money})
    load(churn, NOON, 3)
    built = build_training_set(churn)
    train, test = split(read(built))
    assert not set(train["user_id"]) & set(test["user_id"])
    assert train["window_start"].max() <= test["window_start"].min()
    results = [candidates.train_candidate(churn, built, "logistic_regression")]
    again = build_training_set(churn, batch_id=int(built["batch_id"]))
    assert again["sha256"] == built["sha256"]
    repeated = candidates.train_candidate(churn, again, "logistic_regression")
    assert {name: repeated[name] for name in metrics.METRICS} == {name: results[0][name] for name in metrics.METRICS}
    tested = evaluate.evaluate_candidate(churn, built, results)
    assert 0.6 < tested["roc_auc"] < 0.97
    found = tested["overall"]["model"]["log_loss"]
    assert found["low"] < found["value"] < found["high"] < 1
    assert len(tested["by_cutoff"]) == len(churn.training.cutoff_minutes)
    verdict = gates.promote_if_better(churn, built, tested, Run("d", "r", "t"))
    assert verdict["is_promoted"] is True, verdict["reason"]
    assert gates.promote_if_better(churn, built, tested)["is_promoted"] is True  # a repeated task finds it done

    same = tested | {"version": registry.register(churn, tested["run_id"], 0.5)}
    refused = gates.promote_if_better(churn, built, same)
    assert refused["is_promoted"] is False
    assert "better_than_champion: the champion was trained on" in refused["reason"]
    assert registry.champion_version(churn) == tested["version"] == 1
    run = registry.client().get_run(str(built["run_id"]))
    assert run.data.tags["mlflow.runName"] == "version 2: logistic_regression, not promoted"
    assert not [name for name in run.data.metrics if name.endswith(("_low", "_high"))]

    run_id = sabotage(churn, built)
    sabotaged = tested | {"name": "sabotaged", "run_id": run_id, "version": registry.register(churn, run_id, 0.5)}
    refused = gates.promote_if_better(churn, built, sabotaged)
    assert refused["is_promoted"] is False
    assert "beats_base_rate: log_loss, advantage over base_rate: -" in refused["reason"]
    assert seen_in_mlflow(built, "model_card.md").startswith("# First-day churn: version 3, sabotaged")
    assert "<table>" in seen_in_mlflow(built, "model_card.html")
    assert "An offer costs 3 EUR" in seen_in_mlflow(built, "model_card.md")
    profits = tested["profit"]
    assert profits["best"]["value"] >= profits["at_threshold"]["value"]
    assert profits["best_threshold"]["low"] <= profits["best_threshold"]["value"] <= profits["best_threshold"]["high"]
    assert seen_in_mlflow(built, "profit_by_threshold.json").count("[") > 100  # a row per threshold

    promotion.promote(churn, 2, "by hand")
    between = clock.now()
    assert promotion.rollback_model(churn) == (2, 1)
    with pytest.raises(ModelError, match="there is no version 9"):
        promotion.rollback_model(churn, 9)
    assert [live(churn, moment) for moment in (datetime(2000, 1, 1), between, clock.now())] == [None, 2, 1]
    with open_lake(churn, read_only=True) as lake:
        history = lake.query("from promotions order by promoted_at").to_pylist()
    assert [(row["model_version"], row["previous_version"]) for row in history] == [(1, None), (2, 1), (1, 2)]
    assert history[0]["airflow_run"] == "d/r"
    assert history[2]["reason"] == "rolled back from version 2"


def live(case: UseCase, moment: datetime) -> int | None:
    row = promotion.promotion_at(case, moment)
    return row and row["model_version"]


def seen_in_mlflow(built: dict[str, Any], path: str) -> str:
    import mlflow

    return mlflow.artifacts.load_text(f"runs:/{built['run_id']}/{path}")


def sabotage(case: UseCase, built: dict[str, Any]) -> str:
    """The run of a candidate that has learned the labels the wrong way round."""
    train, _ = split(read(built))
    model = candidates.pipeline(case.training.candidates["logistic_regression"])
    model.fit(train[list(case.features)].astype("float64"), 1 - train["label"])
    with registry.start_run(case, "sabotaged", parent_run_id=built["run_id"], nested=True) as run:
        registry.log_model(case, model, {})
    return str(run.info.run_id)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "sklearn.ensemble.ExtraTreesClassifier",
        "sklearn.neighbors.KNeighborsClassifier",
        "sklearn.svm.SVC",
        "sklearn.naive_bayes.GaussianNB",
        "lightgbm.LGBMClassifier",
        "xgboost.XGBClassifier",
    ],
)
def test_any_classifier_is_calibrated_and_kept_without_pickle(tmp_path: Path, path: str) -> None:
    pytest.importorskip(path.partition(".")[0], reason="the library is not installed")
    chance = np.random.default_rng(1)
    features = pd.DataFrame(chance.normal(size=(300, 3)), columns=["a", "b", "c"])
    features.loc[::7, "b"] = np.nan
    labels = (features["a"] + chance.normal(size=300) < 0).astype(int).to_numpy()
    folds = list(GroupKFold(3).split(features, labels, np.arange(300) // 2))
    unfitted = candidates.pipeline(Candidate(estimator=path, scale=True), monotonic=[-1, 0, 0])
    model = candidates.fit_calibrated(unfitted, features, labels, folds)
    skops.io.dump(model, tmp_path / "model.skops")
    loaded = registry._load(tmp_path / "model.skops")
    assert np.array_equal(loaded.predict_proba(features), model.predict_proba(features))
    assert list(loaded.feature_names_in_) == ["a", "b", "c"]
    if path.startswith(registry.LIBRARIES):  # it is held to the direction that it is given
        steps = pd.DataFrame({"a": np.linspace(-3, 3, 50), "b": 0.0, "c": 0.0})
        assert (np.diff(loaded.predict_proba(steps)[:, 1]) <= 0).all()
