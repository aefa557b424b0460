"""The run protocol for whoever trains: claim, heartbeat, fenced commits, and how an attempt ends.

Every write names the attempt it belongs to and takes the run's row lock first. Where another attempt holds the run, or
none, the write raises StaleAttempt and nothing of it is kept.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pianola.records import events, models
from pianola.records.best import playing
from pianola.records.clock import database_now
from pianola.records.errors import StaleAttempt
from pianola.records.ids import new_id
from pianola.records.states import LEASED, RunState
from pianola.records.tables import Artefact, Attempt, Checkpoint, Evaluation, Json, Metric, Run

MAX_BARREN_ATTEMPTS: Final = 3
"""A run whose attempts end this many times in a row without a new checkpoint has failed. Not counted are those
that were let go in order, or put off.
"""
BACKOFF_SECONDS: Final = 5.0
LONGEST_BACKOFF_SECONDS: Final = 300.0


@dataclass(frozen=True)
class NewCheckpoint:
    """A checkpoint whose objects are in the store already. Sizes in bytes, digests sha256."""

    step: int
    epoch: int
    key: str
    digest: str
    size: int
    generator_key: str
    generator_digest: str
    generator_size: int
    manifest_key: str
    final: bool


@dataclass(frozen=True)
class NewArtefact:
    """A file in the store that belongs to a run."""

    name: str
    kind: str
    step: int
    key: str
    media_type: str
    size: int


def claim(session: Session, run_id: str, worker: str, lease_seconds: float) -> Run | None:
    """Take a queued run: the next attempt is this worker's. None when it is not queued (drop the message)."""
    run = session.scalar(
        update(Run)
        .where(Run.id == run_id, Run.state == RunState.QUEUED)
        .values(
            state=RunState.RUNNING,
            attempt=Run.attempt + 1,
            barren_attempts=Run.barren_attempts + 1,
            lease_owner=worker,
            lease_until=database_now(lease_seconds),
            started_at=func.coalesce(Run.started_at, database_now()),
            progress=None,
            error=None,
        )
        .returning(Run)
        .execution_options(populate_existing=True)
    )
    if run is None:
        return None
    session.add(Attempt(run_id=run_id, number=run.attempt, worker=worker, first_step=run.step))
    events.append(session, Run, run_id, "started", {"attempt": run.attempt, "worker": worker, "step": run.step})
    session.refresh(run)
    return run


def heartbeat(session: Session, run_id: str, attempt: int, lease_seconds: float) -> RunState:
    """Keep the lease and learn the state: cancelling and pausing ask the attempt to stop. Raises StaleAttempt."""
    return RunState(_fenced(session, run_id, attempt, lease_until=database_now(lease_seconds)).state)


def state_of(session: Session, run_id: str, attempt: int) -> RunState:
    """The run's state while this attempt holds it, without renewing the lease. Raises StaleAttempt."""
    found = session.execute(select(Run.state, Run.attempt).where(Run.id == run_id)).one_or_none()
    if found is None or found.attempt != attempt or found.state not in LEASED:
        raise StaleAttempt(run_id, attempt)
    return RunState(found.state)


def begin(session: Session, run_id: str, attempt: int, step: int) -> None:
    """The attempt goes on from `step`: points that older attempts measured past it are superseded."""
    _fenced(session, run_id, attempt, step=step)
    session.execute(
        update(Metric)
        .where(Metric.run_id == run_id, Metric.attempt < attempt, Metric.step > step)
        .values(superseded=True)
    )
    session.execute(update(Attempt).where(Attempt.run_id == run_id, Attempt.number == attempt).values(first_step=step))


def set_up(session: Session, run_id: str, attempt: int, setup: Json) -> None:
    """The run is computed like this from here on; an event of its own says it. Raises StaleAttempt."""
    if _fenced(session, run_id, attempt).setup != setup:
        _fenced(session, run_id, attempt, setup=setup)
        events.append(session, Run, run_id, "set_up", {"attempt": attempt, **setup})


def report(session: Session, run_id: str, attempt: int, step: int, epoch: int, progress: Json) -> None:
    """Say how far the attempt is: overwritten by the next call, no part of the series. Raises StaleAttempt."""
    _fenced(session, run_id, attempt, step=step, epoch=epoch, progress=progress, updated_at=database_now())


def commit_checkpoint(
    session: Session,
    run_id: str,
    attempt: int,
    new: NewCheckpoint,
    values: Json,
    artefacts: Iterable[NewArtefact],
    stopped_early: Json | None = None,
) -> Checkpoint:
    """Commit an evaluation point: checkpoint, metric values, pictures and event, all or none. Raises StaleAttempt.

    stopped_early: why training ends here, before its time; an event of its own says it.
    """
    _fenced(session, run_id, attempt, step=new.step, epoch=new.epoch, barren_attempts=0)
    checkpoint = Checkpoint(id=new_id("ckpt"), run_id=run_id, attempt=attempt, **vars(new))
    session.add(checkpoint)
    session.add(Metric(run_id=run_id, attempt=attempt, step=new.step, epoch=new.epoch, values=values))
    for artefact in artefacts:
        session.merge(Artefact(run_id=run_id, **vars(artefact)))
    data = {"step": new.step, "epoch": new.epoch, "attempt": attempt, "values": values}
    events.append(session, Run, run_id, "evaluated", data | {"checkpoint": new.generator_digest})
    if stopped_early is not None:
        events.append(session, Run, run_id, "stopped_early", stopped_early)
    session.flush()
    return checkpoint


def succeed(session: Session, run_id: str, attempt: int, samples: int, seed: int) -> Evaluation:
    """The run has its final checkpoint: it succeeded. Its model points at the checkpoint that plays (see best.py), of
    which an evaluation is queued.

    Send the evaluation's task after the commit. Raises StaleAttempt, also where the run is being cancelled.
    """
    run = _end(session, run_id, attempt, RunState.SUCCEEDED, (RunState.RUNNING, RunState.PAUSING), "succeeded")
    chosen = playing(session, run)
    assert chosen is not None  # its final checkpoint is committed
    if run.model is not None:
        models.point(session, run.model, chosen.id)
    evaluation = Evaluation(id=new_id("ev"), run_id=run_id, checkpoint_id=chosen.id, samples=samples, seed=seed)
    session.add(evaluation)
    events.append(session, Run, run_id, "succeeded", {"step": chosen.step, "checkpoint": chosen.generator_digest})
    return evaluation


def fail(session: Session, run_id: str, attempt: int, error: str, log_tail: str) -> None:
    """The run cannot succeed, whoever tries it: failed at once with `error`. Raises StaleAttempt."""
    state = state_of(session, run_id, attempt)
    if state == RunState.CANCELLING:
        stopped(session, run_id, attempt, "failed", log_tail)
        return
    _end(session, run_id, attempt, RunState.FAILED, (RunState.RUNNING, RunState.PAUSING), "failed", error, log_tail)
    events.append(session, Run, run_id, "failed", {"error": error})


def stopped(session: Session, run_id: str, attempt: int, outcome: str, log_tail: str = "") -> RunState:
    """The attempt has ended without finishing the run; where the run goes depends on why. Raises StaleAttempt.

    `outcome` is "released" (a deploy, a pause, a cancel) or "crashed". cancelling -> cancelled, pausing -> paused,
    running -> queued, or failed after MAX_BARREN_ATTEMPTS without a new checkpoint. Where queued, send the task again.
    """
    run = _fenced(session, run_id, attempt)
    return _let_go(session, run, outcome, log_tail)


def put_off(session: Session, run_id: str, attempt: int, reason: str) -> RunState:
    """The attempt ended because the store or the database was away, or a disk full. Raises StaleAttempt.

    It does not count, `reason` is shown while the run waits, and its task is to be sent (by stale_queued) after a pause
    that grows with every such attempt in a row. Cancelling and pausing go on as in `stopped`.
    """
    run = _fenced(session, run_id, attempt)
    return _let_go(session, run, "away", reason)


def reap(session: Session, limit: int = 100) -> list[tuple[str, str]]:
    """Take back runs whose lease has expired; returns those queued again, as (id, queue): send their tasks."""
    expired = session.scalars(
        select(Run)
        .where(Run.state.in_(LEASED), Run.lease_until < database_now())
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    return [(run.id, run.queue) for run in expired if _let_go(session, run, "lost", "") == RunState.QUEUED]


def stale_queued(session: Session, seconds: float, limit: int = 100) -> list[tuple[str, str]]:
    """Queued runs whose task was sent more than `seconds` ago, as (id, queue): send them again. Marks them sent."""
    chosen = select(Run.id).where(Run.state == RunState.QUEUED, Run.sent_at < database_now(-seconds)).limit(limit)
    query = (
        update(Run)
        .where(Run.id.in_(chosen), Run.state == RunState.QUEUED)
        .values(sent_at=database_now())
        .returning(Run.id, Run.queue)
    )
    return [(row.id, row.queue) for row in session.execute(query)]


def _fenced(session: Session, run_id: str, attempt: int, **values: object) -> Run:
    """Take the run's row lock as `attempt`, changing `values`."""
    run = session.scalar(
        update(Run)
        .where(Run.id == run_id, Run.attempt == attempt, Run.state.in_(LEASED))
        .values(attempt=attempt, **values)
        .returning(Run)
        .execution_options(populate_existing=True)
    )
    if run is None:
        raise StaleAttempt(run_id, attempt)
    return run


def _end(
    session: Session,
    run_id: str,
    attempt: int,
    state: RunState,
    sources: tuple[RunState, ...],
    outcome: str,
    error: str | None = None,
    log_tail: str | None = None,
) -> Run:
    """Compare and set to a terminal state, and close the attempt."""
    run = session.scalar(
        update(Run)
        .where(Run.id == run_id, Run.attempt == attempt, Run.state.in_(sources))
        .values(state=state, error=error, lease_owner=None, finished_at=database_now())
        .returning(Run)
        .execution_options(populate_existing=True)
    )
    if run is None:
        raise StaleAttempt(run_id, attempt)
    _close(session, run, outcome, log_tail)
    return run


def _let_go(session: Session, run: Run, outcome: str, log_tail: str) -> RunState:
    state = {
        RunState.CANCELLING: RunState.CANCELLED,
        RunState.PAUSING: RunState.PAUSED,
        RunState.RUNNING: RunState.QUEUED,
    }[RunState(run.state)]
    values: dict[str, object] = {"lease_owner": None, "progress": None}
    kind, data = state.value, {"attempt": run.attempt, "outcome": outcome}
    if outcome in ("released", "away"):
        values["barren_attempts"] = max(run.barren_attempts - 1, 0)
    if state == RunState.QUEUED:
        kind = "requeued"
        values["sent_at"] = database_now()
        if outcome == "away":
            values["sent_at"] = database_now(backoff(_times_away(session, run)))
            values["error"] = data["error"] = f"waits for another try: {log_tail}"
        elif outcome != "released" and run.barren_attempts >= MAX_BARREN_ATTEMPTS:
            state, kind = RunState.FAILED, "failed"
            error = f"{run.barren_attempts} attempts in a row ended without a new checkpoint"
            values["error"] = f"{error}; the last words of the last one:\n{log_tail}" if log_tail else error
            data["error"] = error
    if state in (RunState.CANCELLED, RunState.FAILED):
        values["finished_at"] = database_now()
    session.execute(update(Run).where(Run.id == run.id).values(state=state, **values))
    _close(session, run, outcome, log_tail)
    events.append(session, Run, run.id, kind, data)
    return state


def backoff(times: int) -> float:
    """Seconds to wait before trying again what was tried so many times before: twice as long each time, less a part by
    chance, so that runs that met the same outage do not come back together.
    """
    longest = min(BACKOFF_SECONDS * 2.0**times, LONGEST_BACKOFF_SECONDS)
    return longest * random.uniform(0.5, 1)


def _times_away(session: Session, run: Run) -> int:
    """How many of the run's attempts before this one, in a row, were put off."""
    before = (Attempt.run_id == run.id, Attempt.number < run.attempt, Attempt.number >= run.attempt - 10)
    outcomes = session.scalars(select(Attempt.outcome).where(*before).order_by(Attempt.number.desc()))
    return len(list(takewhile(lambda outcome: outcome == "away", outcomes)))


def _close(session: Session, run: Run, outcome: str, log_tail: str | None) -> None:
    session.execute(
        update(Attempt)
        .where(Attempt.run_id == run.id, Attempt.number == run.attempt)
        .values(outcome=outcome, log_tail=log_tail, ended_at=database_now())
    )
