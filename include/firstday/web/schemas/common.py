"""What the responses of several rooms share."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, PlainSerializer

# Times in the lake are naive UTC; responses carry the "Z".
Utc = Annotated[datetime, PlainSerializer(lambda time: time.isoformat() + "Z", return_type=str)]


class Problem(BaseModel):
    """Why a request was not answered: a message, or FastAPI's list of the parameters that are not valid."""

    detail: Any


def problem(when: str) -> dict[str, Any]:
    """Document a status code for FastAPI's `responses`: when it is the answer, which is JSON on every route."""
    # Not as a `model`, which FastAPI documents with the media type of the route's other answers.
    return {"description": when, "content": {"application/json": {"schema": Problem.model_json_schema()}}}


WITH_LOGIN: dict[int | str, dict[str, Any]] = {401: problem("no valid login")}
OF_USE_CASE = WITH_LOGIN | {
    403: problem("no permission for this use case"),
    404: problem("no such use case or user"),
    503: problem("the lake cannot be opened, or landing is not writable; retry later"),
}
OF_BODY = OF_USE_CASE | {
    400: problem("the body is not of the form of its Content-Type; names the line"),
    413: problem("the body is too large"),
    415: problem("another Content-Type or Content-Encoding was expected"),
    422: problem("the Idempotency-Key is too long, or was used for another body"),
    429: problem("too much is pending in landing; retry after Retry-After seconds"),
}
OF_CHAMPION: dict[int | str, dict[str, Any]] = {
    404: problem("no such use case or user, or no champion yet"),
    409: problem("the champion is a bundled model that is held back: nobody is scored; names the feature that differs"),
}


class UseCaseName(BaseModel):
    """A use case: its name in paths, and its title on the page."""

    name: str
    title: str
    description: str
    outcome: str = Field(description="what is predicted, such as churn")
    is_positive: bool = Field(description="the outcome is desired, as a purchase is")
    features: list[str]
    segments: list[str] = Field(description="segments in its YAML")
    event_types: list[str]
    window_hours: float
    cutoff_minutes: list[int]
