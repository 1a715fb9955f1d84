"""Rows are counted by the catalog, without opening a file: as many as are read, as of each snapshot."""

from include.firstday.operations import maintain_lake, status
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase
from tests.minutes import minutes


def counts_as_of(case: UseCase, snapshot: int) -> dict[str, int]:
    """Rows by the catalog, which are those that are read."""
    with open_lake(case, read_only=True, snapshot=snapshot) as lake:
        found = status.tables(lake)
        for table in found:
            assert table["rows"] == lake.count(table["table_name"]), (snapshot, table)
        assert {table["table_name"] for table in found} == lake.tables() - lake.views()
        return {table["table_name"]: table["rows"] for table in found}


def snapshots(case: UseCase) -> list[int]:
    """Those since the lake was made, oldest first."""
    with open_lake(case, read_only=True) as lake:
        numbers = lake.query(
            "select snapshot_id from ducklake_snapshots('lake') where snapshot_id >= "
            "(select max(begin_snapshot) from __ducklake_metadata_lake.ducklake_view) order by snapshot_id"
        )
    return list(numbers["snapshot_id"].to_pylist())


def test_rows_are_those_that_are_read_as_of_each_snapshot_before_and_after_files_are_merged(churn: UseCase) -> None:
    minutes(churn, 0, 2)
    before = {number: counts_as_of(churn, number) for number in snapshots(churn)}
    assert len({counts["events"] for counts in before.values()}) == 3  # none, and after each minute
    maintain_lake.maintain_lake(churn)
    assert {number: counts_as_of(churn, number) for number in before} == before
    minutes(churn, 2, 1)
    last = counts_as_of(churn, snapshots(churn)[-1])
    assert last["events"] > before[max(before)]["events"]
    found = status.summary(churn)
    assert {name: last[name] for name in status.COUNTED} == {name: getattr(found, name) for name in status.COUNTED}
