"""Files of a user's own reach landing under names of their own, and nothing else does."""

from pathlib import Path

import pytest

from include.firstday import landing
from include.firstday.errors import InputError
from include.firstday.ingest.add_files import add_files
from include.firstday.use_case.use_case import UseCase


def file(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_no_file_replaces_another_and_folders_are_taken(churn: UseCase, tmp_path: Path) -> None:
    paths = [file(tmp_path / folder / "x.ndjson", folder) for folder in ("a", "b")]
    file(tmp_path / "folder" / "deep" / "x.ndjson", "c")
    file(tmp_path / "folder" / ".hidden.ndjson", "hidden")
    file(tmp_path / "folder" / "notes.md", "notes")
    added = list(add_files(churn, [*paths, tmp_path / "folder"]))
    assert [one.path.name for one in added if one.target is None] == ["notes.md"]
    pending = landing.pending(churn.name)
    assert sorted(one.name for one in pending) == ["x.ndjson", "x~2.ndjson", "x~3.ndjson"]
    assert sorted(one.path.read_text() for one in pending) == ["a", "b", "c"]


@pytest.mark.parametrize("into", ["postcode", "../../evil", "events", "consumed"])
def test_only_enrichment_tables_are_taken_for_one(churn: UseCase, tmp_path: Path, home: Path, into: str) -> None:
    with pytest.raises(InputError, match="expected an enrichment table of first_day_churn: postcodes"):
        add_files(churn, [file(tmp_path / "x.csv", "postcode")], into)
    assert not list(home.rglob("*.csv"))
    ((added),) = add_files(churn, [tmp_path / "x.csv"], "postcodes")
    assert added.target == landing.folder(churn.name) / "postcodes" / "x.csv"


@pytest.mark.parametrize("name", ["../../evil.ndjson", "/tmp/evil.ndjson"])
def test_nothing_leaves_landing(churn: UseCase, name: str) -> None:
    with pytest.raises(InputError, match="leads out"):
        landing.deliver(churn.name, name, lambda path: path.write_text("x"))


def test_what_is_missing_or_has_another_ending_is_named_before_anything_is_copied(
    churn: UseCase, tmp_path: Path
) -> None:
    good = file(tmp_path / "x.ndjson", "x")
    with pytest.raises(InputError, match=r"notes.md: expected a name ending in"):
        add_files(churn, [good, file(tmp_path / "notes.md", "x")])
    with pytest.raises(InputError, match="expected a file or a folder"):
        add_files(churn, [good, tmp_path / "missing.csv"])
    assert landing.pending(churn.name) == []
