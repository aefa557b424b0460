"""Shapes of API keys."""

from datetime import datetime

from pydantic import Field

from pianola.records.keys import Scope
from pianola_api.schemas.common import Body, Page, Resource


class NewKey(Body):
    """A key to make."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", description="who or what has it")
    scopes: list[Scope] = Field(min_length=1, max_length=3, description="each scope holds those before it")
    expires_days: float | None = Field(None, gt=0, le=3650, description="never, when not given")


class Key(Resource):
    """A key, without its secret."""

    id: str
    name: str
    scopes: list[str]
    expires_at: datetime | None
    created_at: datetime


class KeyWithSecret(Key):
    """A key as it is answered once, when made: the secret is not kept, so a repeated request answers null."""

    secret: str | None


class KeyPage(Page[Key]):
    """A page of keys, newest first."""
