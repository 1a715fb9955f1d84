"""Clients of other systems' servers, which sources read and targets write: one module per kind, with how to connect.

Nothing here reads or writes a row.
"""

from dataclasses import dataclass, field
from typing import Any

TIMEOUT = 10.0  # seconds until a server that does not answer counts as down


@dataclass(frozen=True)
class Credentials:
    """What an Airflow Connection says, as plain values. Its text shows no password."""

    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: dict[str, Any] = field(default_factory=dict, repr=False)


def first_line(error: object) -> str:
    """What an error says, in one line."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
