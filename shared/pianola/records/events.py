"""Events: what happened to a dataset or a run, numbered without a gap in the transaction that made it happen."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pianola.records.clock import database_now
from pianola.records.tables import Dataset, Event, Json, Run

ENDING: Final = frozenset({"succeeded", "failed", "cancelled", "built"})
"""Kinds after which a subject's work has ended (a run's evaluation may still follow)."""


def append(session: Session, subject: type[Run] | type[Dataset], subject_id: str, kind: str, data: Json) -> int:
    """Add an event and return its number.

    The counter's UPDATE takes the subject's row lock, so numbers have no gap and their order is the commits'.
    """
    number = session.execute(
        update(subject)
        .where(subject.id == subject_id)
        .values(last_event=subject.last_event + 1, updated_at=database_now())
        .returning(subject.last_event)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    session.add(Event(subject_id=subject_id, number=number, kind=kind, data=data))
    return number


def after(session: Session, subject_id: str, number: int, limit: int) -> Sequence[Event]:
    """Up to `limit` events of a subject with numbers above `number`, in order."""
    return session.scalars(
        select(Event).where(Event.subject_id == subject_id, Event.number > number).order_by(Event.number).limit(limit)
    ).all()
