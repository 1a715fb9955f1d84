"""The enrichment table: a socioeconomic index of areas, smooth over neighbouring postcodes."""

from functools import cache

import numpy as np
import pyarrow as pa

from include.firstday.generator.chance import Floats, normal

FIRST, LAST = 10000, 99999
_AREA = 500  # postcodes between two independent points


@cache
def indices() -> Floats:
    """`socioeconomic_idx` of every postcode from FIRST to LAST: 0 to 100, one decimal."""
    positions = np.arange(FIRST, LAST + 1)
    anchors = np.arange((LAST - FIRST) // _AREA + 2)
    area = np.interp(positions, FIRST + anchors * _AREA, normal("area", anchors))
    index: Floats = np.clip(np.round(50 + 18 * area + 6 * normal("postcode", positions), 1), 0, 100)
    return index


def postcodes() -> pa.Table:
    """Return one row per postcode: `postcode` (text), `socioeconomic_idx`. It is the same for every call and seed."""
    names = [str(postcode) for postcode in range(FIRST, LAST + 1)]
    return pa.table({"postcode": names, "socioeconomic_idx": indices()})
