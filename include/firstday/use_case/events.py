"""The events of a use case: their types, their mapping, the window in which they count, and the gaps between them."""

from typing import Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from include.firstday.use_case.base import EventTypes, Frozen, Identifier, is_taken


class Event(Frozen):
    """One event type of the source."""

    required: tuple[Identifier, ...] = Field(
        (), description="fields without which a row of this type is rejected, besides `user_id` and `event_time`"
    )
    repeats: Literal["once", "count"] = Field(
        "once",
        description="of events without `event_id` that are equal in every column: one counts, or each of them does",
        examples=["count"],
    )


class SourceMapping(Frozen):
    """The mapping of a source's columns, event types, files and formats to Firstday's."""

    columns: dict[str, Identifier] = Field(
        {}, description="the source's column: Firstday's; several may map to one", examples=[{"customer_id": "user_id"}]
    )
    event_types: dict[str, Identifier] = Field(
        {}, description="the source's event type: Firstday's", examples=[{"Order Placed": "order_placed"}]
    )
    files: dict[str, Identifier] = Field(
        {},
        description="pattern of file names: the event type of their rows that name none",
        examples=[{"orders-*": "order_placed"}],
    )
    time_zone: str = Field("UTC", description="zone of times without an offset", examples=["Europe/Berlin"])
    time_format: str = Field(
        "",
        description="format of times, by strptime, or `epoch_seconds` or `epoch_milliseconds`; default: ISO 8601",
        examples=["%d.%m.%Y %H:%M"],
    )
    decimal_comma: bool = Field(
        False, description="1.234,50 is a number; in JSON and Parquet only where a text has a comma", examples=[True]
    )

    @field_validator("columns")
    @classmethod
    def _not_ours(cls, columns: dict[str, str]) -> dict[str, str]:
        if taken := [name for name in columns if is_taken(name)]:
            raise ValueError(f"expected names that do not begin with _ and are not rowid, found {', '.join(taken)}")
        return columns

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("expected a time zone's name, such as Europe/Berlin")
        return name

    @field_validator("time_format")
    @classmethod
    def _without_offset(cls, text: str) -> str:
        if "%z" in text:
            raise ValueError("expected a format without %z: a time with its offset needs no time_format")
        if text and "%" not in text and text not in ("epoch_seconds", "epoch_milliseconds"):
            raise ValueError("expected a format such as '%d.%m.%Y %H:%M', epoch_seconds or epoch_milliseconds")
        return text


class Window(Frozen):
    """The time span in which a user's events count: from the first opening event, both ends included.

    From the first event of `closed_by` in it on, the user is at risk no longer: neither scored nor delivered, and no
    model is trained or tested on a later moment.
    """

    opened_by: EventTypes = Field((), description="event types of which the first opens the window; default: all")
    closed_by: EventTypes = Field(
        (),
        description="event types of which the first in the window ends a user's risk; default: none",
        examples=["purchased"],
    )
    hours: float = Field(gt=0, description="length of the window, both ends included")


class Gap(Frozen):
    """Measures of the time between a user's consecutive events of some types, in the window.

    `<name>_gap`: an event's seconds since the one before, of all but the first. `<name>_session`: 1 of each event that
    begins a session, the first and those after a longer pause.
    """

    of: EventTypes = Field(
        min_length=1,
        description="event types of which consecutive events are compared",
        examples=[["page_viewed", "product_viewed"]],
    )
    session_minutes: float = Field(30, gt=0, description="a session ends where the pause after it is longer")
