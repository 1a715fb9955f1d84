"""How long it takes to recognise consumed files by their hash, among 10 thousand and 10 million of them."""

import hashlib
import json
import sys
import time

from include.firstday.ingest import staging, store_events
from include.firstday.operations import maintain_lake
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case import use_case
from tests.bench.measures import Claim, Row, Section, child, median, scratch

MODULE = "tests.bench.ledger"
CASE = "first_day_churn"
CHUNK = 1_000_000
ARRIVING = (1, 20, 100, store_events.FILE_LIMIT)
CONSUMED = """
insert into consumed_files by name
select 'events-' || number || '.ndjson.gz' as source_file, 3000 + number % 1000 as bytes, number // 10 as batch_id,
       sha256(number::varchar) as sha256, 100 as rows_stored, 0 as rows_rejected
from range($first, $end) as numbers(number)
"""


def run(quick: bool = False) -> Section:
    """Measure on ledgers of growing length. `quick`: short ones."""
    section = Section(
        "ledger",
        "Recognising the files of a micro-batch among all that were consumed",
        "Processor milliseconds of the look-up in `consumed_files`, by the number of files that arrive; medians of 5, "
        "each over a connection of its own, after `maintain_lake`.",
    )
    for consumed in (1_000, 20_000) if quick else (10_000, 10_000_000):
        with scratch() as folder:
            taken = child(folder / "home", MODULE, consumed)
        section.rows.append({"files consumed": consumed} | {f"{count} arrive": ms for count, ms in taken.items()})
    last = section.rows[-1]["20 arrive"]
    section.claims = [Claim("20 files among the most take at most 100 ms", f"{last:.0f} ms", last <= 100)]
    return section


def measure(consumed: int) -> Row:
    """Files that arrive → median milliseconds, on a lake where so many were consumed."""
    case = use_case.load(CASE)
    with open_lake(case):
        pass
    maintain_lake.maintain_lake(case)
    for first in range(0, consumed, CHUNK):
        with open_lake(case) as lake, lake.transaction():
            lake._connection.execute(CONSUMED, {"first": first, "end": min(consumed, first + CHUNK)})
    maintain_lake.maintain_lake(case, budget_seconds=900)
    return {str(count): median(_milliseconds(count) for _ in range(5)) for count in ARRIVING}


def _milliseconds(arriving: int) -> float:
    hashes = [hashlib.sha256(f"new {number}".encode()).hexdigest() for number in range(arriving - 1)]
    hashes.append(hashlib.sha256(b"77").hexdigest())
    with open_lake(use_case.load(CASE)) as lake:
        lake.tables()  # the first statement reads the catalog
        begun = time.process_time()
        known = staging.known_hashes(lake, hashes)
        taken = time.process_time() - begun
    assert list(known) == hashes[-1:]
    return round(taken * 1000, 1)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
