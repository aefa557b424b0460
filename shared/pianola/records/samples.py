"""Samples: what is needed to make generated windows again."""

import hashlib
import json
from base64 import b32encode
from dataclasses import asdict, dataclass

from sqlalchemy import delete as delete_from
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pianola.records.errors import NotFound
from pianola.records.tables import Json, Sample

Position = list[float]


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
    def id(self) -> str:
        """The same recipe has the same id wherever it is made. Options that are None do not count."""
        content = asdict(self) | {"options": {name: value for name, value in self.options.items() if value is not None}}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
        return f"sample_{b32encode(digest[:20]).decode().lower()}"


def recipe_of(sample: Sample) -> Recipe:
    """What a sample is made by."""
    return Recipe(sample.model, sample.checkpoint, sample.seed, sample.z, sample.n, sample.options)


def keep(session: Session, recipe: Recipe) -> Sample:
    """The record of a sample, which is new unless the same one was kept before."""
    insert_into = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert_into(Sample).values(id=recipe.id, **asdict(recipe)).on_conflict_do_nothing())
    return session.get_one(Sample, recipe.id, populate_existing=True)


def find(session: Session, recipe: Recipe) -> Sample | None:
    """The record of a sample, if it is kept."""
    return session.get(Sample, recipe.id)


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
