"""The two tasks: claim, supervise an attempt in a process of its own, and say how it ended."""

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from celery import Celery
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pianola.queue import EVALUATE_RUN, TRAIN_RUN, send
from pianola.records import Records, evaluations, leases
from pianola.records.errors import StaleAttempt
from pianola.records.states import EvaluationState, RunState
from pianola.records.tables import Evaluation, Run
from pianola.settings import TrainerSettings
from pianola.spool import Spool
from pianola_trainer.child import Child, new_nursery
from pianola_trainer.exits import Exit
from pianola_trainer.leasing import EvaluationLease, RunLease
from pianola_trainer.nursery import Nursery
from pianola_trainer.supervision import Ended, supervise

ATTEMPT = "pianola_trainer.attempt"
EVALUATION_ATTEMPT = "pianola_trainer.evaluation_attempt"
WARM_UP_SECONDS: Final = 60.0
"""Importing torch takes four seconds of a core, and on busy ones, or from a cold disk, many times that."""

Written = TypeVar("Written")
_log = structlog.get_logger("trainer")


class Tasks:
    """What the worker's tasks do. Never imports torch: that is the child's."""

    def __init__(self, settings: TrainerSettings, records: Records, celery: Celery, spool: Spool) -> None:
        self._settings = settings
        self._records = records
        self._celery = celery
        self._spool = spool
        self.stopping = threading.Event()
        """Set when this worker shuts down: the running attempt is released."""
        self._nursery: Nursery | None = None

    def keep_warm(self) -> None:
        """Have torch imported for all attempts to come, where settings say so."""
        if self._settings.warm:
            self._nursery = new_nursery()

    def close(self) -> None:
        """Leave no process behind."""
        if self._nursery is not None:
            self._nursery.close()

    def train_run(self, run_id: str) -> None:
        """Train the run, unless another worker holds it or it has ended."""
        self._wait_until_warm()
        claimed_at = time.monotonic()
        run = self._claim(
            lambda session: leases.claim(session, run_id, self._settings.worker, self._settings.lease_seconds)
        )
        if run is None:
            return
        with structlog.contextvars.bound_contextvars(run=run_id, attempt=run.attempt):
            _log.info("claimed", family=run.family, preset=run.preset, step=run.step)
            self._attempt(run, claimed_at)

    def evaluate_run(self, evaluation_id: str) -> None:
        """Compare the run's samples with its dataset, unless another worker does or it is done."""
        self._wait_until_warm()
        claimed_at = time.monotonic()
        evaluation = self._claim(
            lambda session: evaluations.claim(session, evaluation_id, self._settings.lease_seconds)
        )
        if evaluation is None:
            return
        with structlog.contextvars.bound_contextvars(evaluation=evaluation_id, attempt=evaluation.attempt):
            _log.info("claimed", run=evaluation.run_id)
            self._evaluate(evaluation, claimed_at)

    def _wait_until_warm(self) -> None:
        """Before the claim: no lease runs meanwhile."""
        nursery, until = self._nursery, time.monotonic() + WARM_UP_SECONDS
        if nursery is not None and not nursery.alive:
            nursery.renew()
        while nursery is not None and nursery.alive and not self.stopping.is_set() and time.monotonic() < until:
            if nursery.ready(self._settings.poll_seconds):
                return

    def _attempt(self, run: Run, claimed_at: float) -> None:
        lease = RunLease(self._records, run.id, run.attempt, self._settings.lease_seconds)
        threads = min(int(run.options["threads"]), self._settings.torch_threads)
        try:
            with self._spool.workspace(f"{run.id}-a{run.attempt}") as workspace:
                child = Child(ATTEMPT, [run.id, str(run.attempt)], workspace, threads, self._nursery)
                try:
                    ended = supervise(child, lease, claimed_at, self.stopping, self._settings)
                    if ended is not None:
                        self._conclude(run, child, ended)
                finally:
                    child.close()
        except OSError as error:
            # No room for a workspace.
            self._put_off(run, str(error))

    def _conclude(self, run: Run, child: Child, ended: Ended) -> None:
        if ended.code == Exit.FINISHED:
            self._send_evaluation(run.id)
            return
        if ended.code == Exit.REFUSED:
            refusal, said = child.refusal(), child.last_words()
            _log.warning("refused", reason=refusal)
            self._tell(lambda session: leases.fail(session, run.id, run.attempt, refusal, said))
            return
        if ended.code == Exit.AWAY:
            self._put_off(run, child.refusal() or child.last_words())
            return
        # STALE: the row decides. A cancel that came while the attempt finished is one of the ways to it.
        let_go = ended.killed or ended.code in (Exit.RELEASED, Exit.STALE)
        said = "" if let_go else child.last_words()
        if not let_go:
            self._crashed(ended, said)
        outcome = "released" if let_go else "crashed"
        state = self._tell(lambda session: leases.stopped(session, run.id, run.attempt, outcome, said))
        _log.info("let_go", outcome=outcome, state=state)
        if state == RunState.QUEUED:
            send(self._celery, TRAIN_RUN, run.id, queue=run.queue)

    def _crashed(self, ended: Ended, said: str) -> None:
        _log.warning("crashed", code=ended.code, said=said)
        if self._nursery is not None:
            # The fault may be its, and would be every later attempt's.
            self._nursery.renew()

    def _put_off(self, run: Run, reason: str) -> None:
        """Nobody's fault: it is tried again later, by the reaper's message."""
        _log.warning("away", reason=reason)
        self._tell(lambda session: leases.put_off(session, run.id, run.attempt, reason))

    def _send_evaluation(self, run_id: str) -> None:
        _log.info("finished")
        evaluation = self._tell(lambda session: evaluations.newest(session, run_id))
        if evaluation is not None and evaluation.state == EvaluationState.QUEUED:
            send(self._celery, EVALUATE_RUN, evaluation.id)

    def _evaluate(self, evaluation: Evaluation, claimed_at: float) -> None:
        lease = EvaluationLease(self._records, evaluation.id, evaluation.attempt, self._settings.lease_seconds)
        arguments = [evaluation.id, str(evaluation.attempt)]
        try:
            with self._spool.workspace(f"{evaluation.id}-a{evaluation.attempt}") as workspace:
                # Its figures depend on no number of cores, and two threads on busy ones take up to five times as long.
                child = Child(EVALUATION_ATTEMPT, arguments, workspace, 1, self._nursery)
                try:
                    ended = supervise(child, lease, claimed_at, self.stopping, self._settings)
                    if ended is not None:
                        self._conclude_evaluation(evaluation, child, ended)
                finally:
                    child.close()
        except OSError as error:
            _log.warning("away", reason=str(error))
            self._release(evaluation, "away")

    def _conclude_evaluation(self, evaluation: Evaluation, child: Child, ended: Ended) -> None:
        if ended.code == Exit.FINISHED:
            _log.info("finished")
            return
        if ended.code == Exit.REFUSED:
            refusal = child.refusal()
            _log.warning("refused", reason=refusal)
            self._tell(lambda session: evaluations.fail(session, evaluation.id, evaluation.attempt, refusal))
            return
        if ended.code == Exit.AWAY:
            self._release(evaluation, "away")
        elif ended.killed or ended.code in (Exit.RELEASED, Exit.STALE):
            self._release(evaluation, "released")
        else:
            self._crashed(ended, child.last_words())
            self._release(evaluation, "crashed")

    def _release(self, evaluation: Evaluation, outcome: evaluations.Outcome) -> None:
        def release(session: Session) -> bool:
            evaluations.release(session, evaluation.id, evaluation.attempt, outcome)
            return True

        # What is put off comes by the reaper's message.
        if self._tell(release) and outcome != "away":
            send(self._celery, EVALUATE_RUN, evaluation.id)

    def _claim(self, claim: Callable[[Session], Written | None]) -> Written | None:
        try:
            with self._records.write() as session:
                return claim(session)
        except DBAPIError as error:
            # The row stays queued: the reaper sends it again.
            _log.warning("not_claimed", error=str(error.orig))
            return None

    def _tell(self, write: Callable[[Session], Written]) -> Written | None:
        """Say how an attempt ended; None where the row is another's by now, or soon will be."""
        until = time.monotonic() + self._settings.lease_seconds
        while True:
            try:
                with self._records.write() as session:
                    return write(session)
            except StaleAttempt:
                return None
            except DBAPIError as error:
                # Past the lease the reaper says it, as soon as the database is back.
                if time.monotonic() >= until:
                    _log.warning("database_away", error=str(error.orig))
                    return None
                time.sleep(self._settings.poll_seconds)
