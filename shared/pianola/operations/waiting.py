"""What waits in the records, for how long, and whether anybody is at work on what is under way."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import func, select, type_coerce
from sqlalchemy.orm import Session

from pianola.records.clock import database_now
from pianola.records.states import LEASED, DatasetState, EvaluationState, ImportState, RunState
from pianola.records.tables import Dataset, Evaluation, Event, Import, Run, UtcDateTime

LOST_SECONDS: Final = 30.0
"""A lease that ran out this long ago should have been taken back by some reaper."""
UNSENT_SECONDS: Final = 120.0
"""Whatever is queued is sent again every 30 s, as long as anybody does."""
LONG_SECONDS: Final = 600.0

_ALONE: Final = "start an api or a worker: each of them takes back and sends again what was lost"


@dataclass(frozen=True)
class Line:
    """As doctor.Finding."""

    name: str
    level: Literal["ok", "warning", "error"]
    found: str
    todo: str = ""


def runs_for(session: Session, queue: str) -> int:
    """How many runs wait for a worker of `queue`."""
    query = select(func.count()).select_from(Run).where(Run.state == RunState.QUEUED, Run.queue == queue)
    return session.scalar(query) or 0


def look(session: Session) -> list[Line]:
    """Leases, and what is queued of each kind."""
    now = session.scalar(select(type_coerce(database_now(), UtcDateTime)))
    assert now is not None
    # A queued run's last event is the one that queued it.
    since = select(Event.created_at, Run.sent_at).join(
        Run, (Run.id == Event.subject_id) & (Run.last_event == Event.number)
    )
    building = select(Dataset.updated_at, Dataset.updated_at).where(Dataset.state == DatasetState.BUILDING)
    return [
        _leases(session, now),
        _queued(session, now, "runs waiting", since.where(Run.state == RunState.QUEUED)),
        _queued(session, now, "builds that are quiet", building),
        *(
            _queued(session, now, name, select(row.created_at, row.sent_at).where(row.state == queued))
            for name, row, queued in (
                ("evaluations waiting", Evaluation, EvaluationState.QUEUED),
                ("imports waiting", Import, ImportState.QUEUED),
            )
        ),
    ]


def _leases(session: Session, now: datetime) -> Line:
    ends = session.scalars(select(Run.lease_until).where(Run.state.in_(LEASED))).all()
    lost = [(now - end).total_seconds() for end in ends if end < now]
    found = f"{len(ends) - len(lost)} held"
    if lost:
        found += f", {len(lost)} ran out, {_span(max(lost))} ago at the most"
    late = bool(lost) and max(lost) > LOST_SECONDS
    return Line("leases of runs", "error" if late else "ok", found, _ALONE if late else "")


def _queued(session: Session, now: datetime, name: str, query: Any) -> Line:
    rows = session.execute(query).all()
    if not rows:
        return Line(name, "ok", "none")
    oldest = max((now - since).total_seconds() for since, _ in rows)
    unsent = max((now - sent).total_seconds() for _, sent in rows)
    found = f"{len(rows)}, the oldest for {_span(oldest)}"
    if unsent > UNSENT_SECONDS:
        return Line(name, "error", f"{found}; not sent again for {_span(unsent)}", _ALONE)
    if oldest > LONG_SECONDS:
        return Line(name, "warning", found, "add workers (see scaling), or look into their logs")
    return Line(name, "ok", found)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
