"""Samples: what is needed to make generated windows again."""

import hashlib
import json
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final

from sqlalchemy import delete as delete_from
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pianola.records.clock import database_now
from pianola.records.errors import NotFound
from pianola.records.tables import Json, Sample

Position = list[float]

_DAY: Final = 86_400
_MOST_AT_ONCE: Final = 5_000
# What was kept before is not among what they return.
_INSERT: Final = {
    name: insert(Sample).on_conflict_do_nothing().returning(Sample.id, Sample.created_at)
    for name, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}


@dataclass(frozen=True)
class Recipe:
    """All that decides a sample's music. Positions come from `seed`, or they are given: z, n of them.

    model: the name, or the digest, that was asked for. checkpoint: sha256 of the generating half that it meant then.
    """

    model: str
    checkpoint: str
    seed: int | None
    z: list[Position] | None
    n: int
    options: Json

    @property
    def columns(self) -> Json:
        """What it says, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def id(self) -> str:
        """The same recipe has the same id wherever it is made. Options that are None do not count."""
        content = self.columns | {"options": {name: value for name, value in self.options.items() if value is not None}}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
        return f"sample_{b32encode(digest[:20]).decode().lower()}"


def recipe_of(sample: Sample) -> Recipe:
    """What a sample is made by."""
    return Recipe(sample.model, sample.checkpoint, sample.seed, sample.z, sample.n, sample.options)


def keep(session: Session, recipe: Recipe) -> Sample:
    """The record of a sample, which is new unless the same one was kept before."""
    return keep_all(session, [recipe])[recipe.id]


def keep_all(session: Session, recipes: Sequence[Recipe]) -> dict[str, Sample]:
    """The records of samples by id; to be read only: those that are new are not the session's."""
    if not recipes:
        return {}
    columns = {recipe.id: recipe.columns for recipe in recipes}
    # In order of ids: two that keep the same ones never wait for each other.
    rows = [{"id": sample_id, **columns[sample_id]} for sample_id in sorted(columns)]
    written = session.connection().execute(_INSERT[session.get_bind().dialect.name], rows)
    kept = {row.id: Sample(id=row.id, created_at=row.created_at, **columns[row.id]) for row in written}
    if before := columns.keys() - kept.keys():
        kept |= {sample.id: sample for sample in session.scalars(select(Sample).where(Sample.id.in_(before)))}
    return kept


def get(session: Session, sample_id: str) -> Sample:
    """The sample with this id. Raises NotFound."""
    sample = session.get(Sample, sample_id)
    if sample is None:
        raise NotFound("sample", sample_id)
    return sample


def delete(session: Session, sample_id: str) -> None:
    """Forget a sample; the same request keeps it anew. Raises NotFound."""
    if session.scalar(delete_from(Sample).where(Sample.id == sample_id).returning(Sample.id)) is None:
        raise NotFound("sample", sample_id)


def forget_old(session: Session, days: float) -> int:
    """Forget samples that were kept longer ago, some thousands at a time; returns how many those were.

    What was made of one, a way or a variation, has a recipe of its own and stays.
    """
    old = select(Sample.id).where(Sample.created_at < database_now(-days * _DAY)).limit(_MOST_AT_ONCE)
    return len(session.scalars(delete_from(Sample).where(Sample.id.in_(old)).returning(Sample.id)).all())
