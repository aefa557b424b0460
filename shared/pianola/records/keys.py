"""API keys: hashed, scoped, expiring."""

import hashlib
import secrets
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from pianola.records.clock import database_now
from pianola.records.errors import NotFound
from pianola.records.ids import new_id
from pianola.records.paging import Page, page
from pianola.records.tables import Key


class Scope(StrEnum):
    """What a key may do; each scope holds those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


_RANK: Final = {Scope.READ: 0, Scope.WRITE: 1, Scope.ADMIN: 2}


class Unauthorised(PermissionError):
    """No key, an unknown or an expired one."""


class Forbidden(PermissionError):
    """The key's scopes do not reach this far."""


def create(session: Session, name: str, scopes: Sequence[Scope], expires_days: float | None = None) -> tuple[Key, str]:
    """A new key and its secret, which is not kept and cannot be shown again."""
    secret = f"pk_{secrets.token_urlsafe(32)}"
    expires = None if expires_days is None else database_now(expires_days * 86_400)
    key = Key(id=new_id("key"), name=name, hash=_hash(secret), scopes=[scope.value for scope in scopes])
    key.expires_at = expires
    session.add(key)
    session.flush()
    session.refresh(key)
    return key, secret


def authorise(session: Session, authorization: str | None, scope: Scope) -> Key:
    """The key behind an Authorization header, if it reaches `scope`. Raises Unauthorised, Forbidden."""
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise Unauthorised("send an API key: Authorization: Bearer pk_...")
    live = or_(Key.expires_at.is_(None), Key.expires_at > database_now())
    key = session.scalar(select(Key).where(Key.hash == _hash(secret.strip()), live))
    if key is None:
        raise Unauthorised("this API key is unknown or has expired")
    if max(_RANK[Scope(name)] for name in key.scopes) < _RANK[scope]:
        raise Forbidden(f"this needs a key with scope {scope.value}; {key.name!r} has {', '.join(key.scopes)}")
    return key


def list_page(session: Session, limit: int, cursor: str | None) -> Page[Key]:
    """Keys, newest first."""
    return page(session, select(Key), Key.id, limit, cursor)


def exist(session: Session) -> bool:
    """Whether there is any key."""
    return session.scalar(select(Key.id).limit(1)) is not None


def revoke(session: Session, key_id: str) -> None:
    """Remove a key. Raises NotFound."""
    if session.scalar(delete(Key).where(Key.id == key_id).returning(Key.id)) is None:
        raise NotFound("key", key_id)


def _hash(secret: str) -> str:
    # The secret holds 256 bits of chance: a slow hash would protect nothing more.
    return hashlib.sha256(secret.encode()).hexdigest()
