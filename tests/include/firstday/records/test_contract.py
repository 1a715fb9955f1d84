"""What a source sends becomes the type of its column, or null."""

import itertools

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
