"""Measurements and alerts, metrics of a test, gates, and gauges, from the data that the code itself uses."""

from collections.abc import Iterator

from include.firstday.models.training.metrics import METRICS
from include.firstday.monitoring.measurements import MEASUREMENTS
from include.firstday.use_case.use_case import GATES, MEASURED_ONCE, Gate
from include.firstday.web.metrics import GAUGES, LABELLED
from tests.reference.markdown import page, table

MONITORING = """
## Measurements and alerts

`monitor_model` measures every hour and writes to the table `monitoring` and to the MLflow run `monitoring`. An alert
names a key of [`monitoring`](use-case.md#monitoring) in the YAML. A metric with an interval has its ends in `…_low`
and `…_high`: a 99 % interval, all of which must be beyond the limit. [How monitoring
works](../concepts/models.md#monitoring).
"""
TESTED = """
## Metrics of a test

In the run of a training as `test_…`, with a 95 % interval by bootstrap over users in `test.json`; out of fold as
`cv_…` in a candidate's run. [Gates](#gates) are conditions on them.
"""
EXPERIMENTS = """
## Experiments

`measure_effect` writes a row of [`effects`](tables.md#effects) every hour for each experiment of a target with a
holdout. It raises an alert where `balance_p_value` says that the arms differ more than chance explains, and where
`contaminated` users were reached although they are held out. [How effects are
measured](../concepts/experiments.md#how-it-is-measured).
"""
GATED = """
## Gates

The gates of a use case without `training.gates`. A challenger must pass all of them to become the champion.
"""
GAUGED = """
## Gauges

`GET /firstday/api/{use_case}/metrics` in Prometheus' text format, each with the label `use_case`.
"""


def render() -> str:
    measured = [
        (f"`{name}`" + (", interval" if about.has_interval else ""), about.meaning, about.alert)
        for name, about in MEASUREMENTS.items()
    ]
    metrics = [(f"`{name}`", each.about, _better(each.more_is_better)) for name, each in METRICS.items()]
    once = [(f"`{name}`", about, _better(False)) for name, about in MEASURED_ONCE.items()]
    gauges = [(f"`firstday_{name}`", about) for name, (about, _) in GAUGES.items()]
    labelled = [(f"`firstday_{name}`", about) for name, about in LABELLED.items()]
    return page(
        "Metrics, alerts and gates",
        MONITORING,
        table(("metric", "meaning", "alert"), measured),
        EXPERIMENTS,
        TESTED,
        table(("metric", "formula or source", "better"), [*metrics, *once]),
        GATED,
        table(("gate", "condition"), [(f"`{name}`", ", ".join(condition(gate))) for name, gate in GATES.items()]),
        GAUGED,
        table(("gauge", "meaning"), [*gauges, *labelled]),
    )


def condition(gate: Gate) -> Iterator[str]:
    """What a gate requires, in words."""
    limit = f"at most {gate.at_most:g}" if gate.at_most is not None else f"above {gate.above:g}"
    yield f"`{gate.metric}`" + (f", advantage over {gate.against}," if gate.against else "") + f" {limit}"
    if gate.confident:
        yield "for the entire 95 % interval"
    if gate.allow_chance:
        yield "for a part of the 95 % interval"
    if gate.by:
        yield f"at each {gate.by} with at least {gate.minimum_users} users"


def _better(is_more: bool) -> str:
    return "more" if is_more else "less"
