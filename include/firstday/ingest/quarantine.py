"""Files in quarantine, and why they are there."""

import re
from dataclasses import dataclass

from include.firstday import landing
from include.firstday.lake.lake import Lake

_ARRIVED = re.compile(r"^\d{16,}-")  # before the name of a file whose name was taken in quarantine


@dataclass(frozen=True)
class Quarantined:
    """A file in quarantine, and the reason; none where the lake has no record of it."""

    name: str
    reason: str | None


def quarantined(lake: Lake, use_case: str) -> list[Quarantined]:
    """The files in quarantine, the newest first."""
    names = landing.quarantined(use_case)
    found = lake.rows("ingest/quarantine/reasons") if names else []
    reasons = {row["source_file"]: row["reason"] for row in found}
    return [Quarantined(name, reasons.get(name, reasons.get(_ARRIVED.sub("", name)))) for name in names]
