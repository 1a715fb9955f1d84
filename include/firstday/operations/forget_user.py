"""Erasure of one user from the lake, its files and the artifacts of training.

First a tombstone, so that no late file stores the user again; then every file that can be rewritten; then every table;
then older versions of both; last, a search for remaining personal data. A killed or failed run is repeated from the
start.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock

from include.firstday import landing
from include.firstday.errors import InputError, TracesLeftError
from include.firstday.ingest import staging
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.models import registry
from include.firstday.operations import maintain_lake
from include.firstday.privacy import person_data, tombstones
from include.firstday.privacy.person_data import Person
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import private_folder, settings
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "forget_user"
CERTIFICATES = "certificates"  # in home
SQL = f"operations/{STAGE}"


@dataclass(frozen=True)
class Forgotten:
    """What was erased: rows in tables, files rewritten or deleted, MLflow runs whose artifacts were changed."""

    rows: int
    files: int
    runs: int
    alike: int = 0  # other ids that differ by surrounding blanks only


@dataclass(frozen=True)
class Held:
    """What is held of a user: rows by table, and files with the user in them."""

    rows: dict[str, int]
    files: int


def find_user(use_case: UseCase, user_id: str) -> Held:
    """Count what an erasure would erase, by the id exactly as stored. Changes nothing."""
    with open_lake(use_case, read_only=True) as lake:
        tables = sorted(lake.tables() - lake.views())
        rows = {table: lake.count(table, user_id=user_id) for table in tables if "user_id" in lake.columns(table)}
        person = _person(lake, use_case, user_id)
        rows["rejected_events"] = sum(1 for _ in _rejected(lake, person))
    folders = [folder for folder in settings().data_folders if folder.is_dir()]
    return Held(rows, sum(1 for folder in folders for _ in person_data.find(folder, person)))


def describe_held(held: Held) -> str:
    """Describe what is held in one line, without the user."""
    rows = ", ".join(f"{count:,} in {table}" for table, count in held.rows.items() if count) or "none"
    return f"dry run, nothing was erased; rows: {rows}; files with the user: {held.files:,}"


def certificate(use_case: UseCase, user_id: str, done: Forgotten, run: Run) -> Path:
    """Write what was erased, when and by whom; return the file. It names the user by the tombstone's hash only."""
    with open_lake(use_case, read_only=True) as lake:
        tombstone = tombstones.of(lake, user_id)
    about = {
        "use_case": use_case.name,
        "user_sha256": tombstone["user_sha256"],
        "salt": tombstone["salt"],
        "erased_at": f"{clock.now().isoformat()}Z",
        "erased_by": run.id,
        "rows": done.rows,
        "files_rewritten": done.files,
        "mlflow_runs_changed": done.runs,
        "files_that_still_hold_the_user": 0,  # or forget_user would have failed
    }
    folder = settings().home / CERTIFICATES
    private_folder(folder)
    path = folder / f"{use_case.name}-{tombstone['user_sha256'][:16]}.json"
    path.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return path


@retrying
def forget_user(
    use_case: UseCase,
    user_id: str,
    run: Run | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Forgotten:
    """Erase a user, by the id exactly as stored. Raises TracesLeftError if personal data remain."""
    if not user_id.strip():
        raise InputError("user_id: expected the id of a user, found nothing")
    settings().home.mkdir(parents=True, exist_ok=True)
    with FileLock(settings().home / "forget_user.lock"), open_lake(use_case, run or Run(task=STAGE)) as lake:
        with lake.transaction() as commit:
            commit.message = "tombstone of a user inserted"
            tombstones.add(lake, user_id)
        person, alike = _person(lake, use_case, user_id), lake.value(f"{SQL}/ids_alike", user_id=user_id)
        for folder in maintain_lake.data_folders(use_case):
            person_data.drop_scrubbed(folder)
        progress(1, 5, "rewriting files")
        files = _scrub_files(lake, use_case, person)
        progress(2, 5, "rewriting artifacts of MLflow")
        runs = registry.rewrite_artifacts(use_case, lambda path: _rewrite(path, person), "a user was erased")
        with lake.transaction() as commit:
            rows = _erase(lake, person)
            commit.message = f"a user was erased: {rows:,} rows"
        files += _scrub_files(lake, use_case, person)
        progress(3, 5, "deleting older snapshots")
        with lake.exclusive():
            maintain_lake.purge(lake)
    progress(4, 5, "searching for remaining data")
    _search(person)
    done = Forgotten(rows, files, len(runs), alike)
    log.info("%s", describe(done))
    return done


def describe(done: Forgotten) -> str:
    """Describe the result in one line, without the user."""
    found = f"erased {done.rows:,} rows, {done.files:,} files rewritten, {done.runs:,} MLflow runs changed and tagged"
    if not done.rows + done.files + done.runs:
        found = "no data of this user was found; later events of the user will not be stored"
    if not done.alike:
        return found
    others = "1 other id differs" if done.alike == 1 else f"{done.alike:,} other ids differ"
    return f"{found}; {others} from this one by surrounding blanks only: erase what belongs to the same person, too"


def _person(lake: Lake, use_case: UseCase, user_id: str) -> Person:
    """Return a user's personal values in the lake, to find rows and files without the id."""
    rows = lake.rows_of("events", user_id=user_id)
    values = {str(row[name]) for row in rows for name in use_case.personal if row[name] is not None}
    return Person(user_id, tuple(sorted(values)))


def _scrub_files(lake: Lake, use_case: UseCase, person: Person) -> int:
    """Rewrite every data file of Firstday without the user; return the number of rewritten files."""
    landed, *written = maintain_lake.data_folders(use_case)
    for path in landed.rglob("*"):
        if path.is_file() and (name := person.without_id(path.name)) != path.name:
            landing.rename(path, name)
    count = person_data.scrub_folder(landed, person, partial(_note_rewritten, lake))
    return count + sum(person_data.scrub_folder(folder, person) for folder in written)


def _note_rewritten(lake: Lake, copies: Mapping[Path, Path]) -> None:
    """Record the hash of each rewritten copy before it replaces its file, so that its rows are not stored again."""
    hashes = {copy: sha256 for path, copy in copies.items() if (sha256 := landing.sha256(path))}
    originals = staging.original_hashes(lake, hashes.values())
    rows = [
        {
            "sha256": landing.sha256(copy),
            "original_sha256": originals.get(sha256, sha256),
            "rewritten_at": clock.now(),
        }
        for copy, sha256 in hashes.items()
    ]
    if rows:
        with lake.transaction() as commit:
            commit.message = f"{len(rows):,} landing files are rewritten without a user"
            lake.append("rewritten_files", pa.Table.from_pylist(rows))


def _rewrite(path: Path, person: Person) -> bool:
    if person_data.is_data(path):
        return person_data.scrub(path, person)
    if person.is_in_bytes(path.read_bytes()):
        path.unlink()
        return True
    return False


def _erase(lake: Lake, person: Person) -> int:
    tables = sorted(lake.tables() - lake.views())
    rows = sum(lake.erase(table, [person.user_id]) for table in tables if "user_id" in lake.columns(table))
    for table in tables:
        if "source_file" in lake.columns(table):
            lake.change_values(table, "source_file", person.user_id, person.without_id)
    return rows + sum(lake.delete_rows("rejected_events", **row) for row in _rejected(lake, person))


def _rejected(lake: Lake, person: Person) -> Iterator[dict[str, Any]]:
    """Rejected rows that hold a user, without their text."""
    for row in lake.rows(f"{SQL}/rejected_with", words=list(person.words)):
        if person_data.is_in_line(row.pop("raw").encode(), person):
            yield row


def _search(person: Person) -> None:
    folders = [folder for folder in settings().data_folders if folder.is_dir()]
    left = [path for folder in folders for path in person_data.find(folder, person)]
    if left:
        raise TracesLeftError(
            f"the user is still in {len(left):,} files, {', '.join(map(str, left[:10]))}: a reader or a task that "
            "started before keeps them; repeat the erasure"
        )
