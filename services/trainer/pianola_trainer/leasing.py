"""The two kinds of rows that an attempt works on, as its supervisor keeps them."""

from dataclasses import dataclass
from typing import Final

from pianola.records import Records, evaluations, leases
from pianola.records.errors import StaleAttempt
from pianola.records.states import EvaluationState, RunState
from pianola.records.tables import Evaluation, Run
from pianola_trainer.orders import Order
from pianola_trainer.supervision import Finished

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
        try:
            with self.records.write() as session:
                return _ORDERS.get(leases.heartbeat(session, self.run_id, self.attempt, self.seconds))
        except StaleAttempt:
            raise self._ended() from None

    def look(self) -> Order | None:
        """See supervision.Lease."""
        try:
            with self.records.read() as session:
                return _ORDERS.get(leases.state_of(session, self.run_id, self.attempt))
        except StaleAttempt:
            raise self._ended() from None

    def _ended(self) -> Exception:
        with self.records.read() as session:
            run = session.get_one(Run, self.run_id)
        finished = (run.attempt, run.state) == (self.attempt, RunState.SUCCEEDED)
        return Finished() if finished else StaleAttempt(self.run_id, self.attempt)


@dataclass(frozen=True)
class EvaluationLease:
    """An evaluation held by one attempt; nobody cancels or pauses it. See supervision.Lease."""

    records: Records
    evaluation_id: str
    attempt: int
    seconds: float

    def renew(self) -> Order | None:
        """See supervision.Lease."""
        try:
            with self.records.write() as session:
                evaluations.heartbeat(session, self.evaluation_id, self.attempt, self.seconds)
        except StaleAttempt:
            raise self._ended() from None
        return None

    def look(self) -> Order | None:
        """See supervision.Lease."""
        return None

    def _ended(self) -> Exception:
        with self.records.read() as session:
            evaluation = session.get_one(Evaluation, self.evaluation_id)
        finished = (evaluation.attempt, evaluation.state) == (self.attempt, EvaluationState.SUCCEEDED)
        return Finished() if finished else StaleAttempt(self.evaluation_id, self.attempt)
