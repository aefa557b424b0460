"""What waits in the records, for how long, and whether anybody is at work on what is under way."""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pianola.operations.finding import Finding
from pianola.records import ages
from pianola.records.ages import Ages, Waits
from pianola.records.states import RunState
from pianola.records.tables import Run

LOST_SECONDS: Final = 30.0
"""A lease that ran out this long ago should have been taken back by some reaper."""
UNSENT_SECONDS: Final = 120.0
"""Whatever is queued is sent again every 30 s, as long as anybody does."""
LONG_SECONDS: Final = 600.0

_ALONE: Final = "start an api or a worker: each of them takes back and sends again what was lost"


def runs_for(session: Session, queue: str) -> int:
    """How many runs wait for a worker of `queue`."""
    query = select(func.count()).select_from(Run).where(Run.state == RunState.QUEUED, Run.queue == queue)
    return session.scalar(query) or 0


def look(session: Session) -> list[Finding]:
    """Leases, and what is queued of each kind."""
    found = ages.look(session)
    return [
        _leases(found),
        _queued("runs waiting", found.waiting["run"]),
        _queued("builds that are quiet", found.quiet["build"]),
        _queued("evaluations waiting", found.waiting["evaluation"]),
        _queued("imports waiting", found.waiting["import"]),
    ]


def _leases(found: Ages) -> Finding:
    said, worst = f"{found.held - len(found.lapsed)} held", max(found.lapsed, default=0.0)
    if found.lapsed:
        said += f", {len(found.lapsed)} ran out, {_span(worst)} ago at the most"
    late = worst > LOST_SECONDS
    return Finding("leases of runs", "error" if late else "ok", said, _ALONE if late else "")


def _queued(name: str, waits: Waits) -> Finding:
    if not waits.count:
        return Finding(name, "ok", "none")
    found = f"{waits.count}, the oldest for {_span(waits.longest)}"
    if waits.unsent > UNSENT_SECONDS:
        return Finding(name, "error", f"{found}; not sent again for {_span(waits.unsent)}", _ALONE)
    if waits.longest > LONG_SECONDS:
        return Finding(name, "warning", found, "add workers (see scaling), or look into their logs")
    return Finding(name, "ok", found)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
