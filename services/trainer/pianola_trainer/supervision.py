"""Watching over one attempt: the lease is renewed, orders are passed on, and it ends when it has to."""

import threading
import time
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from sqlalchemy.exc import DBAPIError

from pianola.logs import relay
from pianola.records.errors import StaleAttempt
from pianola.settings import TrainerSettings
from pianola_trainer.child import Child
from pianola_trainer.exits import Exit
from pianola_trainer.orders import Order

CANCEL_SECONDS: Final = 10.0
"""A cancel is seen within poll_seconds (1 s) and obeyed by force after this: 11 s of the 15 a cancel may take."""
RELEASE_SECONDS: Final = 20.0
"""A worker that is told to stop has 30 s in most deployments: 1 s to see it, these, and the rest to say so."""
FINISH_SECONDS: Final = 10.0
"""What a process whose work is done may take to end; a second is usual."""

_GRACE: Final[dict[Order, float]] = {
    "cancel": CANCEL_SECONDS,
    "release": RELEASE_SECONDS,
    # Whoever pauses wants the checkpoint, however long it takes to write.
    "pause": float("inf"),
}
_log = structlog.get_logger("supervisor")


class Finished(Exception):
    """The attempt has said in its row that it succeeded; its process is about to end."""


class Lease(Protocol):
    """The row that an attempt works on.

    Both methods raise StaleAttempt, Finished, and DBAPIError while the database is away.
    """

    def renew(self) -> Order | None:
        """Keep it; returns what the attempt is asked to do."""

    def look(self) -> Order | None:
        """What the attempt is asked to do."""


@dataclass(frozen=True)
class Ended:
    """The attempt's process ended with `code`. killed: it had not obeyed an order in time."""

    code: int
    killed: bool


def supervise(
    child: Child, lease: Lease, claimed_at: float, stopping: threading.Event, settings: TrainerSettings
) -> Ended | None:
    """Watch until the attempt ends. None when the lease was lost: the child is killed, and nothing may be written more.

    claimed_at: time.monotonic() before the claim. stopping: this worker shuts down. What the attempt writes to its log
    goes to this process's.
    """
    try:
        return _watch(child, lease, claimed_at, stopping, settings)
    finally:
        _relay(child)


def _relay(child: Child) -> None:
    for line in child.new_lines():
        relay(line)


def _watch(
    child: Child, lease: Lease, claimed_at: float, stopping: threading.Event, settings: TrainerSettings
) -> Ended | None:
    renewed, told, deadline, killed = claimed_at, None, float("inf"), False
    while (code := child.wait(settings.poll_seconds)) is None:
        _relay(child)
        now = time.monotonic()
        if now >= deadline:
            _log.warning("killed", order=told, pid=child.pid)
            child.kill()
            killed = True
            continue
        try:
            if now - renewed >= settings.heartbeat_seconds:
                order = lease.renew()
                renewed = now
            else:
                order = lease.look()
        except Finished:
            child.wait(FINISH_SECONDS)
            return Ended(Exit.FINISHED, killed=False)
        except StaleAttempt as stale:
            _log.warning("lease_lost", reason=str(stale))
            child.kill()
            return None
        except DBAPIError as error:
            if now - renewed >= settings.lease_seconds:
                _log.warning("lease_expired", reason=str(error.orig))
                child.kill()
                # No fault of the run's: that is said, fenced as ever, if the database is back before a reaper takes it.
                return Ended(Exit.AWAY, killed=True)
            order = None
        if stopping.is_set() and order != "cancel":
            order = "release"
        if order is not None and order != told:
            child.tell(order)
            told, deadline = order, now + _GRACE[order]
    return Ended(code, killed)
