"""Commands of `firstday`, from Typer, and of make, from the Makefile."""

import re
from collections import defaultdict
from enum import Enum
from typing import Any

import typer

from include.firstday.cli.main import app
from include.firstday.settings import REPOSITORY
from tests.reference.markdown import code, page, table

HEAD = """
`.venv/bin/firstday COMMAND` uses the same lake as the servers, whether or not they are running. `--use-case NAME` may
precede or follow the command; `--install-completion` adds completion to the shell. `python -m include.firstday` is
the same command. An error is one line and exit code 1.
"""
MAKE = """
## make

On a Debian-like machine with Python 3.11 to 3.13 and git. The first use of each installs what it needs.
"""


def render() -> str:
    group: Any = typer.main.get_command(app)
    panels = defaultdict(list)
    for name, command in sorted(group.commands.items()):
        panels[command.rich_help_panel or "Other"].append(_section(name, command))
    parts = [part for panel, sections in panels.items() for part in (f"## {panel}", *sections)]
    return page("Commands", HEAD, _parameters(group), *parts, MAKE, table(("target", "description"), _targets()))


def _section(name: str, command: Any) -> str:
    shown = [each.metavar or each.name.upper() for each in command.params if each.param_type_name == "argument"]
    usage = " ".join(["firstday", name, *shown])
    about = " ".join(command.help.split())
    return f"### {name}\n\n`{usage}`\n\n{about}\n\n{_parameters(command)}"


def _parameters(command: Any) -> str:
    rows = [
        (_spelling(each), code(_default(each)), getattr(each, "help", "") or "")
        for each in command.params
        if each.name not in ("install_completion", "show_completion", "help")
    ]
    return table(("parameter", "default", "description"), rows) if rows else ""


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    kind = parameter.type_descriptor.annotation
    value = parameter.metavar or ("" if parameter.is_flag else _word(kind))
    return f"`{', '.join(parameter.opts)}{f' {value}' if value else ''}`"


def _word(kind: Any) -> str:
    if issubclass(kind, Enum):
        return "|".join(each.value for each in kind)
    return {int: "N", float: "NUMBER"}.get(kind, kind.__name__.upper())


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is None or callable(value) or value is False:
        return ""
    return str(getattr(value, "value", value))


def _targets() -> list[tuple[str, str]]:
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return [(f"`make {name}`", about) for name, about in re.findall(r"^([a-z-]+):.*?## +(.+)$", text, re.MULTILINE)]
