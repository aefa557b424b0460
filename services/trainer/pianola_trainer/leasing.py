"""The two kinds of rows that an attempt works on, as its supervisor keeps them."""

from dataclasses import dataclass
from typing import Final

from pianola.records import Records, evaluations, leases
from pianola.records.states import RunState
from pianola_trainer.orders import Order

_ORDERS: Final[dict[RunState, Order]] = {RunState.CANCELLING: "cancel", RunState.PAUSING: "pause"}


@dataclass(frozen=True)
class RunLease:
    """A run held by one attempt. See supervision.Lease."""

    records: Records
    run_id: str
    attempt: int
    seconds: float

    def renew(self) -> Order | None:
        """See supervision.Lease."""
        with self.records.write() as session:
            return _ORDERS.get(leases.heartbeat(session, self.run_id, self.attempt, self.seconds))

    def look(self) -> Order | None:
        """See supervision.Lease."""
        with self.records.read() as session:
            return _ORDERS.get(leases.state_of(session, self.run_id, self.attempt))


@dataclass(frozen=True)
class EvaluationLease:
    """An evaluation held by one attempt; nobody cancels or pauses it. See supervision.Lease."""

    records: Records
    evaluation_id: str
    attempt: int
    seconds: float

    def renew(self) -> Order | None:
        """See supervision.Lease."""
        with self.records.write() as session:
            evaluations.heartbeat(session, self.evaluation_id, self.attempt, self.seconds)
        return None

    def look(self) -> Order | None:
        """See supervision.Lease."""
        return None
