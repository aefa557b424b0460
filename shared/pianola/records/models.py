"""Models: names that point at checkpoints."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from pianola.records import runs
from pianola.records.clock import database_now
from pianola.records.errors import NotFound
from pianola.records.paging import Page, page
from pianola.records.tables import Checkpoint, Dataset, Model, Run

# Made once: the sampler asks it at every request, and making it took longer than the answer.
_POINTED_AT: Final = (
    select(Checkpoint).join(Model, Model.checkpoint_id == Checkpoint.id).where(Model.name == bindparam("name"))
)


@dataclass(frozen=True)
class Pointed:
    """A model with all it points at."""

    model: Model
    checkpoint: Checkpoint
    run: Run
    dataset: Dataset


def point(session: Session, name: str, checkpoint_id: str) -> bool:
    """Let `name` point at a checkpoint; True when the name is new."""
    moved = session.scalar(
        update(Model)
        .where(Model.name == name)
        .values(checkpoint_id=checkpoint_id, updated_at=database_now())
        .returning(Model.name)
    )
    if moved is not None:
        return False
    session.add(Model(name=name, checkpoint_id=checkpoint_id))
    session.flush()
    return True


def get(session: Session, name: str) -> Pointed:
    """The model with this name. Raises NotFound."""
    model = session.get(Model, name, populate_existing=True)
    if model is None:
        raise NotFound("model", name)
    return _pointed(session, [model])[0]


def list_page(session: Session, limit: int, cursor: str | None) -> Page[Pointed]:
    """Models by name."""
    found = page(session, select(Model), Model.name, limit, cursor, newest_first=False)
    return Page(_pointed(session, found.rows), found.next_cursor)


def latest(session: Session, most: int) -> list[tuple[Model, Checkpoint]]:
    """The models moved last, newest first, each with the checkpoint it points at."""
    found = session.execute(
        select(Model, Checkpoint)
        .join(Checkpoint, Checkpoint.id == Model.checkpoint_id)
        .order_by(Model.updated_at.desc(), Model.name)
        .limit(most)
    )
    return [(row[0], row[1]) for row in found]


def checkpoint_to_serve(session: Session, name_or_digest: str) -> tuple[str, Checkpoint]:
    """What the sampler loads for a model's name or a checkpoint's digest: the name as asked for, and the checkpoint.

    Raises NotFound.
    """
    found = session.scalar(_POINTED_AT, {"name": name_or_digest})
    if found is not None:
        return name_or_digest, found
    try:
        return name_or_digest, runs.checkpoint(session, name_or_digest)
    except NotFound:
        raise NotFound("model", name_or_digest) from None


def unmoved(session: Session, meant: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those pairs of a model's name and a checkpoint's id of which the one still points at the other."""
    pairs = set(meant)
    if not pairs:
        return pairs
    pointing = select(Model.name, Model.checkpoint_id).where(Model.name.in_({name for name, _ in pairs}))
    return pairs & {(name, checkpoint) for name, checkpoint in session.execute(pointing)}


def _pointed(session: Session, models: Sequence[Model]) -> list[Pointed]:
    rows = session.execute(
        select(Model, Checkpoint, Run, Dataset)
        .join(Checkpoint, Checkpoint.id == Model.checkpoint_id)
        .join(Run, Run.id == Checkpoint.run_id)
        .join(Dataset, Dataset.id == Run.dataset_id)
        .where(Model.name.in_([model.name for model in models]))
    ).all()
    by_name = {row[0].name: Pointed(*row) for row in rows}
    return [by_name[model.name] for model in models]
