"""Tombstones: a salted hash of each erased user's id, by which later rows of the user are recognised and dropped.

Whatever writes rows of users drops those of erased users in the transaction that writes, as they may have been erased
since the rows were read.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.privacy import person_data
from include.firstday.privacy.person_data import Person

TABLE = "tombstones"


@dataclass(frozen=True)
class Dropped:
    """The number of staged rows of one erased user from one landing file."""

    source_file: str
    user_id: str
    events: int
    rejects: int


def add(lake: Lake, user_id: str) -> bool:
    """Insert a user's tombstone, inside a transaction; False if there is one."""
    known = lake.rows_of(TABLE)
    salt = known[0]["salt"] if known else secrets.token_hex(16)
    user_sha256 = _sha256(salt, user_id)
    if user_sha256 in {row["user_sha256"] for row in known}:
        return False
    lake.insert_row("tombstones", user_sha256=user_sha256, salt=salt, forgotten_at=clock.now(), airflow_run=lake.run_id)
    return True


def of(lake: Lake, user_id: str) -> dict[str, str]:
    """An erased user's hash and its salt. Raises LookupError where the user has no tombstone."""
    for row in lake.rows_of(TABLE):
        if row["user_sha256"] == _sha256(row["salt"], user_id):
            return {"user_sha256": row["user_sha256"], "salt": row["salt"]}
    raise LookupError("the user has no tombstone")


def is_anyone(lake: Lake) -> bool:
    """Whether any user has been erased."""
    return lake.has_rows(TABLE)


def erased_among(lake: Lake, user_ids: Iterable[str]) -> set[str]:
    """Those of some user ids that have a tombstone."""
    known = lake.rows_of(TABLE)
    hashes = {row["user_sha256"] for row in known}
    return {user_id for user_id in user_ids if _sha256(known[0]["salt"], user_id) in hashes} if known else set()


def erased_in_file(lake: Lake, path: Path) -> list[str]:
    """Ids with a tombstone that are words of a truncated or corrupt file, if long enough to be no chance."""
    if not is_anyone(lake):
        return []
    found = {word for line in person_data.some_text(path).splitlines() for word in person_data.words(line)}
    return sorted(erased_among(lake, (word for word in found if len(word) >= person_data.SURE_LENGTH)))


def scrub_written(lake: Lake, path: Path, user_ids: Iterable[str]) -> int:
    """Rewrite a file that has just appeared without the users who were erased since its rows were read.

    Returns how many there were. Who is erased after this call is found in the file by forget_user.
    """
    return sum(person_data.scrub(path, Person(user_id)) for user_id in sorted(erased_among(lake, user_ids)))


def erased_in(lake: Lake, table: str) -> list[str]:
    """Ids of erased users in a temporary table or view; none where it has no `user_id`."""
    if not is_anyone(lake) or "user_id" not in lake.columns(table):
        return []
    lake.build_distinct("users_in_batch", table, "user_id")
    lake.build("privacy/tombstones/erased_users_in_batch")
    return sorted(str(row["user_id"]) for row in lake.rows_of("erased_users_in_batch"))


def drop(lake: Lake, table: str) -> list[str]:
    """Delete erased users' rows from a temporary table with a `user_id`; return the ids found."""
    found = erased_in(lake, table)
    lake.erase(table, found)
    return found


def drop_from(lake: Lake, table: str, source_file: str) -> list[Dropped]:
    """Delete erased users' rows from a temporary table that holds one landing file's; return their numbers."""
    return [Dropped(source_file, user_id, lake.erase(table, [user_id]), 0) for user_id in erased_in(lake, table)]


def drop_staged(lake: Lake) -> list[Dropped]:
    """Delete erased users' rows from `staged_events` and `staged_rejects`; return their numbers by file."""
    if not is_anyone(lake):
        return []
    rejects = _drop_rejects(lake)
    lake.build_distinct("users_in_batch", "staged_events", "user_id")
    lake.build("privacy/tombstones/erased_users_in_batch")
    events = Counter(
        {
            (row["source_file"], row["user_id"]): row["row_count"]
            for row in lake.rows("privacy/tombstones/staged_rows_of_erased")
        }
    )
    lake.erase("staged_events", {user_id for _, user_id in events})
    keys = sorted(events.keys() | rejects.keys())
    return [
        Dropped(source_file, user_id, events[source_file, user_id], rejects[source_file, user_id])
        for source_file, user_id in keys
    ]


def _drop_rejects(lake: Lake) -> Counter[tuple[str, str]]:
    """Rejected rows have no user_id column: every word of their text could be one."""
    known = lake.rows_of(TABLE)
    salt, hashes = known[0]["salt"], {row["user_sha256"] for row in known}
    counts: Counter[tuple[str, str]] = Counter()
    dropped = []
    for row in lake.rows("privacy/tombstones/staged_texts"):
        for word in person_data.words(row["raw"]):
            if _sha256(salt, word) in hashes:
                counts[row["source_file"], word] += 1
                dropped.append(row["staged_row"])
                break
    lake.erase("staged_rejects", dropped, by="rowid")
    return counts


def _sha256(salt: str, user_id: str) -> str:
    return hashlib.sha256((salt + user_id).encode()).hexdigest()
