"""Requests of any form, made from the API's own OpenAPI document: no server error, and only documented answers."""

from collections.abc import Callable
from functools import partial

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.plugins.conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
EXAMPLES = 8  # of each operation, each way and each user
WAYS = [
    ("viewer", GenerationMode.POSITIVE),
    ("editor", GenerationMode.NEGATIVE),
    pytest.param("viewer", GenerationMode.NEGATIVE, marks=pytest.mark.release),
    pytest.param("editor", GenerationMode.POSITIVE, marks=pytest.mark.release),
]


@pytest.mark.parametrize(("user", "mode"), WAYS)
def test_no_request_is_answered_otherwise_than_documented(server: Server, user: str, mode: GenerationMode) -> None:
    document = schemathesis.openapi.from_dict(server.ask("/firstday/api/openapi.json", user).json)
    document.config.update(base_url=f"{server.url}/firstday")
    headers = {"Authorization": f"Bearer {server.token(user)}"}
    operations = [result.ok() for result in document.get_all_operations()]
    assert len(operations) > 10
    codes: set[int] = set()
    for operation in operations:
        # Most names of use cases are none: the others reach what is behind them.
        known = {"use_case": "first_day_churn"} if "{use_case}" in operation.path else {}
        for chosen in ({}, known) if known else ({},):
            cases = operation.as_strategy(generation_mode=mode)
            _answer(cases.map(partial(_with, chosen)), lambda case: codes.add(_code(case, headers)))
    assert 200 in codes or mode == GenerationMode.NEGATIVE
    assert not (user == "viewer" and 202 in codes)


def test_a_time_that_is_none_in_utc_is_refused(server: Server) -> None:
    path = "/firstday/api/first_day_churn/predictions?since=0001-01-01T00:00:00%2B14:00"
    assert server.ask(path, "viewer").code == 422


def _with(chosen: dict[str, str], case: schemathesis.Case) -> schemathesis.Case:
    case.path_parameters = (case.path_parameters or {}) | chosen
    return case


def _code(case: schemathesis.Case, headers: dict[str, str]) -> int:
    return int(case.call_and_validate(headers=headers, checks=CHECKS, timeout=60).status_code)


def _answer(cases: SearchStrategy[schemathesis.Case], ask: Callable[[schemathesis.Case], object]) -> None:
    seeded = settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None)
    settings(seeded, suppress_health_check=list(HealthCheck))(given(cases)(ask))()
