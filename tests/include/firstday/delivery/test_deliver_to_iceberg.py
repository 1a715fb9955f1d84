"""Delivery to an Iceberg table: exactly once, whatever is killed, and with the columns that the use case has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog

from include.firstday.delivery import deliver_predictions
from include.firstday.errors import DeliveryError, UseCaseError
from include.firstday.lake import checkpoints
from include.firstday.lake.connections import extension_file
from include.firstday.schema.open_lake import open_lake
from include.firstday.servers import Credentials
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.delivery.test_deliver_predictions import begin, forget_pause, predict, with_targets

TABLE = "analytics.churn"
SECRET = "not-in-any-log"


@pytest.fixture
def at(tmp_path: Path) -> Credentials:
    """The connection of a catalog in SQLite, with its files beside it."""
    return Credentials(
        extra={"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": f"file://{tmp_path}/warehouse"}
    )


@pytest.fixture
def catalog(at: Credentials) -> Iterator[Catalog]:
    with load_catalog("default", **at.extra) as opened:
        yield opened


@pytest.fixture
def case(churn: UseCase) -> UseCase:
    made = with_targets(churn, warehouse={"kind": "iceberg", "table": TABLE, "when": {"probability_from": 0}})
    begin(made)
    return made


def deliver(case: UseCase, at: Credentials) -> int | None:
    done = deliver_predictions.deliver_predictions(case, "warehouse", at)
    return None if done is None else done.predictions


def rows(catalog: Catalog) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = catalog.load_table(TABLE).scan().to_arrow().to_pylist()
    return sorted(found, key=lambda row: str(row["id"]))


def by_duckdb(catalog: Catalog, text: str) -> list[tuple[Any, ...]]:
    """The rows of a query on `churn`, by a reader that shares nothing with the writer."""
    with duckdb.connect() as connection:
        for extension in ("avro", "iceberg"):
            connection.execute(f"load '{extension_file(extension)}'")
        location = catalog.load_table(TABLE).metadata_location
        connection.execute(f"create view churn as from iceberg_scan('{location}')")
        return connection.execute(text).fetchall()


def killed_before_its_commit(case: UseCase, at: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery that ends between what the target has accepted and the checkpoint."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "advance", killed)
        with pytest.raises(KeyboardInterrupt):
            deliver(case, at)


def test_each_prediction_is_a_row_with_its_features(case: UseCase, at: Credentials, catalog: Catalog) -> None:
    predict(case, {"a": 0.9, "b": 0.1}, {"a": 0.4})
    assert deliver(case, at) == 3
    assert deliver(case, at) is None
    assert [row["id"] for row in rows(catalog)] == [f"first_day_churn/{place}" for place in ("1/a", "1/b", "2/a")]
    assert list(rows(catalog)[0])[: len(case.features)] == list(case.features)
    assert str(rows(catalog)[0]["scored_at"]) == "2026-11-20 12:00:00+00:00"
    found = by_duckdb(catalog, "select id, probability, predicted, bet_count from churn order by id")
    assert [row[:3] for row in found] == [
        ("first_day_churn/1/a", 0.9, True), ("first_day_churn/1/b", 0.1, False), ("first_day_churn/2/a", 0.4, False)
    ]  # fmt: skip
    assert len(list(catalog.load_table(TABLE).snapshots())) == 2


def test_a_killed_delivery_is_not_repeated(
    case: UseCase, at: Credentials, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(case, {"a": 0.9}, {"a": 0.8})
    for _ in range(2):
        killed_before_its_commit(case, at, monkeypatch)
    assert len(rows(catalog)) == 1
    assert deliver(case, at) == 2
    assert [row["id"] for row in rows(catalog)] == ["first_day_churn/1/a", "first_day_churn/2/a"]
    with open_lake(case, read_only=True) as lake:
        assert lake.count("deliveries") == 2


def test_nor_where_its_snapshot_has_been_expired_meanwhile(
    case: UseCase, at: Credentials, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(case, {"a": 0.9})
    killed_before_its_commit(case, at, monkeypatch)
    table = catalog.load_table(TABLE)
    (delivered,) = table.snapshots()
    table.delete("id = 'no such row'")
    table.append(table.scan().to_arrow().slice(0, 0))  # a snapshot of somebody else's
    table.maintenance.expire_snapshots().by_id(delivered.snapshot_id).commit()
    assert deliver(case, at) == 1
    assert len(rows(catalog)) == 1


def test_a_new_lake_of_the_same_use_case_is_no_repeat(
    case: UseCase, at: Credentials, catalog: Catalog, tmp_path: Path
) -> None:
    predict(case, {"a": 0.9})
    deliver(case, at)
    with open_lake(case) as lake, lake.transaction():  # as if all had begun again a day later
        lake._connection.execute("delete from deliveries")
        lake._connection.execute("update checkpoints set batch_id = 0")
        lake._connection.execute("update predictions set scored_at = scored_at + interval 1 day")
        lake._connection.execute("update checkpoints set batch_id = 1 where stage = 'score_users'")
    assert deliver(case, at) == 1
    assert len(rows(catalog)) == 2


def test_columns_follow_the_use_case(case: UseCase, at: Credentials, catalog: Catalog) -> None:
    few = case.model_copy(update={"features": case.features[:2]})
    predict(few, {"a": 0.9})
    deliver(few, at)
    assert "win_rate" not in catalog.load_table(TABLE).schema().column_names
    predict(case, {"b": 0.9})
    deliver(case, at)
    assert set(case.features) <= set(catalog.load_table(TABLE).schema().column_names)
    predict(few, {"c": 0.9})
    deliver(few, at)
    assert [row["user_id"] for row in rows(catalog)] == ["a", "b", "c"]
    assert by_duckdb(catalog, "select count(*), count(win_rate) from churn") == [(3, 0)]


def test_a_table_that_does_not_fit_is_a_failure_that_names_the_column(
    case: UseCase, at: Credentials, catalog: Catalog
) -> None:
    catalog.create_namespace("analytics")
    catalog.create_table(TABLE, pa.schema([("user_id", pa.int64())]))
    predict(case, {"a": 0.9})
    with pytest.raises(DeliveryError, match=r"(?s)warehouse: Iceberg error: .*user_id"):
        deliver(case, at)
    catalog.drop_table(TABLE)
    forget_pause(case)
    assert deliver(case, at) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "sql", "uri": "sqlite:////no/such/folder/catalog.db", "warehouse": "file:///tmp"},
        {"type": "rest", "uri": "http://127.0.0.1:1"},
        {"type": "no such kind"},
        {},
    ],
)
def test_a_catalog_that_cannot_be_had_is_a_failure(case: UseCase, wrong: dict[str, str]) -> None:
    predict(case, {"a": 0.9})
    with pytest.raises(DeliveryError, match="warehouse: Iceberg error: ") as failed:
        deliver(case, Credentials(login="firstday", password=SECRET, extra=wrong))
    assert SECRET not in str(failed.value)


def test_two_targets_do_not_share_a_table(churn: UseCase) -> None:
    one = {"kind": "iceberg", "table": TABLE}
    with pytest.raises(ValueError, match=r"targets\.other\.table: expected another table than that of warehouse"):
        with_targets(churn, warehouse=one, other=one)
    with_targets(churn, warehouse=one, other=one | {"table": "analytics.all"})
    with pytest.raises((ValueError, UseCaseError), match="table"):
        with_targets(churn, warehouse=one | {"table": "no_namespace"})
