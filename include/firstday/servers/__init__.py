"""Clients of other systems' servers, for sources and targets: one module per kind.

Nothing here reads or writes a row.
"""

from dataclasses import dataclass, field
from typing import Any

TIMEOUT = 10.0  # seconds after which an unresponsive server counts as unavailable


@dataclass(frozen=True)
class Credentials:
    """The fields of an Airflow Connection, as plain values. Its repr contains no password."""

    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: dict[str, Any] = field(default_factory=dict, repr=False)


def first_line(error: object) -> str:
    """Return an error's message in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
