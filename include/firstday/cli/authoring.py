"""Commands for authoring: make a business case, and check one."""

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from include.firstday.cli.options import complete_use_case
from include.firstday.cli.output import Output, OutputOption, show, show_sections
from include.firstday.use_case import use_case

if TYPE_CHECKING:
    from include.firstday.authoring.questions import Question

commands = typer.Typer()
command = partial(commands.command, rich_help_panel="Authoring")


@command()
def new_use_case(
    name: Annotated[str, typer.Argument(help="Small letters, digits and _.")],
    file: Annotated[
        Path | None, typer.Option("--from", metavar="PATH", help="A file of events, a part of one, or a folder.")
    ] = None,
    user: Annotated[str, typer.Option(metavar="COLUMN", help="The file's column of users.")] = "",
    time: Annotated[str, typer.Option(metavar="COLUMN", help="The file's column of times.")] = "",
    kind: Annotated[str, typer.Option("--type", metavar="COLUMN", help="The file's column of event types.")] = "",
    event: Annotated[str, typer.Option(metavar="TYPE", help="The event type of rows without one.")] = "",
    time_format: Annotated[str, typer.Option(metavar="FORMAT", help="Format of times, as %d.%m.%Y %H:%M.")] = "",
) -> None:
    """Write the YAML and SQL of a new business case; with --from, made for a file of events.

    On a terminal, what cannot be inferred from the file is asked.
    """
    from include.firstday.authoring import new_use_case as maker
    from include.firstday.authoring import questions

    given = {"user_id": user, "event_time": time, "event_type": kind}
    chosen = maker.Chosen({ours: column for ours, column in given.items() if column}, event, time_format)
    if file and sys.stdin.isatty():
        chosen = questions.complete(name, file, chosen, _ask)
    paths, notes = maker.new_use_case(name, file, chosen)
    print("\n".join(map(str, paths)))
    for note in notes:
        print(f"- {note}")
    print(f"\nNext: firstday check-use-case {name}")


def _ask(question: "Question") -> str:
    """The answer of a person: one of the choices, by its number or name, or any text."""
    names = [name for name, _ in question.choices]
    for number, (name, about) in enumerate(question.choices, start=1):
        typer.echo(f"{number:>4}  {name}{f'  ({about})' if about else ''}", err=True)
    while True:
        default = "" if question.is_optional else None
        answer = str(typer.prompt(question.text, default=default, show_default=False, err=True)).strip()
        if not names or answer in names:
            return answer
        if answer.isdecimal() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        typer.echo(f"{answer}: expected a number from 1 to {len(names)}, or a name of the list", err=True)


@command()
def check_use_case(
    name: Annotated[str, typer.Argument(autocompletion=complete_use_case, help="A folder in include/use_cases.")],
    sample: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A file or folder of events to compute the features of.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Check a business case line by line, and show the features of a few sample events."""
    from include.firstday.authoring import explain_use_case as explainer

    if wrong := explainer.explain(name):
        print("\n".join(wrong))
        raise typer.Exit(1)
    checked = use_case.load(name)
    sampled = explainer.sample(checked, sample)
    rows, is_valid = sampled.features, not any(found.is_error for found in sampled.findings)
    if output != Output.TABLE:
        sections = {"features": rows, "rejected": sampled.rejected}
        show_sections(sections | {"findings": [asdict(found) for found in sampled.findings]}, output)
        raise typer.Exit(not is_valid)
    print(f"{name}: {'valid' if is_valid else 'invalid'}")
    for found in sorted(sampled.findings, key=lambda found: not found.is_error):
        print(f"- {'error: ' if found.is_error else ''}{found.text}")
    for hint in explainer.hints(checked):
        print(f"- {hint}")
    print(f"\nFeatures of {sampled.source}.\n")
    features = [feature for feature in (rows[0] if rows else ()) if feature != "user_id"]
    show([{"feature": feature} | {row["user_id"]: row[feature] for row in rows} for feature in features], output)
    if sampled.rejected:
        print("\nRejected rows, as in rejected_events:\n")
        show(sampled.rejected, output)
    raise typer.Exit(not is_valid)
