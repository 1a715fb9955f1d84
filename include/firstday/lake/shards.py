"""How the work of one stage is split among workers: files by their name, users by their bucket.

Every user belongs to one of 16 buckets, by a hash of their id that is the same everywhere and for ever, and each bucket
has a progress of its own. A shard is a share of the buckets. So nothing in the lake depends on how many shards there
are: their number may change at any time, and what is computed is the same bit for bit.
"""

import zlib
from dataclasses import dataclass

BUCKETS = 16
ALL = tuple(range(BUCKETS))


@dataclass(frozen=True)
class Shard:
    """One of `of` equal shares, numbered from 0."""

    number: int = 0
    of: int = 1

    @property
    def buckets(self) -> tuple[int, ...]:
        """The users' buckets that are this shard's."""
        return ALL[self.number :: self.of]

    def takes(self, file_name: str) -> bool:
        """Whether a landing file of events is this shard's."""
        return zlib.crc32(file_name.encode()) % self.of == self.number


WHOLE = Shard()
