"""Idempotency keys: a POST's answer is kept in the transaction that does its work."""

from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pianola.records.errors import IdempotencyKeyReused
from pianola.records.tables import IdempotentRequest, Json


@dataclass(frozen=True)
class Answer:
    """What a POST was answered: status and JSON body."""

    status: int
    body: Json


def begin(session: Session, key: str, caller: str, request: str) -> Answer | None:
    """None for a new request; the former answer for a repeated one. `request` is the request's sha256.

    A repetition that comes while the first is at work waits for its transaction. Raises IdempotencyKeyReused.
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    added = session.scalar(
        insert(IdempotentRequest)
        .values(key=key, caller=caller, request=request)
        .on_conflict_do_nothing()
        .returning(IdempotentRequest.key)
    )
    return None if added is not None else answered(session, key, caller, request)


def answered(session: Session, key: str, caller: str, request: str) -> Answer | None:
    """The former answer for a repeated request; None for a new one. Raises IdempotencyKeyReused."""
    former = session.get(IdempotentRequest, (key, caller), populate_existing=True)
    if former is None:
        return None
    if former.request != request or former.status is None:
        raise IdempotencyKeyReused(key)
    return Answer(former.status, former.body or {})


def known(session: Session, key: str, caller: str) -> bool:
    """Whether the key was used before: such a request is answered, whatever has changed since."""
    return session.get(IdempotentRequest, (key, caller)) is not None


def finish(session: Session, key: str, caller: str, answer: Answer) -> None:
    """Keep the answer, in the same transaction as `begin` and the work."""
    session.execute(
        update(IdempotentRequest)
        .where(IdempotentRequest.key == key, IdempotentRequest.caller == caller)
        .values(status=answer.status, body=answer.body)
    )
