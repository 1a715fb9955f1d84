"""Alerts: the measurements of a monitoring run that are beyond their limit in the use case's YAML, as sentences.

A measurement of a sample raises one only where its whole interval is beyond the limit, so chance alone seldom does.
"""

from collections.abc import Iterator, Sequence

from include.firstday.monitoring.measured import Interval, Measured, intervals
from include.firstday.use_case.use_case import UseCase

DRIFTED = "drifted from the champion's training set"


def alerts(use_case: UseCase, measured: Sequence[Measured], drifted: Sequence[str]) -> Iterator[str]:
    """A sentence per alert; `drifted` are the features whose drift is confirmed."""
    limits = use_case.monitoring
    if drifted:
        yield (
            f"{use_case.name}: {', '.join(drifted)} {DRIFTED} in at least "
            f"{limits.drifted_runs} of the last {limits.runs} monitoring runs"
        )
    sentences = [*_of_values(use_case, measured), *_volume(use_case, measured), *_of_intervals(use_case, measured)]
    yield from (f"{use_case.name}: {sentence}" for sentence in sentences)


def _of_values(use_case: UseCase, measured: Sequence[Measured]) -> Iterator[str]:
    limits = use_case.monitoring
    for one in measured:
        if one.metric == "rejected_share" and one.value > limits.rejected_share:
            yield f"{one.value:.1%} of the last hour's rows were rejected, above {limits.rejected_share:.1%}"
        if one.metric == "quarantined_share" and one.value > limits.quarantined_share:
            yield f"{one.value:.1%} of the last hour's files are in quarantine, above {limits.quarantined_share:.1%}"
        if one.metric == "lag_seconds_median" and one.value > limits.lag_seconds:
            yield f"events were stored {one.value:,.0f} s after they happened, above {limits.lag_seconds:,.0f} s"
        if one.metric == "null_share_shift" and one.value > limits.null_share:
            yield (
                f"{one.subject} is unknown for {one.value:.1%} more users than in the champion's training set, "
                f"above {limits.null_share:.1%}"
            )
        if one.metric == "inconsistent_predictions" and one.value:
            yield f"{one.value:.0f} logged predictions have other features than a recompute"


def _volume(use_case: UseCase, measured: Sequence[Measured]) -> Iterator[str]:
    found = {one.metric: one.value for one in measured if one.metric in ("events_last_hour", "events_norm")}
    limits = use_case.monitoring
    if len(found) < 2 or max(found.values()) < limits.minimum_rows:
        return
    count, norm = found["events_last_hour"], found["events_norm"]
    if not norm / limits.volume_factor <= count <= norm * limits.volume_factor:
        yield (
            f"{count:,.0f} events in the last whole hour, {norm:,.0f} are usual: "
            f"more than a factor of {limits.volume_factor:g}"
        )


def _of_intervals(use_case: UseCase, measured: Sequence[Measured]) -> Iterator[str]:
    limits = use_case.monitoring
    for one, interval in intervals(measured, "realised_roc_auc"):
        if interval.high < limits.roc_auc:
            yield (
                f"version {one.model_version} had a ROC AUC of {_shown(interval)} on users whose label became known, "
                f"below {limits.roc_auc:g}"
            )
    for one, interval in intervals(measured, "realised_calibration_gap"):
        if _is_beyond(interval, limits.calibration_gap):
            scope = f" up to {one.subject} minutes after the opening" if one.subject else ""
            yield (
                f"version {one.model_version} predicted {_shown(interval)} more {use_case.outcome.name} than came true"
                f"{scope}, beyond {limits.calibration_gap:g}"
            )
    for _, interval in intervals(measured, "rate_shift"):
        if _is_beyond(interval, limits.rate_shift):
            yield (
                f"the share of {use_case.outcome.name} of the last day differs by {_shown(interval)} from that of "
                f"earlier days, beyond {limits.rate_shift:g}"
            )


def _is_beyond(interval: Interval, limit: float) -> bool:
    return interval.low > limit or interval.high < -limit


def _shown(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
