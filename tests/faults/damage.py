"""Data files as they were written, and bits that flip on disk: verification names each damaged file, and no other."""

import random
from pathlib import Path

from include.firstday.lake import connections
from include.firstday.operations import verify
from include.firstday.settings import settings

FLIPS = 5


def unsound_files() -> tuple[int, int]:
    """Return the number of data files, and of those that are damaged, missing or without a recorded hash."""
    verified = verify.verify()
    return verified.files, len(verified.damaged) + verified.unrecorded


def missed_flips(rng: random.Random) -> tuple[int, int]:
    """Flip a bit in some local data files, each undone; return how many flips, and how many `verify` did not name."""
    with connections.connect(verify.SCHEMA, read_only=True) as lake:
        known = [row["path"] for row in lake.rows(f"{verify.SQL}/known_files")]
    chosen = rng.sample(known, min(FLIPS, len(known)))
    return len(chosen), sum(not _is_named(path, rng) for path in chosen)


def _is_named(path: str, rng: random.Random) -> bool:
    file = Path(settings().data_path) / path
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    file.write_bytes(flipped)
    try:
        return [damage.path for damage in verify.verify().damaged] == [path]
    finally:
        file.write_bytes(whole)
