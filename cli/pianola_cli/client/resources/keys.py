"""API keys."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from pianola_cli.client.resources.resource import Resource


class Key(Resource):
    """An API key; `secret` is there once, in the answer that made it."""

    id: str
    name: str
    scopes: list[str] = Field(default_factory=list)
    secret: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
