"""A lake whose catalog is lost is refused, and none of its data is deleted."""

import shutil
import uuid
from pathlib import Path

import psycopg2
import pytest

from include.firstday.errors import LakeError, LostCatalogError, NoLakeError, OrphansError
from include.firstday.lake import clock, connections, statements
from include.firstday.operations import maintain_lake
from include.firstday.schema.open_lake import open_lake
from include.firstday.servers import Credentials
from include.firstday.settings import settings
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase


def data_files(home: Path) -> set[Path]:
    return set((home / "lake" / "data").rglob("*.parquet"))


@pytest.fixture
def made(churn: UseCase, home: Path) -> set[Path]:
    """A lake with data files; which they are."""
    with open_lake(churn):
        pass
    assert data_files(home)
    return data_files(home)


def lose(home: Path) -> None:
    for file in (home / "lake").glob("catalog.sqlite*"):
        file.unlink()


@pytest.mark.parametrize("leaves_a_file", [False, True])
def test_data_without_a_catalog_is_refused_and_kept(
    churn: UseCase, home: Path, made: set[Path], leaves_a_file: bool
) -> None:
    lose(home)
    if leaves_a_file:
        (home / "lake" / "catalog.sqlite").touch()
    for read_only in (True, False):
        with pytest.raises(LostCatalogError, match=r"missing or empty.*firstday restore FOLDER.*firstday backup"):
            open_lake(churn, read_only=read_only).__enter__()
    with pytest.raises(LostCatalogError):
        maintain_lake.maintain_lake(churn)
    assert data_files(home) == made
    assert (home / "lake" / "catalog.sqlite").exists() == leaves_a_file


def test_a_catalog_that_knows_another_use_case_only_is_refused(churn: UseCase, home: Path, made: set[Path]) -> None:
    lose(home)
    shutil.move(home / "lake" / "data", home / "kept")
    with open_lake(use_case.load("cart_abandonment")):
        pass
    shutil.copytree(home / "kept", home / "lake" / "data", dirs_exist_ok=True)
    with pytest.raises(LostCatalogError, match=rf"but {home / 'lake/data/first_day_churn'} holds data files"):
        open_lake(churn).__enter__()
    assert made <= data_files(home)


def test_an_empty_postgresql_catalog_beside_data_is_refused(
    churn: UseCase, home: Path, postgres_server: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = postgres_server
    server = psycopg2.connect(host=at.host, port=at.port, user=at.login, dbname=at.schema)
    server.autocommit = True
    for name in (f"lake_{uuid.uuid4().hex}", f"lake_{uuid.uuid4().hex}"):
        server.cursor().execute(f"create database {name}")
        dsn = f"postgres:host={at.host} port={at.port} user={at.login} dbname={name}"
        monkeypatch.setenv("FIRSTDAY_LAKE_CATALOG", dsn)
        settings.cache_clear()
        if not data_files(home):
            with open_lake(churn):
                pass
    server.close()
    before = data_files(home)
    for read_only in (True, False):
        with pytest.raises(LostCatalogError, match=r"the PostgreSQL catalog is missing or empty.*pg_restore"):
            open_lake(churn, read_only=read_only).__enter__()
    assert data_files(home) == before


def orphans(home: Path, count: int, age_days: float) -> list[Path]:
    import os
    import time

    folder = home / "lake" / "data" / "first_day_churn" / "events"
    folder.mkdir(exist_ok=True)
    files = [folder / f"ducklake-{uuid.uuid4()}.parquet" for _ in range(count)]
    for file in files:
        file.write_bytes(b"PAR1")
        os.utime(file, (time.time() - age_days * 86400,) * 2)
    return files


def test_more_orphans_than_the_killed_can_leave_are_kept(churn: UseCase, home: Path, made: set[Path]) -> None:
    left = orphans(home, len(made), 0.5)
    now = maintain_lake.Limits.at(clock.now() + 3 * maintain_lake.DAY)
    with pytest.raises(OrphansError, match=rf"does not know {len(made)} data files.*None was deleted"):
        maintain_lake.maintain_lake(churn, limits=now)
    assert all(file.exists() for file in left)
    for file in left[1:]:
        file.unlink()
    maintain_lake.maintain_lake(churn, limits=now)
    assert not left[0].exists()


def test_no_file_that_is_older_than_the_lake_is_deleted(churn: UseCase, home: Path, made: set[Path]) -> None:
    (left,) = orphans(home, 1, 30)
    with pytest.raises(OrphansError, match="written before the lake was made"):
        maintain_lake.maintain_lake(churn)
    assert left.exists()


def test_a_reading_connection_makes_nothing_and_puts_no_view_back(
    churn: UseCase, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoLakeError):
        open_lake(churn, read_only=True).__enter__()
    assert not home.exists()
    newer = tmp_path / "sql"
    shutil.copytree(statements.SQL, newer)
    view = newer / "use_cases" / "first_day_churn" / "user_features.sql"
    old = view.read_text()
    with monkeypatch.context() as at_work:
        at_work.setattr(statements, "SQL", newer)
        view.write_text(old.replace("select", "select 42 as added,", 1) if "with" not in old.lower() else _with(old))
        with open_lake(churn) as lake:
            assert "added" in lake.columns("user_features")
    # A server that still has the older statements: it must leave the view as it is.
    with open_lake(churn, read_only=True) as lake:
        assert "added" in lake.columns("user_features")
        with pytest.raises(NoLakeError, match="no tables of cart_abandonment yet"):
            connections.connect("cart_abandonment", read_only=True).__enter__()


def _with(text: str) -> str:
    comment, _, select = text.partition("\nwith ")
    return f"{comment}\nselect\n    *,\n    42 as added\nfrom (\nwith {select}\n)"


def test_a_server_sees_a_statement_that_was_changed_after_it_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "SQL", tmp_path)
    (tmp_path / "a.sql").write_text("select 1")
    assert statements.statement("a").text == "select 1"
    (tmp_path / "a.sql").write_text("select $b")
    assert statements.statement("a").text == "select $b"
    assert statements.statement("a").parameters == {"b"}


def test_the_lakes_folder_is_its_owners(churn: UseCase, home: Path) -> None:
    with open_lake(churn):
        pass
    assert (home / "lake").stat().st_mode & 0o777 == 0o700


def test_a_moved_lake_is_refused_with_the_way_to_move_it(
    churn: UseCase, home: Path, made: set[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(home / "lake", elsewhere / "lake")
    monkeypatch.setenv("FIRSTDAY_HOME", str(elsewhere))
    settings.cache_clear()
    where = f"are in {home}/lake/data/, not in {elsewhere}/lake/data"
    with pytest.raises(LakeError, match=f"{where};.*backup FOLDER"):
        open_lake(churn).__enter__()
    assert {path.name for path in data_files(elsewhere)} == {path.name for path in made}


def test_data_that_is_not_the_catalogs_is_refused_by_the_settings_names(
    churn: UseCase, home: Path, made: set[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTDAY_LAKE_DATA", str(tmp_path / "other"))
    settings.cache_clear()
    with pytest.raises(LakeError, match="FIRSTDAY_LAKE_CATALOG and FIRSTDAY_LAKE_DATA"):
        open_lake(churn).__enter__()
    assert not data_files(tmp_path / "other")
    assert data_files(home) == made
