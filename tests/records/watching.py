"""What tests of builds look at, and how time passes for them."""

from collections.abc import Sequence

from sqlalchemy import update

from pianola.records import Records, builds, datasets, events
from pianola.records.builds import ChunkWork
from pianola.records.tables import Chunk, Dataset, DatasetFile

from .makers import (
    expire,
)


def begun(records: Records, dataset_id: str, number: int = 0) -> ChunkWork | None:
    with records.write() as session:
        return builds.begin_chunk(session, dataset_id, number)


def at_work(records: Records, dataset_id: str, number: int = 0) -> ChunkWork:
    work = begun(records, dataset_id, number)
    assert work is not None
    return work


def row(records: Records, dataset_id: str) -> Dataset:
    with records.read() as session:
        return datasets.get(session, dataset_id)


def report(records: Records, dataset_id: str) -> Sequence[DatasetFile]:
    with records.read() as session:
        return datasets.files_page(session, dataset_id, 1000, None).rows


def kinds(records: Records, dataset_id: str) -> list[str]:
    with records.read() as session:
        return [event.kind for event in events.after(session, dataset_id, 0, 100)]


def held_out(records: Records, dataset_id: str) -> set[str]:
    return {file.name for file in report(records, dataset_id) if file.held_out}


def let_leases_pass(records: Records, dataset_id: str) -> None:
    with records.write() as session:
        past = datasets.get(session, dataset_id).created_at
        session.execute(update(Chunk).where(Chunk.dataset_id == dataset_id).values(lease_until=past))
    expire()
