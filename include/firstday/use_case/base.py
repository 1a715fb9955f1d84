"""Base classes of a use case's parts: frozen models, and types of names and numbers."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Share = Annotated[float, Field(ge=0, le=1)]
NonEmptyStr = Annotated[str, StringConstraints(min_length=1)]


def is_taken(column: str) -> bool:
    """Whether a column's name is one of the readers' own, or DuckDB's, by which rows are numbered as they were read."""
    return column.startswith("_") or column.lower() == "rowid"


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


EventTypes = Annotated[tuple[Identifier, ...], BeforeValidator(_as_tuple)]


class Frozen(BaseModel):
    """A part of a use case: immutable, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
