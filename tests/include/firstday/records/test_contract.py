"""What a source sends becomes the type of its column, or null."""

import itertools
from decimal import Decimal

import pyarrow as pa
import pytest

from include.firstday.lake import connections
from include.firstday.records import contract

DATES = (
    "2026-11-23",
    "2026-1-3",
    "0001-01-01",
    "2026-02-30",
    "20261123",
    "2026/11/23",
    "-0044-03-15",
    "2026-11-23 (BC)",
)
TIMES = (" 12:00:00", "T12:00:00.123456", "T12:00:00.123456789", "T24:00:00", "T23:59:60", " 1:2:3")


def typed(texts: list[str]) -> list[str | None]:
    with connections.scratch("case") as lake:
        lake.build_rows("given_rows", pa.table({"moment": pa.array(texts, pa.string())}))
        select = contract.typed_rows({"moment": "TIMESTAMP"}, {"moment": "VARCHAR"}, iter(()))
        lake.build_text("arriving_rows", select)
        moments = lake.query("select cast(moment as varchar) as moment from arriving_rows order by _row_number")
        return list(moments["moment"].to_pylist())


def test_the_short_way_to_a_time_is_the_long_one() -> None:
    """Each text beside itself with an offset of nothing, which takes the long way."""
    plain = [date + time for date, time in itertools.product(DATES, TIMES)]
    assert typed(plain) == typed([text + "+00:00" for text in plain])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T12:00:00", "2026-11-23 12:00:00"),
        ("2026-11-23T12:00:00Z", "2026-11-23 12:00:00"),
        ("2026-11-23 12:00:00 UTC", "2026-11-23 12:00:00"),
        ("2026-11-23T12:00:00+02:00", "2026-11-23 10:00:00"),
        ("2026-11-23T12:00:00-0530", "2026-11-23 17:30:00"),
        ("2026-11-23 12:00:00 Europe/Berlin", None),
        ("2026-11-23 (BC)", None),
        ("infinity", None),
        ("epoch", None),
        ("now", None),
        ("", None),
    ],
)
def test_a_time_is_utc_by_its_offset_and_by_no_name(text: str, moment: str | None) -> None:
    assert typed([text]) == [moment]


DECIMALS = [None, *map(Decimal, ("0", "-0.01", "12.3", "-99999.99", "99999.99"))]
MOMENTS = [None, 0, -1, 1_700_000_000, -7_000_000_000, 9_000_000_000]  # seconds
NUMBER = "DECIMAL(18,2)"


def judged(column: pa.Array, kind: str) -> list[tuple[str | None, str | None]]:
    """Values of a column as they become a type, as text, and why a row is rejected."""
    with connections.scratch("case") as lake:
        lake.build_rows("given_rows", pa.table({"given": column}))
        columns = lake.columns("given_rows")
        lake.build_text("arriving_rows", contract.typed_rows({"given": kind}, columns, iter(())))
        rows = lake.query('select cast("given" as varchar) as value, _reason from arriving_rows order by _row_number')
        return [(row["value"], row["_reason"]) for row in rows.to_pylist()]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        *((pa.array(DECIMALS, pa.decimal128(*digits)), NUMBER) for digits in ((18, 2), (7, 2), (38, 2), (20, 3))),
        (pa.array([Decimal("0.005"), Decimal("1.230"), Decimal("-7.001")], pa.decimal128(18, 3)), NUMBER),
        (pa.array([Decimal(10) ** 16, Decimal(10) ** 15], pa.decimal128(20, 2)), NUMBER),
        (pa.array([None, 0, -5, 10**15, 10**16]), NUMBER),
        (pa.array([None, 0.1, -2.5, 1e15, 0.125, float("inf"), float("nan")]), NUMBER),
        (pa.array([None, 0.1, float("inf"), float("nan")]), "DOUBLE"),
        (pa.array([None, 0, 2**31 - 1], pa.int32()), "INTEGER"),
        (pa.array([None, 0, 2**31]), "INTEGER"),
    ],
)
def test_values_that_have_a_type_are_judged_as_their_text_is(column: pa.Array, kind: str) -> None:
    texts = [None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
             for value in column.to_pylist()]  # fmt: skip
    found, expected = judged(column, kind), judged(pa.array(texts, pa.string()), kind)
    assert [value for value, _ in found] == [value for value, _ in expected]
    assert [bool(reason) for _, reason in found] == [bool(reason) for _, reason in expected]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_that_have_a_type_are_utc(unit: str, zone: str | None) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    given = [None if moment is None else moment * per_second for moment in MOMENTS]
    texts = pa.array(MOMENTS, pa.timestamp("s")).cast(pa.string())
    assert judged(pa.array(given, pa.timestamp(unit, zone)), "TIMESTAMP") == judged(texts, "TIMESTAMP")
