"""Measurements: what a monitoring run writes to the table `monitoring` and to MLflow, and alerts are raised on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from include.firstday.lake import clock
from include.firstday.monitoring.measurements import MEASUREMENTS


@dataclass(frozen=True)
class Measured:
    """One value of one monitoring run; `subject` is the feature, cut-off or event type it is about, or empty.

    The metric is one of MEASUREMENTS, or one of those with an interval and `_low` or `_high`; else a ValueError.
    """

    metric: str
    value: float
    subject: str = ""
    model_version: int | None = None

    def __post_init__(self) -> None:
        """Check the name, so that no measurement is missing in the reference."""
        base = self.metric.removesuffix("_low").removesuffix("_high")
        if base not in MEASUREMENTS or (base != self.metric and not MEASUREMENTS[base].has_interval):
            raise ValueError(f"{self.metric}: expected one of {', '.join(MEASUREMENTS)}")

    @property
    def key(self) -> str:
        """Name of the metric over time in MLflow."""
        version = f"version_{self.model_version}" if self.model_version else ""
        return "/".join(part for part in (self.metric, self.subject, version) if part)


@dataclass(frozen=True)
class Interval:
    """A value with an interval in which the true one lies, but for chance."""

    value: float
    low: float
    high: float

    def measured(self, metric: str, subject: str = "", model_version: int | None = None) -> Iterator[Measured]:
        """Three measurements: the value, and the interval's ends as `_low` and `_high`."""
        for name, value in (("", self.value), ("_low", self.low), ("_high", self.high)):
            yield Measured(f"{metric}{name}", value, subject, model_version)


def intervals(measured: Iterable[Measured], metric: str) -> Iterator[tuple[Measured, Interval]]:
    """The measurements of a metric that have an interval, each with it."""
    found = {(one.metric, one.subject, one.model_version): one for one in measured}
    for (name, subject, version), one in found.items():
        ends = [found.get((f"{metric}_{end}", subject, version)) for end in ("low", "high")]
        if name == metric and ends[0] and ends[1]:
            yield one, Interval(one.value, ends[0].value, ends[1].value)


def as_rows(measured: Iterable[Measured], batch_id: int) -> pa.Table:
    """Rows of the table `monitoring`."""
    frame = pd.DataFrame([vars(one) for one in measured], columns=["metric", "value", "subject", "model_version"])
    frame["model_version"] = frame["model_version"].astype("Int64")
    return pa.Table.from_pandas(frame.assign(measured_at=clock.now(), batch_id=batch_id), preserve_index=False)
