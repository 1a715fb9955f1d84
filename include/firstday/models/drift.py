"""How far recent values are from those a model was trained on, by two measures over the same bins.

Population stability index: Siddiqi, Credit Risk Scorecards, 2006. Jensen-Shannon distance: Lin, 1991; from 0 to 1, and
finite where a bin is empty. The bins of numbers are the reference's deciles, those of a category its frequent values,
all rare ones, and all that training had none of; one more is for unknown values. A reference is nothing but these bins
and their shares, so that it holds no person.

Shares are kept by cut-off, and what is expected of recent values is the mixture of their own cut-offs: an hour with
more users early in their window is no drift.
"""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from include.firstday.features.model_inputs import frequent_values
from include.firstday.use_case.categories import Category
from include.firstday.use_case.use_case import UseCase

BINS = 10
MOST_RARE = 1000  # values of a category that are kept to tell them from new ones
CUTOFF = "cutoff_minutes"
LONGEST_RANGE = timedelta(days=1)  # of recent users: after a pause, or at first; a longer window is compared as a whole
EARLIER_NAMES = {"churn_probability": "probability"}  # in references of models of version 0.1.0
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Reference(ABC):
    """The bins of one column: by cut-off the share of rows in each bin, the last of which is that of unknown values."""

    shares: dict[int, tuple[float, ...]]
    kind: ClassVar[str]  # of the arrays of values

    @property
    @abstractmethod
    def typical(self) -> float | str | None:
        """A value in the middle, or the most frequent one."""

    @abstractmethod
    def counts(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """How many of some values, shape (rows,), are in each bin; shape (bins,)."""

    def stability_index(self, values: NDArray[Any], cutoffs: NDArray[np.int64]) -> float:
        """Population stability index of recent values: 0 for the same distribution, above 0.2 for a shift."""
        expected, found = self.compared(values, cutoffs)
        return float(np.sum((found - expected) * np.log(found / expected)))

    def compared(self, values: NDArray[Any], cutoffs: NDArray[np.int64]) -> tuple[Values, Values]:
        """The share in each bin that is expected of recent values, and that of the values; shapes (bins,)."""
        return self._expected(cutoffs), _smoothed(self.counts(values))

    def jensen_shannon(self, values: NDArray[Any], cutoffs: NDArray[np.int64]) -> float:
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

    def _with_shares(self, values: NDArray[Any], cutoffs: NDArray[np.int64]) -> Self:
        """These bins, with the shares of training values, by the cut-off of each row; both of shape (rows,)."""
        shares = {int(one): _smoothed(self.counts(values[cutoffs == one])) for one in np.unique(cutoffs)}
        return replace(self, shares={cutoff: tuple(part.tolist()) for cutoff, part in shares.items()})


@dataclass(frozen=True)
class NumberReference(Reference):
    """The bins of numbers: inner edges, ascending."""

    edges: tuple[float, ...]
    kind = "float64"

    @classmethod
    def of(cls, values: Values, cutoffs: NDArray[np.int64]) -> Self:
        """The reference that a column makes, with the cut-off of each row; both of shape (rows,). NaN is unknown."""
        known = values[~np.isnan(values)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])
        return cls({}, tuple(edges.tolist()))._with_shares(values, cutoffs)

    @property
    def typical(self) -> float:
        """A value near the median: the edge in the middle; 0 where all values are unknown."""
        return self.edges[len(self.edges) // 2] if self.edges else 0.0

    def counts(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """By the bin that a value is in; NaN is unknown."""
        known = values[~np.isnan(values)]
        found = np.bincount(np.searchsorted(self.edges, known, side="right"), minlength=len(self.edges) + 1)
        return np.append(found, len(values) - len(known))


@dataclass(frozen=True)
class CategoryReference(Reference):
    """The bins of texts: the frequent values, the rare ones of training, and those that are new.

    Rare values are kept as hashes, as one that a single user has may say who it is.
    """

    values: tuple[str, ...]  # the most frequent first
    rare: tuple[str, ...] | None  # None: too many to tell a rare value from a new one
    kind = "object"

    @classmethod
    def of(cls, column: "pd.Series[str]", cutoffs: NDArray[np.int64], category: Category) -> Self:
        """The reference that a column makes, with the cut-off of each row; both of shape (rows,). None is unknown."""
        values = frequent_values(column, category)
        rare = sorted(map(_hash, set(column.dropna()) - {*values}))
        own = cls({}, tuple(values), tuple(rare) if len(rare) <= MOST_RARE else None)
        return own._with_shares(column.to_numpy("object"), cutoffs)

    @property
    def typical(self) -> str | None:
        """The most frequent value, None where most are unknown or all are rare."""
        shares = np.mean(list(self.shares.values()), axis=0)
        return self.values[0] if self.values and shares[0] >= shares[-1] else None

    @property
    def bins(self) -> list[str]:
        """The names of the bins."""
        return [*self.values, "other values", "new values", "unknown"]

    def counts(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """By the bin that a value is in; None is unknown."""
        rare, new, unknown = (len(self.values) + number for number in range(3))
        own = {value: number for number, value in enumerate(self.values)}
        counts = np.zeros(unknown + 1, dtype=np.int64)
        for value, count in Counter(values.tolist()).items():
            if not isinstance(value, str):
                counts[unknown] += count
            else:
                is_rare = self.rare is None or _hash(value) in self.rare
                counts[own.get(value, rare if is_rare else new)] += count
        return counts


def references(frame: pd.DataFrame, categories: Mapping[str, Category] | None = None) -> dict[str, dict[str, Any]]:
    """The reference of each column, as JSON can hold it; one column is `cutoff_minutes`."""
    cutoffs = frame[CUTOFF].to_numpy("int64")
    return {
        str(name): dict(sorted(vars(_reference(column, cutoffs, (categories or {}).get(str(name)))).items()))
        for name, column in frame.drop(columns=CUTOFF).items()
    }


def _reference(column: "pd.Series[Any]", cutoffs: NDArray[np.int64], category: Category | None) -> Reference:
    if category is not None:
        return CategoryReference.of(column, cutoffs, category)
    return NumberReference.of(column.to_numpy("float64"), cutoffs)


def longest_range(use_case: UseCase) -> timedelta:
    """The longest time whose users are compared at once."""
    return max(LONGEST_RANGE, timedelta(hours=use_case.window.hours))


def comparable(known: Mapping[str, Reference], rows: pd.DataFrame) -> pd.DataFrame:
    """Rows at the cut-offs that the references have: one that is new in the YAML has nothing to compare with."""
    trained = {cutoff for reference in known.values() for cutoff in reference.shares}
    return rows[rows[CUTOFF].isin(trained)].copy()


def beyond(known: Mapping[str, Reference], rows: pd.DataFrame, use_case: UseCase) -> list[tuple[str, float]]:
    """Features of comparable rows that are beyond both of the use case's limits, with their stability index."""
    limits, cutoffs, found = use_case.monitoring, rows[CUTOFF].to_numpy("int64"), list[tuple[str, float]]()
    for name in known.keys() & set(use_case.features):
        values = rows[name].to_numpy(known[name].kind)
        index = known[name].stability_index(values, cutoffs)
        if index > limits.psi and known[name].jensen_shannon(values, cutoffs) > limits.jensen_shannon:
            found.append((name, index))
    return sorted(found, key=lambda one: -one[1])


def read(stored: dict[str, dict[str, Any]]) -> dict[str, Reference]:
    """What `references` has made."""
    return {EARLIER_NAMES.get(name, name): _read(one) for name, one in stored.items()}


def _read(one: dict[str, Any]) -> Reference:
    shares = {int(cutoff): tuple(part) for cutoff, part in one["shares"].items()}
    if "values" in one:
        return CategoryReference(shares, tuple(one["values"]), None if one["rare"] is None else tuple(one["rare"]))
    return NumberReference(shares, tuple(one["edges"]))


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:12]


def _smoothed(counts: NDArray[np.int64]) -> Values:
    # Half a row more in each bin: an empty one would make the index infinite.
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
