"""What every resource's shapes share."""

import re
from datetime import datetime
from typing import Annotated, Final, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Item = TypeVar("Item")


class Body(BaseModel):
    """A request: a field that does not exist is a mistake, not a wish to ignore."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Resource(BaseModel):
    """An answer, made from a row; a later version may add fields to it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Page(Resource, Generic[Item]):
    """Items of a list, and the cursor that continues after them; null at the end."""

    items: list[Item]
    next_cursor: str | None


class PageQuery(Body):
    """Which part of a list is asked for."""

    limit: int = Field(50, ge=1, le=200, description="items in a page")
    cursor: str | None = Field(None, max_length=600, description="next_cursor of the page before")


class Event(Resource):
    """Something that happened, numbered 1, 2, 3 ... for each subject without a gap."""

    id: int
    kind: str
    data: dict[str, object]
    created_at: datetime


class EventPage(Page[Event]):
    """A page of events, first to last."""


_PATTERN: Final = r"^\w([\w .()+-]*[\w)])?$"


def _nameable(name: str) -> str:
    if not re.fullmatch(_PATTERN, name):
        raise ValueError(f"{name!r} is no name: letters, digits, spaces and ._-()+, a letter or digit first and last")
    if name.startswith(("ds_", "run_")) or (len(name) == 64 and set(name) <= set("0123456789abcdef")):
        raise ValueError("looks like an id or a digest: choose another name")
    return name


Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="letters, digits, spaces and ._-()+; unique",
        json_schema_extra={"pattern": _PATTERN},
    ),
    AfterValidator(_nameable),
]
"""A name that can stand in an address beside ids and digests."""
