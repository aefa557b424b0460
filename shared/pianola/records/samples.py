"""Samples: what is needed to make generated windows again."""

from sqlalchemy.orm import Session

from pianola.records.errors import NotFound
from pianola.records.ids import new_id
from pianola.records.tables import Json, Sample


def keep(session: Session, *, model: str, checkpoint: str, seed: int, n: int, options: Json) -> Sample:
    """Record a sample."""
    sample = Sample(id=new_id("sample"), model=model, checkpoint=checkpoint, seed=seed, n=n, options=options)
    session.add(sample)
    session.flush()
    session.refresh(sample)
    return sample


def get(session: Session, sample_id: str) -> Sample:
    """The sample with this id. Raises NotFound."""
    sample = session.get(Sample, sample_id)
    if sample is None:
        raise NotFound("sample", sample_id)
    return sample
