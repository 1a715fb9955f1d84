"""The API room in Chromium: the form for predict, and each request with an example that runs."""

import json
import os
import subprocess
import time

import pytest
from playwright.sync_api import expect

from tests.include.firstday.web.conftest import USER, Site, Visitor, violations
from tests.installation import get

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_prediction_is_that_of_the_inference_log(visitor: Visitor, site: Site) -> None:
    logged = site.query(f"select * from predictions where user_id = '{USER}' order by batch_id desc limit 1")[0]
    names = next(case["features"] for case in get(f"{site.url}/api/use_cases") if case["name"] == "first_day_churn")
    features = {name: logged[name] for name in names}
    answer = site.post("predict", json.dumps({"features": features}).encode())
    assert answer["probability"] == pytest.approx(logged["probability"], abs=1e-12)
    assert (answer["model_version"], answer["predicted"]) == (logged["model_version"], logged["predicted"])
    begun = time.perf_counter()
    times = []
    for _ in range(20):
        site.post("predict", json.dumps({"user_id": USER}).encode())
        times.append(time.perf_counter() - begun)
        begun = time.perf_counter()
    assert sorted(times)[10] < 1.0
    page = visitor.go("api")
    riskiest = site.api("users?limit=1")["users"][0]["user_id"]
    assert json.loads(page.locator("#predict-body").input_value()) == {"user_id": riskiest}
    page.fill("#predict-body", "{")
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_text("body: expected JSON: ")).to_be_visible()
    page.fill("#predict-body", json.dumps({"user_id": USER}))
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_text("by version 1")).to_be_visible()


def test_the_api_room_shows_every_request_and_its_examples_run(visitor: Visitor, site: Site) -> None:
    document = get(f"{site.url}/api/openapi.json")
    operations = [
        (method, path, about) for path, methods in document["paths"].items() for method, about in methods.items()
    ]
    page = visitor.go("api")
    expect(page.locator("details.request")).to_have_count(len(operations))
    for method, path, about in operations:
        one = page.locator(f"[id='request-{method}-{path}']")
        one.locator("summary").click()
        expect(one.locator("pre")).to_be_visible()  # what follows moves down, and the next click would miss it
        names = {parameter["name"] for parameter in about.get("parameters", [])} - {"use_case"}
        fields = one.locator(".fields-of:has(caption:text-is('Parameters')) tbody td:first-child .mono")
        expect(fields).to_have_count(len(names))
        assert {*fields.all_inner_texts()} == names, path
        assert site.url.split("/firstday")[0] in one.locator("pre").inner_text()
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    lines = page.evaluate(
        "[...document.querySelectorAll('.fields-of .mono')].map((one) => one.getClientRects().length)"
    )
    assert max(lines) <= 2  # no column is as narrow as a letter
    command = page.locator("[id='request-get-/api/{use_case}/status'] pre").inner_text()
    answered = subprocess.run(
        ["bash", "-c", command], capture_output=True, check=True, env={"TOKEN": "x", **os.environ}
    )
    assert json.loads(answered.stdout)["totals"] == site.api("status")["totals"]
    body = (
        page.locator("[id='request-post-/api/{use_case}/query'] pre").inner_text().replace("…", "select 42 as answer")
    )
    answered = subprocess.run(["bash", "-c", body], capture_output=True, check=True, env={"TOKEN": "x", **os.environ})
    assert json.loads(answered.stdout)["rows"] == [[42]]
    page.fill("#requests-find", "rejected/")
    expect(page.locator("details.request:visible")).to_have_count(2)
    assert visitor.errors == []
