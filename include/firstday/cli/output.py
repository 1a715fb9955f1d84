"""What commands print: rows as a table, JSON or CSV on standard output, progress on standard error."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Rows = Sequence[Sequence[Any]]
Report = Callable[[int, int, str], None]  # steps done, steps in all, what was done


class Output(StrEnum):
    """The format of printed rows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Format of the printed rows.")]


def show(rows: Sequence[Mapping[str, Any]], output: Output) -> None:
    """Print dictionaries with the same keys."""
    show_rows(list(rows[0]) if rows else [], [list(row.values()) for row in rows], output)


def show_rows(columns: Sequence[str], rows: Rows, output: Output) -> None:
    """Print rows of values under their columns' names. Colours are left out where no terminal shows them."""
    if output == Output.JSON:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str, indent=2))
    elif output == Output.CSV:
        texts = ([_text(value) for value in row] for row in rows)
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *texts])
    else:
        _table(columns, rows)


def show_sections(sections: Mapping[str, Sequence[Mapping[str, Any]]], output: Output) -> None:
    """Print several tables: one JSON object, or one after the other with an empty line between."""
    if output == Output.JSON:
        print(json.dumps(sections, default=str, indent=2))
        return
    for number, rows in enumerate(rows for rows in sections.values() if rows):
        if number:
            print()
        show(rows, output)


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Show how far a command is: a bar on a terminal, one line a step elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, text: print(text, file=sys.stderr)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task(title, total=None)
        yield lambda done, total, text: bars.update(bar, completed=done, total=total, description=text)


def _table(columns: Sequence[str], rows: Rows) -> None:
    cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    for number, row in enumerate(cells):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        typer.secho(line, bold=number == 0)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, default=str) if isinstance(value, dict | list) else str(value)
