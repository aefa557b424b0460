"""How long what the records hold has waited, was left, or has been quiet: what alerts and the doctor go by."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import Select, select, type_coerce
from sqlalchemy.orm import Session

from pianola.records.clock import database_now
from pianola.records.states import LEASED, DatasetState, EvaluationState, ImportState, RunState
from pianola.records.tables import Dataset, Evaluation, Event, Import, Run, UtcDateTime


@dataclass(frozen=True)
class Waits:
    """How many rows there are of a kind. Seconds, of the worst of them, 0 where there is none: since it became what it
    is, and since its message was sent last.
    """

    count: int
    longest: float
    unsent: float

    @classmethod
    def of(cls, now: datetime, rows: Iterable[tuple[datetime, datetime]]) -> Self:
        """Of rows' two times."""
        ages = [((now - since).total_seconds(), (now - sent).total_seconds()) for since, sent in rows]
        return cls(len(ages), *(max(0.0, *column) for column in zip(*ages, strict=True))) if ages else cls(0, 0.0, 0.0)


@dataclass(frozen=True)
class Ages:
    """All of them now, on the database's clock.

    waiting: in a queue, by kind. quiet: under way, by kind, since they last said how far they are. held: leases of runs
    that a worker is said to hold; lapsed: seconds since each of those ended that have.
    """

    waiting: dict[str, Waits]
    quiet: dict[str, Waits]
    held: int
    lapsed: list[float]


def look(session: Session) -> Ages:
    """See Ages."""
    now = session.scalar(select(type_coerce(database_now(), UtcDateTime)))
    assert now is not None

    def waits(query: Select[datetime, datetime]) -> Waits:
        return Waits.of(now, session.execute(query))

    # A run's last event is the one that queued it; of one under way, what it last did.
    told = select(Event.created_at, Run.sent_at, Run.updated_at, Run.lease_until).join(
        Run, (Run.id == Event.subject_id) & (Run.last_event == Event.number)
    )
    held = session.execute(told.where(Run.state.in_(LEASED))).all()
    said = [max(run.created_at, run.updated_at) for run in held]
    return Ages(
        waiting={
            "run": waits(told.with_only_columns(Event.created_at, Run.sent_at).where(Run.state == RunState.QUEUED)),
            "evaluation": waits(
                select(Evaluation.created_at, Evaluation.sent_at).where(Evaluation.state == EvaluationState.QUEUED)
            ),
            "import": waits(select(Import.created_at, Import.sent_at).where(Import.state == ImportState.QUEUED)),
        },
        quiet={
            "run": Waits.of(now, zip(said, said, strict=True)),
            # Whoever looks after a build marks it.
            "build": waits(
                select(Dataset.updated_at, Dataset.updated_at).where(Dataset.state == DatasetState.BUILDING)
            ),
        },
        held=len(held),
        lapsed=[(now - run.lease_until).total_seconds() for run in held if run.lease_until < now],
    )
