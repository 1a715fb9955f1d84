"""Errors and remedies, from the tree of their classes."""

import inspect
from collections.abc import Iterator

from include.firstday import errors
from tests.reference.markdown import page, table

HEAD = """
Every error that a user can handle, as its class in `include/firstday/errors.py`. The message says what happened,
where, and what to do. The command line prints it as one line and exits with 1; a task shows the class at the end of
its log. Anything else is a fault of the project or of the machine, and keeps its traceback.
"""


def render() -> str:
    return page("Errors", HEAD, table(("error", "meaning", "remedy"), _rows(errors.FirstdayError)))


def parts(error: type) -> tuple[str, str]:
    """Meaning and remedy of an error."""
    meaning, _, remedy = inspect.getdoc(error).partition("\n\nRemedy: ")  # type: ignore[union-attr]
    return meaning, remedy


def leaves(error: type) -> Iterator[type]:
    """Errors of the public tree that no other is derived from."""
    below = own(error)
    yield from [error] if not below else [leaf for each in below for leaf in leaves(each)]


def own(error: type) -> list[type]:
    """Errors of the public module that derive from one, in the order of the file."""
    return [each for each in error.__subclasses__() if each.__module__ == errors.__name__]


def _rows(error: type, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    for each in own(error):
        yield ("· " * depth + f"`{each.__name__}`", *parts(each))
        yield from _rows(each, depth + 1)
