"""Measures of recent values, beside those of the whole window: sliding windows, and the newest values."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from include.firstday.use_case.base import Frozen, Identifier

SECONDS = {"m": 60, "h": 3600, "d": 86400}
PARTS = 12  # tiles of the shortest window, where no hop is given
MOST_TILES = 1000  # rows of the state of a user and measure
Duration = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,4}[mhd]$")]


def seconds(duration: str) -> int:
    """Seconds of a duration, such as 5m, 6h or 7d."""
    return int(duration[:-1]) * SECONDS[duration[-1]]


class Recent(Frozen):
    """Measures of a measure's recent values as of the moment, all of them in the user's window.

    `<measure>_<length>`: a sliding window of tiles, the last of which has the moment in it. Tiles begin at multiples of
    `hop` since 1970, so the window covers its length or up to one hop less. `<measure>_last_<number>`: the newest
    values; of several at one moment the largest are the newest.
    """

    windows: tuple[Duration, ...] = Field(
        (), description="lengths of sliding windows that end at the moment", examples=[["1h", "6h"]]
    )
    hop: Duration | None = Field(
        None, description="length of a tile; default: a twelfth of the shortest window", examples=["5m"]
    )
    last: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(
        (), description="numbers of newest values", examples=[[10]]
    )

    @model_validator(mode="after")
    def _is_exact(self) -> "Recent":
        if not (self.windows or self.last):
            raise ValueError("expected windows or last")
        if self.hop and not self.windows:
            raise ValueError("hop: expected windows, of which it is the length of a tile")
        for window in self.windows:
            tiles, rest = divmod(seconds(window), self.hop_seconds)
            if rest:
                hop = self.hop or f"{self.hop_seconds:g} seconds, a twelfth of the shortest window"
                raise ValueError(f"hop: expected a part of {window}, found {hop}")
            if tiles > MOST_TILES:
                raise ValueError(
                    f"hop: expected at most {MOST_TILES:,} tiles in {window}, found {tiles:,}; use a longer hop"
                )
        return self

    @property
    def hop_seconds(self) -> int:
        """Length of a tile."""
        return seconds(self.hop) if self.hop else min(map(seconds, self.windows)) // PARTS


@dataclass(frozen=True)
class Rule:
    """A measure of recent values: the `size` last tiles of `hop` microseconds or, without a hop, the newest values.

    `state`: the measure by whose items they are kept, one a tile, or one a moment and value.
    """

    measure: str
    name: str
    state: str
    hop: int | None
    size: int


def rules(recent: Mapping[Identifier, Recent]) -> Iterator[Rule]:
    """The measures of recent values of a use case."""
    for measure, one in recent.items():
        hop = one.hop_seconds if one.windows else 0
        for window in one.windows:
            yield Rule(measure, f"{measure}_{window}", f"{measure}_tile", hop * 1_000_000, seconds(window) // hop)
        for number in one.last:
            yield Rule(measure, f"{measure}_last_{number}", f"{measure}_newest", None, number)


def as_json(recent: Mapping[Identifier, Recent]) -> str:
    """The rules, as statements take them."""
    return json.dumps([asdict(rule) for rule in rules(recent)])
