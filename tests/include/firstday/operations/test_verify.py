"""Each data file has the hash that its commit recorded; what differs is found, named, and spread no further."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pyarrow import fs

from include.firstday import landing
from include.firstday.__main__ import main
from include.firstday.errors import DamagedFilesError, InputError
from include.firstday.features import rebuild_features
from include.firstday.lake import clock
from include.firstday.operations import backup, forget_user, maintain_lake, verify
from include.firstday.schema.open_lake import open_lake
from include.firstday.servers import Credentials
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase
from tests.minutes import NOON, minutes


def newest(home: Path, table: str) -> Path:
    files = (home / "lake" / "data" / "first_day_churn" / table).rglob("*.parquet")
    return max((file for file in files if "delete" not in file.name), key=lambda file: file.stat().st_mtime_ns)


def flip(file: Path, at: float = 0.4) -> None:
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 1
    file.write_bytes(content)


def snapshots(case: UseCase) -> set[int]:
    with open_lake(case, read_only=True) as lake:
        return set(lake.query("select snapshot_id from ducklake_snapshots('lake')").column("snapshot_id").to_pylist())


def is_whole(case: UseCase) -> bool:
    found = verify.verify()
    return found.files > 0 and found.damaged == () and found.unrecorded == 0


def test_every_file_has_its_hash_from_its_commit_on_through_maintenance_and_expiry(churn: UseCase) -> None:
    minutes(churn, 0, 3)
    assert is_whole(churn)
    maintain_lake.maintain_lake(churn)
    assert is_whole(churn)
    rebuild_features.rebuild_features(churn)
    minutes(churn, 3, 1)
    now = clock.now() + timedelta(seconds=1)
    everything = maintain_lake.Limits(now, now, now + timedelta(days=1), now - timedelta(days=2), now, now)
    older = snapshots(churn)
    maintain_lake.maintain_lake(churn, limits=everything)
    assert len(older & snapshots(churn)) <= 1
    assert is_whole(churn)
    maintain_lake.maintain_lake(churn)
    with open_lake(churn) as lake:
        known = {row["path"] for row in lake.rows(f"{verify.SQL}/known_files")}
        kept = lake.query("select path from lake.main.file_hashes").column("path").to_pylist()
    assert len(kept) == len(set(kept))
    assert set(kept) <= known
    forget_user.forget_user(churn, "nobody")
    assert is_whole(churn)


def test_it_is_so_on_postgresql_and_s3(
    churn: UseCase, home: Path, catalog: str, on_s3: str, s3_server: Credentials
) -> None:
    minutes(churn, 0, 2)
    assert is_whole(churn)
    maintain_lake.maintain_lake(churn)
    minutes(churn, 2, 1)
    assert is_whole(churn)
    store = fs.S3FileSystem(
        endpoint_override=s3_server.extra["endpoint_url"].removeprefix("http://"),
        scheme="http",
        access_key=s3_server.login,
        secret_key=s3_server.password,
        region="us-east-1",
    )
    with open_lake(churn, read_only=True) as lake:
        listed = lake.query("select data_file from ducklake_list_files('lake', 'users', schema => 'first_day_churn')")
    path = str(listed.column("data_file")[0]).removeprefix(f"s3://{on_s3}/lake/")
    with store.open_input_stream(f"{on_s3}/lake/{path}") as file:
        content = bytearray(file.read())
    content[len(content) // 2] ^= 1
    with store.open_output_stream(f"{on_s3}/lake/{path}") as file:
        file.write(bytes(content))
    assert [damage.path for damage in verify.verify().damaged] == [path]
    with pytest.raises(DamagedFilesError):
        maintain_lake.maintain_lake(churn)


@pytest.mark.parametrize("table", ["main/file_hashes", "first_day_churn/consumed_files"])
def test_wherever_a_file_that_verify_itself_reads_is_damaged_it_alone_is_named(
    churn: UseCase, home: Path, table: str
) -> None:
    """Some flips leave it readable, with a wrong hash of a sound file or a wrong name of a landing file."""
    minutes(churn, 0, 3)
    with open_lake(churn) as lake, lake.exclusive():
        maintain_lake.purge(lake)  # with the snapshots go their hashes: the table alone has most
    data = home / "lake" / "data"
    file = max((data / table).rglob("*.parquet"), key=lambda file: file.stat().st_mtime_ns)
    whole = file.read_bytes()
    for step in range(20):
        flip(file, step / 20)
        assert [damage.path for damage in verify.verify().damaged] == [str(file.relative_to(data))], step
        file.write_bytes(whole)


@pytest.mark.parametrize("table", ["events", "users", "consumed_files"])
def test_a_flipped_bit_is_found_and_named_with_the_landing_files_that_could_replace_it(
    churn: UseCase, home: Path, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes(churn, 0, 2)
    assert main(["verify"]) == 0
    assert "0 damaged" in capsys.readouterr().out
    damaged = newest(home, table)
    flip(damaged)
    assert main(["verify"]) == 1
    out = capsys.readouterr().out
    assert f"{damaged.relative_to(home / 'lake' / 'data')}: changed: expected SHA-256 " in out
    if table == "events":
        assert "holds rows of first_day_churn.events from micro-batch 2" in out
        assert "landing files that hold them: events-20261120T1201.ndjson.gz (in consumed/)" in out
        shutil.rmtree(landing.folder(churn.name) / landing.CONSUMED)
        assert main(["verify"]) == 1
        assert "no longer kept in consumed/: events-20261120T1201.ndjson.gz" in capsys.readouterr().out


def test_a_missing_and_a_cut_file_are_damaged_and_a_restored_one_is_not(churn: UseCase, home: Path) -> None:
    minutes(churn, 0, 2)
    gone, cut = newest(home, "users"), newest(home, "events")
    whole = gone.read_bytes(), cut.read_bytes()
    gone.unlink()
    cut.write_bytes(whole[1][:-7])
    found = {damage.path: damage.problem.partition(":")[0] for damage in verify.verify().damaged}
    data = home / "lake" / "data"
    assert found == {str(gone.relative_to(data)): "missing", str(cut.relative_to(data)): "changed"}
    gone.write_bytes(whole[0])
    cut.write_bytes(whole[1])
    assert is_whole(churn)


def test_the_shares_of_the_hours_are_all_files_each_once(churn: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    minutes(churn, 0, 1)
    with open_lake(churn, read_only=True) as lake:
        paths = [row["path"] for row in lake.rows(f"{verify.SQL}/known_files")]
    hours = [NOON + timedelta(hours=hour) for hour in range(24)]
    read = [path for hour in hours for path in paths if verify.is_due(path, 1 / 24, hour)]
    assert sorted(read) == sorted(paths)
    with pytest.raises(InputError, match="share: expected a number above 0 and at most 1, found 2"):
        verify.verify(2)


@pytest.mark.parametrize("spoil", [flip, Path.unlink])
def test_maintenance_stops_at_a_damaged_file_and_merges_and_deletes_nothing(
    churn: UseCase, home: Path, spoil: Callable[[Path], None]
) -> None:
    minutes(churn, 0, 3)
    damaged = newest(home, "events")
    consumed = sorted((landing.folder(churn.name) / landing.CONSUMED).iterdir())
    spoil(damaged)
    before = set((home / "lake" / "data").rglob("events/**/*.parquet"))
    with pytest.raises(DamagedFilesError, match=damaged.name):
        maintain_lake.maintain_lake(churn)
    assert set((home / "lake" / "data").rglob("events/**/*.parquet")) == before
    assert sorted((landing.folder(churn.name) / landing.CONSUMED).iterdir()) == consumed


def test_files_of_an_older_version_get_their_hash_at_the_next_maintenance(churn: UseCase) -> None:
    minutes(churn, 0, 1)
    with open_lake(churn) as lake:
        lake._connection.execute(
            "insert into users select * from users limit 0; insert into postcodes values ('1', 2, 0)"
        )
    assert verify.verify().unrecorded == 1
    maintain_lake.maintain_lake(churn)
    assert is_whole(churn)


def test_a_backup_carries_hashes_and_a_damaged_one_is_refused_by_name(
    churn: UseCase, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes(churn, 0, 2)
    copy = tmp_path / "copy"
    assert main(["backup", str(copy)]) == 0
    assert main(["verify-backup", str(copy)]) == 0
    manifest = json.loads((copy / "manifest.json").read_text())
    files = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    assert files == {*manifest, "manifest.json", "backup.json"}
    monkeypatch.setenv("FIRSTDAY_HOME", str(tmp_path / "new"))
    settings.cache_clear()
    for name in (newest(home, "events").relative_to(home / "lake"), Path("catalog.sqlite"), Path("manifest.json")):
        whole = (copy / name).read_bytes()
        flip(copy / name)
        for command in ("verify-backup", "restore"):
            assert main([command, str(copy)]) == 1
            assert str(name) in capsys.readouterr().err
        assert not list((tmp_path / "new").rglob("*.parquet"))
        assert not (tmp_path / "new" / "lake" / "catalog.sqlite").exists()
        (copy / name).write_bytes(whole)
    assert main(["restore", str(copy)]) == 0
    assert is_whole(churn)


def test_a_damaged_lake_is_not_backed_up(
    churn: UseCase, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes(churn, 0, 2)
    damaged = newest(home, "events")
    flip(damaged)
    assert main(["backup", str(tmp_path / "copy")]) == 1
    assert damaged.name in capsys.readouterr().err
    assert list(tmp_path.glob("*copy*")) == []


@pytest.mark.parametrize("length", [10, 5000, -4096])
def test_a_truncated_catalog_is_one_sentence(
    churn: UseCase, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], length: int
) -> None:
    minutes(churn, 0, 1)
    catalog = home / "lake" / "catalog.sqlite"
    catalog.write_bytes(catalog.read_bytes()[:length])
    for command in (["backup", str(tmp_path / "copy")], ["status"], ["verify"]):
        assert main(command) == 1
        error = capsys.readouterr().err
        assert error.startswith("firstday: ")
        assert str(catalog.parent) in error
    with pytest.raises(backup.BackupError, match=r"the catalog is damaged .*; restore the newest backup"):
        backup.backup(tmp_path / "copy")
