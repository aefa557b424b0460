"""Evaluations: queued with the run's success or on request, claimed by a trainer, finished with a report."""

from collections.abc import Iterable
from typing import Literal

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from pianola.records import events
from pianola.records.best import playing
from pianola.records.clock import database_now
from pianola.records.errors import NotFound, StaleAttempt
from pianola.records.ids import new_id
from pianola.records.leases import MAX_BARREN_ATTEMPTS, NewArtefact, backoff
from pianola.records.states import EvaluationState
from pianola.records.tables import Artefact, Evaluation, Json, Run

Outcome = Literal["released", "away", "crashed"]
"""How an attempt ended that did not finish: in order, for want of what it needs, or without a word."""
_OPEN = (EvaluationState.QUEUED, EvaluationState.RUNNING)


def request(session: Session, run_id: str, samples: int, seed: int) -> Evaluation:
    """A new evaluation of the run's checkpoint that plays (see best.py); send its task after the commit.

    One that is queued or running already is returned as it is. Raises NotFound where the run has no checkpoint.
    """
    run = session.scalars(select(Run).where(Run.id == run_id).with_for_update()).one()
    open_one = session.scalar(
        select(Evaluation)
        .where(Evaluation.run_id == run_id, Evaluation.state.in_(_OPEN))
        .order_by(Evaluation.id.desc())
        .limit(1)
    )
    if open_one is not None:
        return open_one
    chosen = playing(session, run)
    if chosen is None:
        raise NotFound("checkpoint of run", run_id)
    evaluation = Evaluation(id=new_id("ev"), run_id=run_id, checkpoint_id=chosen.id, samples=samples, seed=seed)
    session.add(evaluation)
    session.flush()
    session.refresh(evaluation)
    return evaluation


def newest(session: Session, run_id: str) -> Evaluation:
    """The run's newest evaluation. Raises NotFound."""
    query = select(Evaluation).where(Evaluation.run_id == run_id).order_by(Evaluation.id.desc()).limit(1)
    found = session.scalar(query)
    if found is None:
        raise NotFound("evaluation of run", run_id)
    return found


def claim(session: Session, evaluation_id: str, lease_seconds: float) -> Evaluation | None:
    """Take an evaluation that is queued, or whose worker is gone. None: drop the message."""
    evaluation = session.scalar(
        update(Evaluation)
        .where(
            Evaluation.id == evaluation_id,
            or_(
                Evaluation.state == EvaluationState.QUEUED,
                (Evaluation.state == EvaluationState.RUNNING) & (Evaluation.lease_until < database_now()),
            ),
        )
        .values(
            state=EvaluationState.RUNNING,
            attempt=Evaluation.attempt + 1,
            barren_attempts=Evaluation.barren_attempts + 1,
            lease_until=database_now(lease_seconds),
        )
        .returning(Evaluation)
        .execution_options(populate_existing=True)
    )
    if evaluation is not None and evaluation.barren_attempts > MAX_BARREN_ATTEMPTS:
        fail(session, evaluation_id, evaluation.attempt, f"{MAX_BARREN_ATTEMPTS} attempts ended without a report")
        return None
    return evaluation


def heartbeat(session: Session, evaluation_id: str, attempt: int, lease_seconds: float) -> None:
    """Keep the lease. Raises StaleAttempt."""
    _fenced(session, evaluation_id, attempt, lease_until=database_now(lease_seconds))


def release(session: Session, evaluation_id: str, attempt: int, outcome: Outcome) -> None:
    """Give the evaluation back unfinished: queued again. Raises StaleAttempt.

    Only a crash counts. One that was put off (away: the store, the database, room on the disk) has its task sent again
    by `stale`, after a pause.
    """
    values: dict[str, object] = {"state": EvaluationState.QUEUED, "sent_at": database_now()}
    if outcome != "crashed":
        values["barren_attempts"] = Evaluation.barren_attempts - 1
    if outcome == "away":
        values["sent_at"] = database_now(backoff(attempt))
    _fenced(session, evaluation_id, attempt, **values)


def succeed(session: Session, evaluation_id: str, attempt: int, report: Json, artefacts: Iterable[NewArtefact]) -> None:
    """Keep the report and its plots, with the run's event. Raises StaleAttempt."""
    kept = list(artefacts)
    evaluation = _fenced(
        session,
        evaluation_id,
        attempt,
        state=EvaluationState.SUCCEEDED,
        report=report,
        plots=[artefact.name for artefact in kept],
        finished_at=database_now(),
    )
    for artefact in kept:
        session.merge(Artefact(run_id=evaluation.run_id, **vars(artefact)))
    events.append(session, Run, evaluation.run_id, "evaluation_succeeded", {"evaluation": evaluation_id})


def fail(session: Session, evaluation_id: str, attempt: int, error: str) -> None:
    """It cannot succeed: `error` says why. Raises StaleAttempt."""
    evaluation = _fenced(
        session, evaluation_id, attempt, state=EvaluationState.FAILED, error=error, finished_at=database_now()
    )
    events.append(session, Run, evaluation.run_id, "evaluation_failed", {"evaluation": evaluation_id, "error": error})


def stale(session: Session, seconds: float) -> list[str]:
    """Evaluations whose task or worker may be lost: send their tasks again. Marks them sent."""
    lost = (Evaluation.state == EvaluationState.QUEUED) | (
        (Evaluation.state == EvaluationState.RUNNING) & (Evaluation.lease_until < database_now())
    )
    query = (
        update(Evaluation)
        .where(lost, Evaluation.sent_at < database_now(-seconds))
        .values(sent_at=database_now())
        .returning(Evaluation.id)
        .execution_options(synchronize_session=False)
    )
    return list(session.scalars(query))


def _fenced(session: Session, evaluation_id: str, attempt: int, **values: object) -> Evaluation:
    evaluation = session.scalar(
        update(Evaluation)
        .where(
            Evaluation.id == evaluation_id,
            Evaluation.attempt == attempt,
            Evaluation.state == EvaluationState.RUNNING,
        )
        .values(**values)
        .returning(Evaluation)
        .execution_options(populate_existing=True)
    )
    if evaluation is None:
        raise StaleAttempt(evaluation_id, attempt)
    return evaluation
