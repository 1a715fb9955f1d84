"""What every part of a use case is built from: frozen models, and kinds of names and numbers."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Share = Annotated[float, Field(ge=0, le=1)]
NonEmptyStr = Annotated[str, StringConstraints(min_length=1)]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


EventTypes = Annotated[tuple[Identifier, ...], BeforeValidator(_as_tuple)]


class Frozen(BaseModel):
    """A part of a use case: read once, never changed, without keys that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
