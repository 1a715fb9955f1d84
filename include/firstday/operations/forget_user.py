"""Forgetting: the physical erasure of one person from the lake, its files and the artifacts of training.

First a tombstone, so that nothing brings the person back; then every file that can be rewritten; then every table;
then every older version of both; at last a look at all that is left. A killed or failed run is repeated whole.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from include.firstday import landing
from include.firstday.delivery import publish_predictions
from include.firstday.lake.lake import Lake
from include.firstday.lake.retry import retrying
from include.firstday.lake.run import Run
from include.firstday.models import registry
from include.firstday.operations import maintain_lake
from include.firstday.privacy import person_data, tombstones
from include.firstday.privacy.person_data import Person
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

STAGE = "forget_user"
OWN_FOLDERS = ("landing", "lake", "published", "training", "mlflow", "exports", "models")


class TracesLeftError(RuntimeError):
    """Something of the person is left; the message names the files, not the person."""


@dataclass(frozen=True)
class Forgotten:
    """What was erased: rows in tables, files rewritten or deleted, MLflow runs whose artifacts were changed."""

    rows: int
    files: int
    runs: int


@retrying
def forget_user(use_case: UseCase, user_id: str, run: Run | None = None) -> Forgotten:
    """Erase a user everywhere. Raises TracesLeftError where something is left that could not be erased."""
    user_id = user_id.strip()
    if not user_id:
        raise ValueError("user_id: expected the id of a user, found nothing")
    with open_lake(use_case, run or Run(task=STAGE)) as lake:
        with lake.transaction() as commit:
            commit.message = "a user is to be forgotten"
            tombstones.add(lake, user_id)
        person = _person(lake, use_case, user_id)
        files = _scrub_files(use_case, person)
        runs = registry.rewrite_artifacts(use_case, lambda path: _rewrite(path, person), "a person was forgotten")
        with lake.transaction() as commit:
            rows = _erase(lake, person)
            commit.message = f"a user was forgotten: {rows:,} rows erased"
        files += _scrub_files(use_case, person)
        with lake.exclusive():
            maintain_lake.purge(lake)
    _look(person)
    done = Forgotten(rows, files, len(runs))
    log.info("%s", describe(done))
    return done


def describe(done: Forgotten) -> str:
    """One line for people; it does not say who."""
    if not done.rows + done.files + done.runs:
        return "no data of this user was found; later events of the user will not be stored"
    return f"erased {done.rows:,} rows, {done.files:,} files rewritten, {done.runs:,} MLflow runs changed and tagged"


def _person(lake: Lake, use_case: UseCase, user_id: str) -> Person:
    """What the lake knows to be personal of a user, to find them where there is no id."""
    rows = lake.rows("operations/forget_user/person_events", user_id=user_id)
    values = {str(row[name]) for row in rows for name in use_case.personal if row[name] is not None}
    return Person(user_id, tuple(sorted(values)))


def _scrub_files(use_case: UseCase, person: Person) -> int:
    """Rewrite every data file of our own without the person; the number of files that held them."""
    files = [path for folder in _folders(use_case) for path in folder.rglob("*") if path.is_file()]
    return sum(
        person_data.scrub(path, person) for path in files if person_data.is_data(path) and not person_data.is_gone(path)
    )


def _folders(use_case: UseCase) -> Iterator[Path]:
    yield landing.folder(use_case.name)
    yield publish_predictions.folder(use_case)
    yield settings().home / "training" / use_case.name
    yield settings().home / "exports" / use_case.name


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
    for row in lake.rows("operations/forget_user/rejected_with", words=list(person.words)):
        if person_data.is_in_line(row.pop("raw").encode(), person):
            rows += lake.delete_rows("rejected_events", **row)
    return rows


def _look(person: Person) -> None:
    folders = [settings().home / name for name in OWN_FOLDERS]
    left = [path for folder in folders if folder.is_dir() for path in person_data.find(folder, person)]
    if left:
        raise TracesLeftError(
            f"the person is still in {len(left):,} files, {', '.join(map(str, left[:10]))}: a reader or a task that "
            "began before has kept them; run this again"
        )
