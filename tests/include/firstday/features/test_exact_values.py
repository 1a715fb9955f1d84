"""Sums, means and variances of decimals with 2 to 8 decimals: exact, in any split; `fractions` is the judge."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.firstday.errors import UseCaseError
from include.firstday.lake import connections
from include.firstday.lake.lake import Lake
from include.firstday.schema.value_type import build_value_type
from include.firstday.use_case.use_case import UseCase

OPENED = datetime(2026, 1, 5, 22, 30)
LARGEST = 10**15  # units of the last decimal; a hundred of them stay below the limit of sums of squares
STATE = "select value_count, value_sum, value_sum_of_squares, value_min, value_max from feature_state"


@st.composite
def values(draw: st.DrawFn) -> tuple[int, list[int], int]:
    """A scale, values of one user in units of the last decimal, and how many of them are in the first micro-batch."""
    largest = draw(st.sampled_from([10, 10**4, 10**9, LARGEST]))
    units = draw(st.lists(st.integers(-largest, largest), min_size=1, max_size=100))
    return draw(st.integers(2, 8)), units, draw(st.integers(0, len(units)))


def declare(lake: Lake, case: UseCase, kind: str) -> None:
    """The tables of a use case whose measures.sql has values of a type, of one user with an open window."""
    lake.build_text("measures", f"select cast(null as {kind}) as value limit 0")
    build_value_type(lake, case, "measures")
    lake.execute("lake/feature_state")
    window = {"user_id": "u", "window_start": OPENED, "window_end": OPENED + timedelta(days=1), "batch_id": 1}
    lake.build_rows("windows", pa.Table.from_pylist([window]))
    lake.build_rows("touched_users", pa.Table.from_pylist([{"user_id": "u", "is_recomputed": False}]))


def fold(lake: Lake, scale: int, units: list[int]) -> None:
    """Merge the values of a micro-batch into the state."""
    rows = [
        {"user_id": "u", "event_time": OPENED, "measure": "m", "item": None, "batch_id": 1,
         "value": Decimal(unit).scaleb(-scale)}
        for unit in units
    ]  # fmt: skip
    kinds = {"user_id": pa.string(), "event_time": pa.timestamp("us"), "measure": pa.string(), "item": pa.string(),
             "batch_id": pa.int64(), "value": pa.decimal128(18, scale)}  # fmt: skip
    lake.build_rows("measures", pa.Table.from_pylist(rows, pa.schema(list(kinds.items()))))
    lake.build("features/update_features/window_state")
    lake.build("features/update_features/known_state", opened_from=OPENED)
    lake.build("features/update_features/feature_state_now")
    lake.delete_users("feature_state", of="touched_users")
    lake.insert_from("feature_state", "feature_state_now")


def folded(case: UseCase, scale: int, *batches: list[int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state after some micro-batches, and its numbers as doubles."""
    with connections.scratch(case.name) as lake:
        declare(lake, case, f"decimal(18, {scale})")
        for units in batches:
            fold(lake, scale, units)
        (state,) = lake.query(STATE).to_pylist()
        lake.view("lake/no_recent_state", into="recent_state")
        (doubles,) = lake.rows("lake/feature_values")
    return state, doubles


@settings(max_examples=60)
@given(values())
def test_aggregates_are_exact_in_any_split(churn: UseCase, drawn: tuple[int, list[int], int]) -> None:
    scale, units, first = drawn
    state, doubles = folded(churn, scale, units[:first], units[first:])
    assert (state, doubles) == folded(churn, scale, units)
    count, exact = len(units), [Fraction(unit, 10**scale) for unit in units]
    mean = sum(exact) / count
    squares = sum((value - mean) ** 2 for value in exact)
    assert [Fraction(state[name]) for name in ("value_sum", "value_sum_of_squares", "value_min", "value_max")] == [
        sum(exact), sum(value**2 for value in exact), min(exact), max(exact)
    ]  # fmt: skip
    assert [doubles[name] for name in ("value_sum", "value_mean", "value_var")] == [
        float(sum(exact)), float(mean), float(squares / max(count - 1, 1))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("integer", "DECIMAL(18,2)"),
        ("bigint", "DECIMAL(18,2)"),
        ("boolean", "DECIMAL(18,2)"),
        ("decimal(9, 1)", "DECIMAL(18,2)"),
        ("decimal(20, 2)", "DECIMAL(18,2)"),
        ("decimal(18, 4)", "DECIMAL(18,4)"),
        ("decimal(10, 8)", "DECIMAL(18,8)"),
    ],
)
def test_values_are_kept_with_the_decimals_that_they_are_declared_with(churn: UseCase, kind: str, kept: str) -> None:
    with connections.scratch(churn.name) as lake:
        declare(lake, churn, kind)
        found = lake.columns("feature_state")
    assert (found["value_min"], found["value_max"]) == (kept, kept)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            "double",
            "expected whole numbers or decimals, found DOUBLE, of which sums are rounded and depend on the order",
        ),
        ("varchar", "expected whole numbers or decimals, found VARCHAR"),
        (
            "decimal(18, 9)",
            r"expected at most 8 decimals, found DECIMAL\(18,9\); write cast\(... as decimal\(18, 8\)\)",
        ),
        ("decimal(19, 4)", r"expected at most 18 digits, found DECIMAL\(19,4\)"),
    ],
)
def test_values_that_cannot_be_summed_exactly_are_refused(churn: UseCase, kind: str, said: str) -> None:
    with (
        connections.scratch(churn.name) as lake,
        pytest.raises(UseCaseError, match=f"in sql/use_cases/first_day_churn/measures.sql: value: {said}"),
    ):
        declare(lake, churn, kind)
