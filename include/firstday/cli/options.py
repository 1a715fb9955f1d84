"""Options that several commands share."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from include.firstday.lake.run import Run
from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase


def complete_use_case(incomplete: str) -> list[str]:
    """Names of use cases that begin as what has been typed."""
    return [name for name in use_case.names() if name.startswith(incomplete)]


def _use_case(context: typer.Context, name: str) -> UseCase | None:
    """The use case named after the command, else before it, else the default one."""
    if context.resilient_parsing:  # of a completion
        return None
    return use_case.load(name or context.obj or use_case.default_name())


CaseOption = Annotated[
    UseCase,
    typer.Option(
        "--use-case",
        parser=str,  # until the callback, which knows what was given before the command
        default_factory=str,
        callback=_use_case,
        autocompletion=complete_use_case,
        metavar="NAME",
        help="A folder in include/use_cases.",
        show_default=False,
    ),
]

ReasonOption = Annotated[str, typer.Option("--reason", metavar="PREFIX", help="Prefix of the reason, as event_type.")]


def run() -> Run:
    """Who writes: a run of the command line, by the second at which it began."""
    return Run(run=f"cli-{datetime.now(UTC):%Y%m%dT%H%M%S}")
