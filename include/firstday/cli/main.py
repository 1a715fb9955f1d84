"""The `firstday` command: its global options, its groups, and how an error ends it."""

import logging
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from include.firstday.cli import authoring, data, experiments, models, operations
from include.firstday.cli.options import complete_use_case
from include.firstday.errors import FirstdayError
from include.firstday.settings import quiet_mlflow, version

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for group in (data, models, experiments, operations, authoring):
    app.add_typer(group.commands)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. A FirstdayError is one line; any other exception has a traceback."""
    try:
        app(args=arguments, prog_name="firstday")
    except FirstdayError as error:
        print(f"firstday: {error}", file=sys.stderr)
        return 1
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"firstday {version()}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    use_case: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="A folder in include/use_cases.", autocompletion=complete_use_case, show_default=False
        ),
    ] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what each stage does.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Firstday's lake on the command line: with and without the servers, each command as the DAG of its name.

    Settings are environment variables, such as FIRSTDAY_HOME and FIRSTDAY_USE_CASE.
    """
    context.obj = use_case
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s")
    quiet_mlflow()
