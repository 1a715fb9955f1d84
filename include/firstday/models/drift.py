"""How far recent values are from those a model was trained on, by two measures over the same bins.

Population stability index: Siddiqi, Credit Risk Scorecards, 2006. Jensen-Shannon distance: Lin, 1991; from 0 to 1, and
finite where a bin is empty. The bins are the reference's deciles, and one more for unknown values; a reference is
nothing but these bins and their shares, so that it holds no person.

Shares are kept by cut-off, and what is expected of recent values is the mixture of their own cut-offs: an hour with
more users early in their window is no drift.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

BINS = 10
CUTOFF = "cutoff_minutes"
EARLIER_NAMES = {"churn_probability": "probability"}  # in references of models of version 0.1.0
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """The bins of one column: inner edges, ascending, and by cut-off the share of rows in each bin.

    The last bin is that of unknown values.
    """

    edges: tuple[float, ...]
    shares: dict[int, tuple[float, ...]]

    @classmethod
    def of(cls, values: Values, cutoffs: NDArray[np.int64]) -> "Reference":
        """The reference that a column makes, with the cut-off of each row; both of shape (rows,). NaN is unknown."""
        known = values[~np.isnan(values)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])
        shares = {int(cutoff): _shares(values[cutoffs == cutoff], edges) for cutoff in np.unique(cutoffs)}
        return cls(tuple(edges.tolist()), {cutoff: tuple(part.tolist()) for cutoff, part in shares.items()})

    @property
    def median(self) -> float:
        """A value near the median: the edge in the middle; 0 where all values are unknown."""
        return self.edges[len(self.edges) // 2] if self.edges else 0.0

    def stability_index(self, values: Values, cutoffs: NDArray[np.int64]) -> float:
        """Population stability index of recent values: 0 for the same distribution, above 0.2 for a shift."""
        expected, found = self.compared(values, cutoffs)
        return float(np.sum((found - expected) * np.log(found / expected)))

    def compared(self, values: Values, cutoffs: NDArray[np.int64]) -> tuple[Values, Values]:
        """The share in each bin that is expected of recent values, and that of the values; shapes (bins,)."""
        return self._expected(cutoffs), _shares(values, np.array(self.edges))

    def jensen_shannon(self, values: Values, cutoffs: NDArray[np.int64]) -> float:
        """Jensen-Shannon distance of recent values, to base 2."""
        with np.errstate(invalid="ignore"):
            distance = jensenshannon(*self.compared(values, cutoffs), base=2)
        # Of two that are the same up to rounding, scipy takes the root of a little less than 0.
        return float(np.nan_to_num(distance, nan=0.0))

    @property
    def unknown_share(self) -> float:
        """The share of unknown values at the cut-off that has most."""
        return max(part[-1] for part in self.shares.values())

    def _expected(self, cutoffs: NDArray[np.int64]) -> Values:
        return np.asarray(np.mean([self.shares[int(cutoff)] for cutoff in cutoffs], axis=0))


def references(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The reference of each column, as JSON can hold it; one column is `cutoff_minutes`."""
    cutoffs = frame[CUTOFF].to_numpy("int64")
    return {
        str(name): vars(Reference.of(column.to_numpy("float64"), cutoffs))
        for name, column in frame.drop(columns=CUTOFF).items()
    }


def read(stored: dict[str, dict[str, Any]]) -> dict[str, Reference]:
    """What `references` has made."""
    return {
        EARLIER_NAMES.get(name, name): Reference(
            tuple(one["edges"]), {int(cutoff): tuple(part) for cutoff, part in one["shares"].items()}
        )
        for name, one in stored.items()
    }


def _shares(values: Values, edges: Values) -> Values:
    known = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    counts = np.append(counts, len(values) - len(known))
    # Half a row more in each bin: an empty one would make the index infinite.
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
