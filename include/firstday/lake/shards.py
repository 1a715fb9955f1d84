"""Distribution of a stage's work: files by name, users by bucket.

Every user belongs to one of 16 buckets, by a hash of their id, and each bucket has its own checkpoint. A shard is a
share of the buckets. So the lake does not depend on the number of shards: it may change at any time, and the results
are the same bit for bit.
"""

import zlib
from dataclasses import dataclass

BUCKETS = 16
ALL = tuple(range(BUCKETS))


@dataclass(frozen=True)
class Shard:
    """Share `index` of `of` equal shares, numbered from 0."""

    number: int = 0
    of: int = 1

    @property
    def buckets(self) -> tuple[int, ...]:
        """Return the shard's buckets of users."""
        return ALL[self.number :: self.of]

    def takes(self, file_name: str) -> bool:
        """Whether a landing file of events belongs to this shard."""
        return zlib.crc32(file_name.encode()) % self.of == self.number


WHOLE = Shard()
