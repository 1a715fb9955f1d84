"""Commands for experiments: what deliveries have changed."""

from functools import partial
from typing import Annotated

import typer

from include.firstday.cli.options import CaseOption, run
from include.firstday.cli.output import Output, OutputOption, show

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
