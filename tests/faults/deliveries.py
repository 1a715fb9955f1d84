"""What a bad source delivers: the same events as a good one, late, twice, out of order, with broken rows between."""

import gzip
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.firstday import generator
from include.firstday.generator import generate_events
from include.firstday.use_case.use_case import UseCase

START = datetime(2025, 1, 6, 12, 0, tzinfo=UTC)
HOURS = 54
DUPLICATE_SHARE = 0.05
LATE_SHARE = 0.10
LATE_HOURS = 30.0
LATE_REGISTRATIONS = 0.4
MALFORMED_SHARE = 0.01
AHEAD_SHARE = 0.02
AHEAD_HOURS = (3, 5)  # of the clock: read before its time by every stage but the one that stores held rows
HOLD_HOURS = 24
ERASED_USERS = 3
REPEATED_FILES = 0.15
TRUNCATED_FILES = 0.05


@dataclass(frozen=True)
class Delivery:
    """One file put into landing. Deliveries with the same bytes are the same file to the event handler."""

    name: str
    content: bytes


@dataclass
class Faults:
    """How much of each fault was put in."""

    duplicated_events: int = 0
    late_events: int = 0
    late_registrations: int = 0
    events_ahead_of_the_clock: int = 0
    events_of_erased_users: int = 0
    of_these_ahead_of_the_clock: int = 0
    malformed_rows: int = 0
    files_repeated_by_name: int = 0
    files_repeated_by_another_name: int = 0
    truncated_files: int = 0


@dataclass
class Plan:
    """What will be delivered, in this order, and what must be found of it afterwards."""

    deliveries: list[Delivery] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    good_rows: int = 0
    malformed: dict[str, str] = field(default_factory=dict)  # text of the row to the beginning of its reason


@dataclass(frozen=True)
class Source:
    """Events in the order in which they happened, as the generator writes them: a time and a line each."""

    hours: np.ndarray
    lines: list[bytes]


def erased_users() -> list[str]:
    """Users who are in what a bad source delivers, and are forgotten meanwhile."""
    return [f"erased-user-{number:04}" for number in range(ERASED_USERS)]


def source(use_case: UseCase, rng: random.Random, wanted: int, ahead: float = 0.0) -> Source:
    """About so many events of some of the generator's users, all events of each; a share is `ahead` of the clock."""
    assert use_case.generator is not None
    table = generator.events(use_case.generator, START, START + timedelta(hours=HOURS), since=START)
    counts = {row["values"]: row["counts"] for row in pc.value_counts(table["user_id"]).to_pylist()}
    users, rows = sorted(counts), 0
    rng.shuffle(users)
    chosen = []
    while users and rows < wanted:
        chosen.append(users.pop())
        rows += counts[chosen[-1]]
    table = table.filter(pc.is_in(table["user_id"], pa.array(chosen)))
    seconds = np.asarray(table["event_time"].cast(pa.int64())) / 1e6 - START.timestamp()
    lines = list(generate_events._json_lines(table))
    return Source(seconds / 3600, [_ahead(use_case, rng, line) if rng.random() < ahead else line for line in lines])


def _ahead(use_case: UseCase, rng: random.Random, line: bytes) -> bytes:
    """The event at a time that has not come yet; a registration, from which a user's window follows, as it is."""
    event = json.loads(line)
    if event["event_type"] in {*use_case.registered_by, *use_case.window.opened_by}:
        return line
    moment = datetime.fromtimestamp(time.time() + 3600 * rng.uniform(*AHEAD_HOURS), UTC)
    return json.dumps(event | {"event_time": moment.isoformat()}).encode() + b"\n"


def clean(given: Source, files: int) -> list[Delivery]:
    """The events in order, each once."""
    parts = np.array_split(np.arange(len(given.lines)), files)
    return [
        Delivery(f"clean-{at:04}.ndjson", b"".join(given.lines[row] for row in part)) for at, part in enumerate(parts)
    ]


def faulty(use_case: UseCase, given: Source, rng: random.Random, files: int, erased: int = 0) -> Plan:
    """The same events with every fault, in `files` different files, and those of users who are to be `erased`."""
    plan = Plan()
    slots: list[list[bytes]] = [[] for _ in range(files)]

    def put(hour: float, line: bytes) -> None:
        slots[min(int(hour / HOURS * files), files - 1)].append(line)

    twins: dict[str, str] = {}
    for hour, line in zip(given.hours.tolist(), given.lines, strict=True):
        event = json.loads(line)
        is_registration = event["event_type"] in use_case.registered_by
        is_ahead = int(event["event_time"][:4]) > START.year
        is_late = rng.random() < (LATE_REGISTRATIONS if is_registration else LATE_SHARE)
        delay = rng.uniform(0, LATE_HOURS) if is_late else 0.0
        plan.faults.late_events += delay > 0
        plan.faults.late_registrations += delay > 0 and is_registration
        put(hour + delay, line)
        if is_registration and len(twins) < erased:
            twins.setdefault(event["user_id"], erased_users()[len(twins)])
        if twin := twins.get(event["user_id"]):
            # Without what is personal: it is another's, whose rejected rows would be taken for theirs.
            impersonal = {name: value for name, value in event.items() if name not in use_case.personal}
            plan.faults.events_of_erased_users += 1
            plan.faults.of_these_ahead_of_the_clock += is_ahead
            put(hour + delay, json.dumps(impersonal | {"user_id": twin}).encode() + b"\n")
        plan.good_rows += 1
        plan.faults.events_ahead_of_the_clock += is_ahead
        if rng.random() < DUPLICATE_SHARE:
            plan.faults.duplicated_events += 1
            plan.faults.events_ahead_of_the_clock += is_ahead
            plan.good_rows += 1
            put(hour + delay + rng.uniform(0, LATE_HOURS), line)
        if rng.random() < MALFORMED_SHARE:
            broken, text, reason = _broken(use_case, line, rng.randrange(8), plan.faults.malformed_rows)
            plan.malformed[text] = reason
            plan.faults.malformed_rows += 1
            put(hour, broken)
    for slot in slots:
        rng.shuffle(slot)
    whole = [Delivery(*_file(number, slot)) for number, slot in enumerate(slots) if slot]
    rng.shuffle(whole)
    plan.deliveries = list(_with_repeats(whole, plan.faults, rng))
    return plan


def _file(number: int, lines: list[bytes]) -> tuple[str, bytes]:
    content = b"".join(lines)
    if number % 3 == 0:
        return f"events-{number:04}.ndjson.gz", gzip.compress(content, mtime=0)
    return f"events-{number:04}.ndjson", content


def _with_repeats(whole: list[Delivery], faults: Faults, rng: random.Random) -> Iterator[Delivery]:
    """The files, some of them before cut off, or again: at once or later, under their name or another."""
    later: list[Delivery] = []
    for delivery in whole:
        if delivery.name.endswith(".gz") and rng.random() < 3 * TRUNCATED_FILES:
            faults.truncated_files += 1
            yield Delivery(delivery.name, delivery.content[: rng.randrange(20, len(delivery.content) - 8)])
        yield delivery
        if rng.random() < REPEATED_FILES:
            same = rng.random() < 0.5
            faults.files_repeated_by_name += same
            faults.files_repeated_by_another_name += not same
            again = delivery if same else Delivery(f"again-{delivery.name}", delivery.content)
            later.append(again)
            if rng.random() < 0.5:
                yield later.pop()
        if later and rng.random() < 0.3:
            yield later.pop(0)
    yield from later


def _broken(use_case: UseCase, line: bytes, kind: int, number: int) -> tuple[bytes, str, str]:
    """A row of the source, broken: its bytes, its text as the lake keeps it, and how the reason begins."""
    event = json.loads(line) | {"broken": number}
    required = use_case.events[event["event_type"]].required
    if kind == 0:
        text = json.dumps(event)
        return _line(text[:-1], "expected a JSON object on one line")
    if kind == 1:
        return _line(json.dumps([number]), "expected a JSON object on one line")
    if kind == 2:
        text = f'{{"broken": {number}, "user_id": "'
        return text.encode() + b'\xff"}\n', text + '\\xff"}', "line: expected UTF-8, found invalid start byte"
    if kind == 3:
        return _line(json.dumps(event | {"user_id": None}), "user_id: required, missing")
    if kind == 4:
        return _line(json.dumps(event | {"event_type": "no_such_event"}), "event_type: expected one of ")
    if kind == 5:
        return _line(json.dumps(event | {"event_time": "yesterday"}), "event_time: expected TIMESTAMP, found 'yesterd")
    if kind == 6 or not required:
        return _line(json.dumps(event | {"event_time": "2999-01-01T00:00:00Z"}), "event_time: expected at most ")
    return _line(json.dumps(event | {required[0]: None}), f"{required[0]}: required by {event['event_type']}, missing")


def _line(text: str, reason: str) -> tuple[bytes, str, str]:
    return text.encode() + b"\n", text, reason
