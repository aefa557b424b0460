"""Which of a run's checkpoints is best on held-out windows, and which of them plays."""

from collections.abc import Sequence

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from pianola.models.presets import FAMILIES
from pianola.records.tables import Checkpoint, Metric, Run


def best(session: Session, runs: Sequence[Run]) -> dict[str, Checkpoint]:
    """By run id, the checkpoint with the lowest value of its family's deciding metric; of equals the earliest.

    Among the points of the series: what was superseded does not count, nor does a checkpoint without the measurement.
    Runs that have none are left out.
    """
    found: dict[str, Checkpoint] = {}
    for name, family in FAMILIES.items():
        ids = [run.id for run in runs if run.family == name]
        if family.decides is not None and ids:
            found |= {row.run_id: row for row in session.scalars(_lowest(family.decides, ids))}
    return found


def playing(session: Session, run: Run) -> Checkpoint | None:
    """The checkpoint that plays: the best so far where the run keeps the best and has one, else the last committed.

    None before the first. Of a run that has ended it is always the same.
    """
    if run.options.get("keep") == "best" and (chosen := best(session, [run])):
        return chosen[run.id]
    # The order of their commits: what a later attempt committed continues what it found whole.
    return session.scalar(
        select(Checkpoint)
        .where(Checkpoint.run_id == run.id)
        .order_by(Checkpoint.attempt.desc(), Checkpoint.step.desc())
        .limit(1)
    )


def _lowest(metric: str, run_ids: Sequence[str]) -> Select[Checkpoint]:
    value = Metric.values[metric].as_float()
    place = func.row_number().over(partition_by=Metric.run_id, order_by=(value, Metric.step)).label("place")
    at_once = and_(
        Checkpoint.run_id == Metric.run_id, Checkpoint.attempt == Metric.attempt, Checkpoint.step == Metric.step
    )
    ranked = (
        select(Checkpoint.id, place)
        .join(Metric, at_once)
        .where(Metric.run_id.in_(run_ids), Metric.superseded.is_(False), value.is_not(None))
        .subquery()
    )
    return select(Checkpoint).join(ranked, Checkpoint.id == ranked.c.id).where(ranked.c.place == 1)
