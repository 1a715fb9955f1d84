"""What is not well though micro-batches are processed: rejected rows, quarantine, targets, drift, calibration, runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.firstday.delivery import deliver_predictions
from include.firstday.ingest.quarantine import Quarantined, quarantined
from include.firstday.lake.lake import Lake
from include.firstday.monitoring import alert_states
from include.firstday.monitoring.alerts import alerts
from include.firstday.monitoring.measured import Measured
from include.firstday.scoring import held_back
from include.firstday.use_case.use_case import UseCase

HOUR = timedelta(hours=1)
LIVE = ("rejected_share", "quarantined_share", "lag_seconds_median")  # measured at each look, not once an hour


@dataclass(frozen=True)
class LastHour:
    """Micro-batches of the last hour, their rows, and the median lag from an event to its storage; None without any."""

    micro_batches: int
    rows_stored: int
    rows_rejected: int
    lag_seconds: float | None

    @property
    def rejected_share(self) -> float | None:
        """Share of the hour's rows; None where there were none."""
        rows = self.rows_stored + self.rows_rejected
        return self.rows_rejected / rows if rows else None


@dataclass(frozen=True)
class Health:
    """The last hour, files in quarantine, and a sentence for each problem."""

    last_hour: LastHour
    quarantined: tuple[Quarantined, ...]
    problems: tuple[str, ...]


def health(
    lake: Lake, use_case: UseCase, batch: dict[str, Any] | None, now: datetime, with_files: bool = True
) -> Health:
    """Look for problems at a time (naive UTC). `batch` is the latest micro-batch; `with_files`: also in quarantine."""
    hour = _last_hour(lake, now)
    files = tuple(quarantined(lake, use_case.name)) if with_files else ()
    problems = (
        *_of_rows(use_case, hour, batch),
        *_of_files(files),
        *deliver_predictions.notices(lake),
        *_of_model(lake, use_case),
        *_of_monitoring(lake, use_case),
    )
    return Health(hour, files, problems)


def _last_hour(lake: Lake, now: datetime) -> LastHour:
    found = lake.row("web/overview/last_hour", since=now - HOUR)
    first = found.pop("first_measured")
    lag = {} if first is None else lake.row("monitoring/hourly/storage_lag", first_batch=first)
    return LastHour(**found, lag_seconds=lag.get("lag_seconds_median"))


def _of_rows(use_case: UseCase, hour: LastHour, batch: dict[str, Any] | None) -> Iterator[str]:
    limits = use_case.monitoring
    if batch and batch["rows_rejected"] > limits.rejected_share * (
        rows := batch["rows_stored"] + batch["rows_rejected"]
    ):
        yield f"The latest micro-batch rejected {batch['rows_rejected']:,} of {rows:,} rows."
    if (share := hour.rejected_share) is not None and share > limits.rejected_share:
        yield f"{share:.1%} of the last hour's rows were rejected, above {limits.rejected_share:.1%}."
    if hour.lag_seconds is not None and hour.lag_seconds > limits.lag_seconds:
        yield f"Events were stored {hour.lag_seconds:,.0f} s after they happened, above {limits.lag_seconds:,.0f} s."


def _of_files(files: Sequence[Quarantined]) -> Iterator[str]:
    if files:
        yield f"{'1 file is' if len(files) == 1 else f'{len(files):,} files are'} in quarantine."


def _of_model(lake: Lake, use_case: UseCase) -> Iterator[str]:
    if held := held_back.notice(lake, use_case):
        yield f"{held[0].upper()}{held[1:]}."


def _of_monitoring(lake: Lake, use_case: UseCase) -> Iterator[str]:
    """The alerts of the latest monitoring run, but for what is measured at each look, is acknowledged or muted."""
    rows = lake.rows("web/overview/measured")
    measured = [
        Measured(row["metric"], row["value"], row["subject"], row["model_version"])
        for row in rows
        if row["metric"] not in LIVE and row["value"] is not None
    ]
    for sentence in alert_states.unsilenced(lake, list(alerts(use_case, measured, _drifted(lake, use_case, measured)))):
        text = sentence.removeprefix(f"{use_case.name}: ")
        yield f"{text[0].upper()}{text[1:]}."


def _drifted(lake: Lake, use_case: UseCase, measured: Sequence[Measured]) -> list[str]:
    """Features whose drift is confirmed."""
    limits = use_case.monitoring
    return [
        row["subject"]
        for version in sorted({one.model_version for one in measured if one.metric == "drifted" and one.model_version})
        for row in lake.rows(
            "monitoring/monitor_model/last_runs", metric="drifted", model_version=version, runs=limits.runs
        )
        if row["times"] >= limits.drifted_runs
    ]
