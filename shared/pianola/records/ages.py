"""How long what the records hold has waited, was left, or has been quiet: what alerts are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, type_coerce
from sqlalchemy.orm import Session

from pianola.records.clock import database_now
from pianola.records.states import LEASED, DatasetState, EvaluationState, ImportState, RunState
from pianola.records.tables import Dataset, Evaluation, Event, Import, Run, UtcDateTime


@dataclass(frozen=True)
class Ages:
    """Seconds, of whatever of its kind is worst; 0 where there is nothing of the kind.

    waiting: in a queue, by kind. lapsed: since the lease of a run ended that a worker is said to hold. quiet: since
    what is under way, by kind, last said how far it is.
    """

    waiting: dict[str, float]
    lapsed: float
    quiet: dict[str, float]


def look(session: Session) -> Ages:
    """All of them now, on the database's clock."""
    now = session.scalar(select(type_coerce(database_now(), UtcDateTime)))
    assert now is not None

    def worst(since: Iterable[datetime]) -> float:
        return max((max(0.0, (now - each).total_seconds()) for each in since), default=0.0)

    # A run's last event is the one that queued it; of one under way, what it last did.
    events = select(Run.state, Event.created_at, Run.updated_at, Run.lease_until).join(
        Event, (Run.id == Event.subject_id) & (Run.last_event == Event.number)
    )
    alive = session.execute(events.where(Run.state.in_({RunState.QUEUED, *LEASED}))).all()
    held = [run for run in alive if run.state != RunState.QUEUED]
    building = select(Dataset.updated_at).where(Dataset.state == DatasetState.BUILDING)
    evaluations = select(Evaluation.created_at).where(Evaluation.state == EvaluationState.QUEUED)
    imports = select(Import.created_at).where(Import.state == ImportState.QUEUED)
    return Ages(
        waiting={
            "run": worst(run.created_at for run in alive if run.state == RunState.QUEUED),
            "evaluation": worst(session.scalars(evaluations)),
            "import": worst(session.scalars(imports)),
        },
        lapsed=worst(run.lease_until for run in held),
        quiet={
            "run": worst(max(run.created_at, run.updated_at) for run in held),
            "build": worst(session.scalars(building)),
        },
    )
