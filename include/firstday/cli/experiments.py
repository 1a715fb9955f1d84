"""Commands for experiments: what deliveries have changed."""

import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from include.firstday.cli.options import CaseOption, run
from include.firstday.cli.output import Output, OutputOption, progress, show

commands = typer.Typer()
command = partial(commands.command, rich_help_panel="Experiments")


@command()
def effect(
    case: CaseOption,
    experiment: Annotated[str, typer.Option(metavar="NAME", help="One experiment; all unless given.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Measure what the deliveries of targets with a holdout have changed, and print the latest result of each."""
    from include.firstday.delivery import effects
    from include.firstday.delivery import measure_effect as stage

    stage.measure_effect(case, run())
    rows = stage.latest(case, experiment)
    if output != Output.TABLE:
        show(rows, output)
        return
    for one in map(stage.of_row, rows):
        print(effects.describe(case, one))
        for alert in effects.alerts(one):
            print(f"  {alert}")
    if not rows:
        print("no experiment: a target with a holdout makes one, with its next delivery")


@command()
def train_uplift(case: CaseOption, target: Annotated[str, typer.Argument(help="A target with a holdout.")]) -> None:
    """Train a model of what a target's deliveries change, and promote it if it passes its gates."""
    from include.firstday.delivery import uplift as stage

    trained = stage.train_uplift(case, target, run())
    print(stage.describe(trained) if trained else "no new outcomes since the last model")


@command()
def rollback_uplift(
    case: CaseOption,
    target: Annotated[str, typer.Argument(help="A target with a model of uplift.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="The version to promote; the previous champion unless given.")
    ] = None,
) -> None:
    """Make the previous champion of a target's models of uplift, or another version, the champion again."""
    from include.firstday.models.uplift import store

    before, now = store.rollback(case, target, version)
    print(f"version {now} is the champion, version {before} no longer is")


@command()
def simulate_experiment(
    case: CaseOption,
    days: Annotated[float, typer.Option(min=0.1, help="Simulated days, and two more for the last outcomes.")] = 14,
    effect: Annotated[float, typer.Option(min=0, max=0.99, help="Share of users who stay because of an offer.")] = 0.1,
    persuadable: Annotated[bool, typer.Option("--persuadable", help="All of them in a quarter of the users.")] = False,
    home: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Keep the simulated lake there.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run generated users through the pipeline into an experiment, in a lake of its own; measure its effect daily."""
    from include.firstday.delivery import effects
    from include.firstday.operations import simulate_experiment as stage

    with tempfile.TemporaryDirectory(prefix="firstday-simulation-") as temporary, progress("Simulating") as report:
        folder = home or Path(temporary)
        found = stage.simulate_experiment(case, folder, days, effect, is_persuadable=persuadable, progress=report)
    if output != Output.TABLE:
        show([asdict(one) | {"true_effect": found.true_effect} for one in found.daily], output)
        return
    for one in found.daily[:-1]:
        print(f"{one.measured_at:%Y-%m-%d}: {effects.finding(case, one)}")
    print(effects.describe(case, found.measured))
    print(f"true effect on the treated: {100 * found.true_effect:.1f} points")
