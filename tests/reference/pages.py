"""Every generated page, by its file in docs/reference/."""

from collections.abc import Callable
from pathlib import Path

from include.firstday.settings import REPOSITORY
from tests.reference import api, commands, dags, errors, measures, settings, tables, use_case

PAGES: dict[str, Callable[[], str]] = {
    "use-case.md": use_case.render,
    "settings.md": settings.render,
    "commands.md": commands.render,
    "tables.md": tables.render,
    "dags.md": dags.render,
    "api.md": api.render,
    "metrics.md": measures.render,
    "errors.md": errors.render,
}


def path(name: str) -> Path:
    """The file of a page."""
    return REPOSITORY / "docs" / "reference" / name
