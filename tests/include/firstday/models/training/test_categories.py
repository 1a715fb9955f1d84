"""A category from generated events to the page: training, MLflow, scoring, reasons, drift, and answers of the API."""

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC

import mlflow
import pandas as pd
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, expect

from include.firstday.errors import InputError, ModelError
from include.firstday.features.model_inputs import as_numbers, inputs_of
from include.firstday.lake import clock
from include.firstday.models import promotion, registry
from include.firstday.models.training import candidates, evaluate, metrics, profile
from include.firstday.models.training.training_set import build_training_set
from include.firstday.monitoring import monitor_model
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring import score_users
from include.firstday.use_case.use_case import UseCase, load
from include.firstday.web import decisions, drift_room, drivers
from include.firstday.web.app import build
from include.firstday.web.reader import Reader
from include.firstday.web.schemas.users import Asked
from tests.include.firstday.models.training import test_training
from tests.light_server import PREFIX, gate_of_everybody
from tests.servers import free_port

DEVICES = {"desktop", "mobile", "tablet"}


@pytest.fixture
def carts() -> UseCase:
    case = load("cart_abandonment")
    training = {"minimum_users": 50, "sampled_moments": 1}
    monitoring = {"minimum_rows": 20}
    return case.model_copy(
        update={
            "training": case.training.model_copy(update=training),
            "monitoring": case.monitoring.model_copy(update=monitoring),
        }
    )


@pytest.mark.slow
def test_a_category_is_trained_on_scored_explained_and_monitored(
    carts: UseCase, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> None:
    monkeypatch.setattr(metrics, "REPEATS", 20)
    test_training.load(carts, clock.now().replace(second=0, microsecond=0, tzinfo=UTC), 1)
    built = build_training_set(carts)
    profile.profile_training_set(carts, built)
    results = [candidates.train_candidate(carts, built, name) for name in carts.training.candidates]
    tested = evaluate.evaluate_candidate(carts, built, results)
    promotion.promote(carts, tested["version"], "test")
    champion = registry.champion(carts)
    assert champion is not None
    assert champion.categories == ("device",)

    logged = mlflow.pyfunc.load_model(f"models:/{carts.name}@champion")
    assert logged.metadata.signature.inputs.to_dict()[0] == {"type": "string", "name": "device", "required": False}
    row = dict(logged.input_example.iloc[0]) if logged.input_example is not None else {}
    assert row["device"] in DEVICES
    rows = pd.DataFrame([row | {"device": value} for value in ("mobile", "fridge", None)])
    assert logged.predict(rows).tolist() == champion.model.predict_proba(inputs_of(carts, rows)).tolist()

    assert score_users.score_users(carts) is not None
    with open_lake(carts, read_only=True) as lake:
        scored = lake.query("select device, reasons, predicted from predictions").to_pandas()
    assert set(scored["device"]) <= DEVICES
    assert len(scored) > 10
    reasons = [one for text in scored["reasons"].dropna() for one in json.loads(text)]
    assert {len(one["features"]) for one in reasons if "device" in one["features"]} <= {1}
    seen = monitor_model.monitor_model(carts)
    assert seen is not None
    measured = {(one.metric, one.subject): one.value for one in seen.measured}
    assert measured["inconsistent_predictions", ""] == 0
    assert measured["psi", "device"] < 0.2
    assert measured["null_share", "device"] == 0
    _asked(carts)
    _shown(carts, browser)
    with pytest.raises(ModelError, match="expected the categories none, found device; train anew"):
        registry.champion(carts.model_copy(update={"categories": {}}))


def _asked(case: UseCase) -> None:
    """What the API answers."""
    reader = Reader(case)
    try:
        answers = {
            device: drivers.predict(reader, Asked(features={"device": device, "add_count": 1}))
            for device in ("mobile", "fridge", "toaster", None)
        }
        assert answers["fridge"].probability == answers["toaster"].probability
        assert answers["mobile"].features["device"] == "mobile"
        assert drivers.predict(reader, Asked(features={"add_count": "1", "device": "mobile"})) == answers["mobile"]
        for features, said in (
            ({"device": 5.0}, "features: device: expected a text, found 5.0"),
            ({"add_count": "many"}, "features: add_count: expected a number, found 'many'"),
            ({"add_count": "nan"}, "features: add_count: expected a number, found 'nan'"),
        ):
            with pytest.raises(InputError, match=said):
                drivers.predict(reader, Asked(features=features))
        shares = drift_room.distribution(reader, "device")
        assert {*shares.bins} == {*DEVICES, "other values", "new values", "unknown"}
        assert sum(shares.current) == pytest.approx(sum(shares.reference)) == pytest.approx(1)
        assert not drift_room.distribution(reader, "add_count").bins
        groups = [group.features for group in decisions.importance(reader).groups]
        assert ["device"] in groups
        assert {*case.features} == {name for group in groups for name in group}
    finally:
        reader.close()


def _shown(case: UseCase, browser: Browser) -> None:
    """What the page shows: values as texts, beside the most frequent one, and bins of their names."""
    with open_lake(case, read_only=True) as lake:
        (row,) = lake.query("from predictions order by probability desc, user_id limit 1").to_pylist()
    with served() as url:
        page = browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}/#{case.name}/users/{row['user_id']}")
        shown = page.locator("[data-table=features] tr", has_text="device")
        expect(shown.locator("td").last).to_have_text(row["device"], timeout=60_000)
        expect(page.locator("[data-table=features] tr", has_text="view_10m_count")).to_be_visible()
        page.goto(f"{url}/#{case.name}/drift?feature=device")
        chart = page.get_by_role("img", name=re.compile("^Distribution of device"))
        expect(chart).to_be_visible(timeout=60_000)
        page.screenshot(path=os.environ.get("SCREENSHOT", os.devnull), type="png", full_page=True)
        page.goto(f"{url}/#{case.name}/api")
        page.fill("#predict-body", json.dumps({"features": {"device": "mobile", "view_10m_count": 3}}))
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_text("by version 1")).to_be_visible(timeout=60_000)
        page.fill("#predict-body", json.dumps({"features": {"device": 3}}))
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_text("features: device: expected a text, found 3.0")).to_be_visible()
        page.close()
    assert errors == []


@contextmanager
def served() -> Iterator[str]:
    """The page of this home, on a thread."""
    app, port = FastAPI(), free_port()
    app.mount(PREFIX, build(gate_of_everybody()))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}{PREFIX}"
    finally:
        server.should_exit = True
        thread.join(20)


def test_arms_are_compared_by_each_frequent_value(carts: UseCase) -> None:
    frame = pd.DataFrame({name: [1.0, 2.0, 3.0] for name in carts.features}).assign(device=["mobile", None, "tablet"])
    names, numbers = as_numbers(carts, inputs_of(carts, frame))
    assert names[:2] == ["device = mobile", "device = tablet"]
    assert names[2:] == list(carts.features[1:])
    assert numbers[:, :3].tolist() == [[1, 0, 1], [0, 0, 2], [0, 1, 3]]
