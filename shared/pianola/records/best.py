"""Which of a run's checkpoints is best on held-out windows, and which of them plays."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Select, Subquery, and_, func, select
from sqlalchemy.orm import Session

from pianola.models.presets import FAMILIES
from pianola.records.tables import Checkpoint, Metric, Run

SLACK: Final = 0.1
"""A value that is above the lowest by this share of it still counts as settled."""
SAMPLE_DENSITY: Final = "sample_density"
"""The metric: share of lit pixels in what is played at an evaluation point, 0 to 1."""


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
    """The checkpoint that plays, as the run's option `keep` says: the best, or the settled one: the last whose value is
    within a tenth of the best's. Of a run without such, or that keeps the last, the last committed.

    None before the first. Of a run that has ended it is always the same.
    """
    keep = run.options.get("keep")
    if keep == "best" and (chosen := best(session, [run])):
        return chosen[run.id]
    if keep == "settled" and (found := settled(session, run)):
        return found
    return next(iter(last(session, run, 1)), None)


def settled(session: Session, run: Run) -> Checkpoint | None:
    """The last checkpoint whose value is within a tenth of the best's; None where nothing is measured."""
    decides = FAMILIES[run.family].decides
    return None if decides is None else session.scalar(_settled(decides, run.id))


def last(session: Session, run: Run, most: int) -> Sequence[Checkpoint]:
    """The checkpoints committed last, the last first."""
    # The order of their commits: what a later attempt committed continues what it found whole.
    return session.scalars(
        select(Checkpoint)
        .where(Checkpoint.run_id == run.id)
        .order_by(Checkpoint.attempt.desc(), Checkpoint.step.desc())
        .limit(most)
    ).all()


def last_heard(session: Session, run: Run, most: int) -> Sequence[Checkpoint]:
    """The checkpoints at the last points of the series at which the model played, the last first."""
    heard = _measured(SAMPLE_DENSITY, [run.id])
    query = select(Checkpoint).join(heard, Checkpoint.id == heard.c.id).order_by(heard.c.step.desc())
    return session.scalars(query.limit(most)).all()


def _lowest(metric: str, run_ids: Sequence[str]) -> Select[Checkpoint]:
    measured = _measured(metric, run_ids)
    place = func.row_number().over(partition_by=measured.c.run_id, order_by=(measured.c.value, measured.c.step))
    ranked = select(measured.c.id, place.label("place")).subquery()
    return select(Checkpoint).join(ranked, Checkpoint.id == ranked.c.id).where(ranked.c.place == 1)


def _settled(metric: str, run_id: str) -> Select[Checkpoint]:
    measured = _measured(metric, [run_id])
    lowest = select(func.min(measured.c.value)).scalar_subquery()
    return (
        select(Checkpoint)
        .join(measured, Checkpoint.id == measured.c.id)
        .where(measured.c.value <= lowest + SLACK * func.abs(lowest))
        .order_by(measured.c.step.desc())
        .limit(1)
    )


def _measured(metric: str, run_ids: Sequence[str]) -> Subquery:
    """Every checkpoint at a point of the series that has the metric: its id, run_id, step and value."""
    value = Metric.values[metric].as_float()
    at_once = and_(
        Checkpoint.run_id == Metric.run_id, Checkpoint.attempt == Metric.attempt, Checkpoint.step == Metric.step
    )
    return (
        select(Checkpoint.id, Metric.run_id, Metric.step, value.label("value"))
        .join(Metric, at_once)
        .where(Metric.run_id.in_(run_ids), Metric.superseded.is_(False), value.is_not(None))
        .subquery()
    )
