"""Which checkpoints of a run that has ended are not needed any more."""

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from pianola.models.presets import FAMILIES
from pianola.records import best
from pianola.records.clock import database_now
from pianola.records.states import TERMINAL, RunState
from pianola.records.tables import Checkpoint, Evaluation, Model, Run, Sample


def ended(session: Session, seconds: float) -> list[str]:
    """Ids of the runs that ended more than `seconds` ago and have more than one checkpoint."""
    several = select(Checkpoint.run_id).group_by(Checkpoint.run_id).having(func.count() > 1)
    query = select(Run.id).where(Run.state.in_(TERMINAL), Run.finished_at < database_now(-seconds), Run.id.in_(several))
    return list(session.scalars(query.order_by(Run.id)))


def intermediate(session: Session, run_id: str) -> Sequence[Checkpoint]:
    """The checkpoints of an ended run that nothing needs, locked: whoever would name one waits.

    Needed are the best, the settled and the last one, those marked final, those that a model, an evaluation, a run that
    began from it or a sample names, and of a failed run those of as many points as it may have played silence at, and
    of the one before, which its error tells its owner about.
    """
    run = session.get(Run, run_id, populate_existing=True)
    if run is None or run.state not in TERMINAL or run.family not in FAMILIES:
        return []
    # The locks first, and then, by a statement of its own, whether anything names them.
    rows = session.scalars(select(Checkpoint).where(Checkpoint.run_id == run_id).with_for_update()).all()
    needed = {checkpoint.id for checkpoint in rows if checkpoint.final}
    needed |= {checkpoint.id for checkpoint in best.best(session, [run]).values()}
    needed |= {checkpoint.id for checkpoint in [best.settled(session, run)] if checkpoint is not None}
    silent = run.options.get("collapse_points") or 0 if run.state == RunState.FAILED else 0
    needed |= {checkpoint.id for checkpoint in best.last(session, run, 1)}
    needed |= {checkpoint.id for checkpoint in best.last_heard(session, run, int(silent) + 1)}
    for named in (Model.checkpoint_id, Evaluation.checkpoint_id, Run.from_checkpoint_id):
        needed |= set(session.scalars(select(named).where(named.in_([row.id for row in rows]))))
    digests = [row.generator_digest for row in rows]
    sampled = set(session.scalars(select(Sample.checkpoint).where(Sample.checkpoint.in_(digests)).distinct()))
    return [row for row in rows if row.id not in needed and row.generator_digest not in sampled]


def forget(session: Session, checkpoints: Sequence[Checkpoint]) -> None:
    """Delete their rows; what was measured at them stays. Their objects are the caller's, after the commit."""
    session.execute(delete(Checkpoint).where(Checkpoint.id.in_([row.id for row in checkpoints])))


def remember(session: Session, forgotten: Sequence[Checkpoint]) -> set[str]:
    """Bring those back that a sample has named meanwhile; returns their ids."""
    digests = {row.generator_digest for row in forgotten}
    sampled = set(session.scalars(select(Sample.checkpoint).where(Sample.checkpoint.in_(digests)).distinct()))
    back = [row for row in forgotten if row.generator_digest in sampled]
    if back:
        columns = Checkpoint.__table__.columns.keys()
        session.execute(insert(Checkpoint), [{name: getattr(row, name) for name in columns} for row in back])
    return {row.id for row in back}
