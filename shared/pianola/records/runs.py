"""Runs for whoever submits, reads and steers them. What a worker does with a run is in leases.py."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pianola.records import events
from pianola.records.clock import database_now
from pianola.records.errors import DatasetClosed, NotFound
from pianola.records.ids import new_id
from pianola.records.paging import Page, page
from pianola.records.states import DatasetState, RunState, WrongState, sources
from pianola.records.tables import Artefact, Attempt, Checkpoint, Dataset, Json, Metric, Run


def submit(
    session: Session,
    dataset: Dataset,
    *,
    family: str,
    preset: str,
    options: Json,
    seed: int,
    queue: str,
    model: str | None = None,
    from_checkpoint: Checkpoint | None = None,
) -> Run:
    """A new queued run with its first event. `model` is the name that will point at its result; the weights to begin
    with are those of `from_checkpoint`, where it is given.

    Raises DatasetClosed unless the dataset is built. Send its task after the transaction has committed.
    """
    if dataset.state != DatasetState.BUILT:
        before = f", or train on {dataset.name}@{dataset.version - 1}" if dataset.parent_id is not None else ""
        raise DatasetClosed(dataset.name, dataset.state, f"build it before training on it{before}")
    run = Run(
        id=new_id("run"),
        dataset_id=dataset.id,
        family=family,
        preset=preset,
        options=options,
        seed=seed,
        queue=queue,
        model=model,
        from_checkpoint_id=None if from_checkpoint is None else from_checkpoint.id,
    )
    session.add(run)
    session.flush()
    events.append(session, Run, run.id, "created", {"family": family, "preset": preset})
    session.refresh(run)
    return run


def get(session: Session, run_id: str) -> Run:
    """The run with this id. Raises NotFound."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound("run", run_id)
    return run


def list_page(
    session: Session, limit: int, cursor: str | None, state: str | None = None, dataset_id: str | None = None
) -> Page[Run]:
    """Runs, newest first, all of them or those in a state or of a dataset."""
    query = select(Run)
    if state is not None:
        query = query.where(Run.state == state)
    if dataset_id is not None:
        query = query.where(Run.dataset_id == dataset_id)
    return page(session, query, Run.id, limit, cursor)


def count_by_state(session: Session) -> dict[str, int]:
    """How many runs there are in each state, those with none included."""
    found = session.execute(select(Run.state, func.count()).group_by(Run.state))
    return {state.value: 0 for state in RunState} | dict(found.all())


def cancel(session: Session, run_id: str) -> Run:
    """Cancel: at once where no worker holds the run, else as soon as its worker lets go. Raises WrongState."""
    run = _locked(session, run_id)
    if run.state in (RunState.CANCELLING, RunState.CANCELLED):
        return run
    waiting = run.state in (RunState.QUEUED, RunState.PAUSED)
    return _move(session, run, RunState.CANCELLED if waiting else RunState.CANCELLING)


def pause(session: Session, run_id: str) -> Run:
    """Pause: at once where no worker holds the run, else after one more checkpoint. Raises WrongState."""
    run = _locked(session, run_id)
    if run.state in (RunState.PAUSING, RunState.PAUSED):
        return run
    return _move(session, run, RunState.PAUSED if run.state == RunState.QUEUED else RunState.PAUSING)


def resume(session: Session, run_id: str) -> Run:
    """Queue a paused run again; send its task after the commit. Raises WrongState."""
    run = _locked(session, run_id)
    if run.state == RunState.QUEUED:
        return run
    if run.state != RunState.PAUSED:
        raise WrongState(run_id, run.state, RunState.QUEUED)
    return _move(session, run, RunState.QUEUED, kind="resumed", sent_at=database_now())


def metrics(session: Session, run_id: str) -> Sequence[Metric]:
    """The run's series: every evaluation point that was not superseded, by step."""
    query = select(Metric).where(Metric.run_id == run_id, Metric.superseded.is_(False))
    return session.scalars(query.order_by(Metric.step)).all()


def checkpoints(session: Session, run_id: str) -> Sequence[Checkpoint]:
    """The run's committed checkpoints, by step."""
    query = select(Checkpoint).where(Checkpoint.run_id == run_id)
    return session.scalars(query.order_by(Checkpoint.step, Checkpoint.attempt)).all()


def checkpoint(session: Session, digest: str, run_id: str | None = None) -> Checkpoint:
    """The newest checkpoint, of one run or of all, whose whole or generating half has this sha256. Raises NotFound.

    Runs with the same dataset, options and seed reach the same digests.
    """
    query = select(Checkpoint).where((Checkpoint.generator_digest == digest) | (Checkpoint.digest == digest))
    if run_id is not None:
        query = query.where(Checkpoint.run_id == run_id)
    found = session.scalar(query.order_by(Checkpoint.id.desc()).limit(1))
    if found is None:
        raise NotFound("checkpoint", digest)
    return found


def attempts(session: Session, run_id: str) -> Sequence[Attempt]:
    """The run's attempts, in order."""
    return session.scalars(select(Attempt).where(Attempt.run_id == run_id).order_by(Attempt.number)).all()


def artefacts(session: Session, run_id: str) -> Sequence[Artefact]:
    """The pictures and tables that the run and its evaluation left, by step and name."""
    query = select(Artefact).where(Artefact.run_id == run_id)
    return session.scalars(query.order_by(Artefact.step, Artefact.name)).all()


def artefact(session: Session, run_id: str, name: str) -> Artefact:
    """One of them. Raises NotFound."""
    found = session.get(Artefact, (run_id, name))
    if found is None:
        raise NotFound("plot", name)
    return found


def _locked(session: Session, run_id: str) -> Run:
    run = session.scalar(
        select(Run).where(Run.id == run_id).with_for_update().execution_options(populate_existing=True)
    )
    if run is None:
        raise NotFound("run", run_id)
    return run


def _move(session: Session, run: Run, wanted: RunState, kind: str | None = None, **values: object) -> Run:
    if RunState(run.state) not in sources(wanted):
        raise WrongState(run.id, run.state, wanted)
    if wanted == RunState.CANCELLED:
        values["finished_at"] = database_now()
    session.execute(update(Run).where(Run.id == run.id).values(state=wanted, **values))
    events.append(session, Run, run.id, kind or wanted.value, {})
    session.refresh(run)
    return run
