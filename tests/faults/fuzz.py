"""Mutated files in batches with good ones: `make fuzz` says where a run fails or a row is neither stored nor rejected.

After each batch every good file is stored whole; of every mutated one all lines are stored or rejected, or the file is
in quarantine with its reason. The seed chooses everything. A failing batch is reduced to one file, and that to as few
bytes as still fail, in `--save`.
"""

import argparse
import gzip
import hashlib
import io
import os
import random
import re
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from include.firstday import landing
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY, settings
from include.firstday.use_case import use_case as use_cases
from include.firstday.use_case.use_case import UseCase
from tests.faults.mutations import ENDINGS, NAMES, content, mutated, rows

BATCH = 50  # mutated files
ROWS = 12  # of a good file
TRIES = 200  # at most, to make a failing file smaller
# A line end that is gone from the number or time that a quoted field is stored as: beside a quote, or within a time.
_TRIMMED = re.compile(rb'(?:^|,)"\s*[\r\n]|[\r\n]\s*"(?=[,\r\n]|\Z)|\dT?[\r\n]\d\d:', re.MULTILINE)


@dataclass(frozen=True)
class File:
    """A file of a batch; a good one has so many rows."""

    name: bytes
    content: bytes
    good_rows: int | None = None


def batches(seed: int, count: int) -> Iterator[list[File]]:
    """Batches of mutated files with a good one of each format between them, until `count` files were mutated."""
    chance, made = random.Random(seed), 0
    known: set[bytes] = set()
    while made < count:
        files = [_good(chance, f"good{seed}x{made}x{at}", ending) for at, ending in enumerate(ENDINGS)]
        while made < count and len(files) < BATCH + len(ENDINGS):
            file = _mutated(chance, f"m{seed}x{made}")
            if (digest := hashlib.sha256(file.content).digest()) not in known:  # the same bytes are not read twice
                known.add(digest)
                files.append(file)
                made += 1
        chance.shuffle(files)
        yield files


def _good(chance: random.Random, mark: str, ending: str) -> File:
    return File(f"{mark}{ending}".encode(), content(ending, rows(mark, ROWS), chance), ROWS)


def _mutated(chance: random.Random, mark: str) -> File:
    ending = chance.choice(ENDINGS)
    other = content(chance.choice(ENDINGS), rows(f"{mark}o", 3), chance)
    name = mark.encode() + chance.choice(NAMES) + ending.encode()
    return File(name, mutated(chance, content(ending, rows(mark, ROWS), chance), other))


def run(home: Path, case: UseCase, files: Sequence[File]) -> list[str]:
    """Deliver a batch, run a micro-batch, and return what is wrong."""
    folder = landing.folder(case.name)
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + file.name)).write_bytes(file.content)
    command = [sys.executable, "-m", "include.firstday", "--use-case", case.name, "micro-batch", "--no-score"]
    environment = os.environ | {"FIRSTDAY_HOME": str(home)}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode:
        return [f"the run ended with {done.returncode}: {(done.stderr.strip() or done.stdout)[-2000:]}"]
    left = [file.name for file in landing.pending(case.name)]
    return [*(f"{name} is still pending" for name in left), *_miscounted(case, files)]


def _miscounted(case: UseCase, files: Sequence[File]) -> Iterator[str]:
    with open_lake(case, read_only=True) as lake:
        stored = lake.query(
            "select source_file, count(*) as row_count, "
            "sum(length(regexp_replace(to_json(events), '[^\\\\]|\\\\[^nr]', '', 'g'))) as line_ends "
            "from events group by source_file"
        ).to_pylist()
        rejected = lake.query("select source_file, row_number, reason, raw from rejected_events").to_pylist()
    counts = {row["source_file"]: row["row_count"] for row in stored}
    breaks = {row["source_file"]: int(row["line_ends"]) for row in stored}
    quarantined = set(landing.quarantined(case.name))
    for file in files:
        name = landing.safe_name(os.fsdecode(file.name))
        refused = [row for row in rejected if row["source_file"] == name]
        whole = [row for row in refused if row["row_number"] is None]
        found, lines = counts.get(name, 0) + len(refused), lines_of(file)
        further = breaks.get(name, 0) + sum(len((row["raw"] or "").splitlines()) - 1 for row in refused if row["raw"])
        further += len(_TRIMMED.findall(file.content)) if file.name.endswith(b".csv") else 0
        if file.good_rows is not None and (counts.get(name, 0), refused) != (file.good_rows, []):
            yield f"{name}: {file.good_rows} good rows, stored {counts.get(name, 0)}, rejected {len(refused)}"
        elif whole and not (len(refused) == 1 and not counts.get(name) and name in quarantined and whole[0]["reason"]):
            yield f"{name}: rejected as a whole, and stored {counts.get(name, 0)}, quarantined {name in quarantined}"
        elif not whole and (lines is None or not found <= lines <= found + further):
            yield f"{name}: {lines} lines, stored {counts.get(name, 0)}, rejected {len(refused)}, not quarantined"


def lines_of(file: File) -> int | None:
    """How many rows a file's bytes hold at most, counted in a way of our own; None where they are no such file."""
    if file.name.endswith(b".parquet"):
        try:
            return int(pq.ParquetFile(io.BytesIO(file.content)).metadata.num_rows)
        except Exception:
            return None
    try:
        text = gzip.decompress(file.content) if file.name.endswith(b".gz") else file.content
    except (OSError, EOFError, zlib.error):
        return None
    if file.name.endswith(b".csv"):
        lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        return max(sum(1 for line in lines if line) - 1, 0)  # the first that is not blank is the header
    return sum(1 for line in text.split(b"\n") if line.strip())


def reduced(case: UseCase, files: Sequence[File]) -> File | None:
    """The file that makes a batch fail, made smaller as long as it fails; None where none does by itself."""
    for file in files:
        if _fails(case, file):
            return _smaller(case, file)
    return None


def _smaller(case: UseCase, file: File) -> File:
    tries, piece = 0, max(1, len(file.content) // 2)
    while piece and tries < TRIES and file.good_rows is None:
        for at in range(0, len(file.content), piece):
            tries += 1
            fewer = File(file.name, file.content[:at] + file.content[at + piece :])
            if tries <= TRIES and _fails(case, fewer):
                file = fewer
                break
        else:
            piece //= 2
    return file


def _fails(case: UseCase, file: File) -> bool:
    with tempfile.TemporaryDirectory() as folder, _at_home(Path(folder)):
        return bool(run(Path(folder), case, [file]))


class _at_home:
    """FIRSTDAY_HOME while something is done."""

    def __init__(self, home: Path) -> None:
        self._home, self._before = home, os.environ.get("FIRSTDAY_HOME")

    def __enter__(self) -> None:
        os.environ["FIRSTDAY_HOME"] = str(self._home)
        settings.cache_clear()

    def __exit__(self, *_: object) -> None:
        os.environ.pop("FIRSTDAY_HOME")
        if self._before is not None:
            os.environ["FIRSTDAY_HOME"] = self._before
        settings.cache_clear()


def fuzz(seed: int, count: int, save: Path) -> int:
    """Run all batches; the number of batches that failed."""
    case, failed, done = use_cases.load("first_day_churn"), 0, 0
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="firstday-fuzz-") as folder:
        home = Path(folder)
        for files in batches(seed, count):
            with _at_home(home):
                faults = run(home, case, files)
            done += sum(file.good_rows is None for file in files)
            print(f"{done:,} of {count:,} mutated files, {failed + bool(faults)} batches failed", flush=True)
            if faults:
                failed += 1
                home = Path(folder) / str(done)  # what failed is still in the old one
                _save(case, seed, files, faults, save)
    return failed


def _save(case: UseCase, seed: int, files: Sequence[File], faults: Sequence[str], save: Path) -> None:
    print("\n".join(faults), file=sys.stderr)
    named = [file for file in files if any(landing.safe_name(os.fsdecode(file.name)) in fault for fault in faults)]
    cause = reduced(case, named or files)
    for file in [cause] if cause else files:
        save.mkdir(parents=True, exist_ok=True)
        path = save / landing.safe_name(os.fsdecode(file.name))
        path.write_bytes(file.content)
        print(f"seed {seed}: saved {path}, {len(file.content):,} bytes", file=sys.stderr)


def main() -> int:
    """Run the command line; 1 where a batch failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000, help="how many mutated files")
    parser.add_argument("--seed", type=int, default=None, help="what chooses the mutations; any, unless given")
    parser.add_argument("--save", type=Path, default=Path("var/fuzz"), help="where failing files are kept")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    return 1 if fuzz(seed, options.files, options.save) else 0


if __name__ == "__main__":
    sys.exit(main())
