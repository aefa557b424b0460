"""Datasets and their builds: open -> building -> built | failed; a failed one may be mended and built again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pianola.records import events
from pianola.records.clock import database_now
from pianola.records.errors import DatasetClosed, FileConflict, NameTaken, NotFound
from pianola.records.ids import new_id
from pianola.records.paging import Page, page
from pianola.records.states import DatasetState
from pianola.records.tables import Chunk, Dataset, DatasetFile, Json

CHUNK_FILES: Final = 256
CHUNK_BYTES: Final = 2 * 2**20
"""bounds of a chunk: small enough to be read again when its worker dies, large enough for a shard of some MB"""

_MENDABLE: Final = (DatasetState.OPEN, DatasetState.FAILED)


@dataclass(frozen=True)
class NewFile:
    """A file to add: its name (folders allowed), the sha256 of its content, its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class FileVerdict:
    """What a build says of the file at `position`. Fields as in the report."""

    position: int
    accepted: bool
    windows: int
    notes: int
    left_out: Json
    warnings: list[str]
    code: str | None
    offset: int | None
    reason: str | None


def create(session: Session, name: str, preset: str, options: Json) -> Dataset:
    """A new, open dataset. Raises NameTaken."""
    dataset = Dataset(id=new_id("ds"), name=name, preset=preset, options=options)
    try:
        with session.begin_nested():
            session.add(dataset)
    except IntegrityError:
        raise NameTaken(name) from None
    events.append(session, Dataset, dataset.id, "created", {"name": name})
    session.refresh(dataset)
    return dataset


def get(session: Session, id_or_name: str) -> Dataset:
    """The dataset with this id or name. Raises NotFound."""
    found = session.get(Dataset, id_or_name) or session.scalar(select(Dataset).where(Dataset.name == id_or_name))
    if found is None:
        raise NotFound("dataset", id_or_name)
    return found


def list_page(session: Session, limit: int, cursor: str | None) -> Page[Dataset]:
    """Datasets, newest first."""
    return page(session, select(Dataset), Dataset.id, limit, cursor)


def files_page(
    session: Session, dataset_id: str, limit: int, cursor: str | None, verdict: str | None = None
) -> Page[DatasetFile]:
    """The dataset's files in the order of their names, all of them or those with this verdict."""
    query = select(DatasetFile).where(DatasetFile.dataset_id == dataset_id)
    if verdict is not None:
        query = query.where(DatasetFile.verdict == verdict)
    return page(session, query, DatasetFile.name, limit, cursor, newest_first=False)


def files_done(session: Session, dataset_id: str) -> int:
    """How many files have their verdict."""
    query = select(func.count()).select_from(DatasetFile)
    return session.scalar(query.where(DatasetFile.dataset_id == dataset_id, DatasetFile.verdict.is_not(None))) or 0


def count_by_state(session: Session) -> dict[str, int]:
    """How many datasets there are in each state, those with none included."""
    found = session.execute(select(Dataset.state, func.count()).group_by(Dataset.state))
    return {state.value: 0 for state in DatasetState} | dict(found.all())


def add_files(session: Session, dataset_id: str, files: Sequence[NewFile]) -> tuple[int, int]:
    """Add `files` and return how many were added and how many were there already, with the same content.

    Raises DatasetClosed unless the dataset is open or failed, FileConflict where a name is taken by other content.
    """
    _lock(session, dataset_id, _MENDABLE, "only an open dataset takes files")
    there = {
        name: sha256
        for batch in _batches(files)
        for name, sha256 in session.execute(
            select(DatasetFile.name, DatasetFile.sha256).where(
                DatasetFile.dataset_id == dataset_id, DatasetFile.name.in_([file.name for file in batch])
            )
        )
    }
    added = 0
    for file in files:
        if there.setdefault(file.name, "") == file.sha256:
            continue
        if there[file.name]:
            raise FileConflict(file.name)
        there[file.name] = file.sha256
        added += 1
        session.add(
            DatasetFile(id=new_id("file"), dataset_id=dataset_id, name=file.name, sha256=file.sha256, size=file.size)
        )
    session.execute(
        update(Dataset).where(Dataset.id == dataset_id).values(files=Dataset.files + added, updated_at=database_now())
    )
    return added, len(files) - added


def start_build(session: Session, dataset_id: str) -> list[int]:
    """Fix the order of the files, cut them into chunks and return the chunks' numbers; the dataset is building.

    A dataset that is building already keeps its chunks: the numbers of those not done are returned.
    Raises DatasetClosed when the dataset is built or has no files.
    """
    states = (*_MENDABLE, DatasetState.BUILDING)
    dataset = _lock(session, dataset_id, states, "a built dataset never changes; create another")
    if dataset.state == DatasetState.BUILDING:
        return pending_chunks(session, dataset_id)
    found = session.scalars(select(DatasetFile).where(DatasetFile.dataset_id == dataset_id))
    # Python's order of names, the same on every database: the dataset's digest depends on it.
    rows = sorted(found, key=lambda row: row.name)
    if not rows:
        raise DatasetClosed(dataset.name, "empty", "add MIDI files before building it")
    session.execute(delete(Chunk).where(Chunk.dataset_id == dataset_id))
    for position, row in enumerate(rows):
        row.position, row.verdict = position, None
    cuts = _cut([row.size for row in rows])
    chunks = [Chunk(dataset_id=dataset_id, number=number, first=a, last=b) for number, (a, b) in enumerate(cuts)]
    session.add_all(chunks)
    dataset.state, dataset.error = DatasetState.BUILDING, None
    session.flush()
    events.append(session, Dataset, dataset_id, "building", {"files": len(rows), "chunks": len(chunks)})
    return [chunk.number for chunk in chunks]


def pending_chunks(session: Session, dataset_id: str) -> list[int]:
    """Numbers of the chunks that are not done."""
    query = select(Chunk.number).where(Chunk.dataset_id == dataset_id, Chunk.done.is_(False)).order_by(Chunk.number)
    return list(session.scalars(query))


def chunk_files(session: Session, dataset_id: str, number: int) -> list[DatasetFile]:
    """The files of a chunk that is still to do, by position; none when it is done or no longer part of a build."""
    chunk = session.get(Chunk, (dataset_id, number))
    if chunk is None or chunk.done:
        return []
    return list(
        session.scalars(
            select(DatasetFile)
            .where(DatasetFile.dataset_id == dataset_id, DatasetFile.position.between(chunk.first, chunk.last))
            .order_by(DatasetFile.position)
        )
    )


def finish_chunk(
    session: Session, dataset_id: str, number: int, verdicts: Iterable[FileVerdict], shards: list[Any]
) -> bool:
    """Record a chunk's verdicts and shards; True when it was the last one and the dataset can be committed.

    A chunk that is done already changes nothing, so a task may be delivered twice.
    """
    _lock(session, dataset_id, (DatasetState.BUILDING,), "its build was ended")
    chunk = session.get(Chunk, (dataset_id, number))
    if chunk is not None and not chunk.done:
        rows = {row.position: row for row in chunk_files(session, dataset_id, number)}
        for verdict in verdicts:
            row = rows[verdict.position]
            row.verdict = "accepted" if verdict.accepted else "refused"
            row.windows, row.notes = verdict.windows, verdict.notes
            row.left_out, row.warnings = verdict.left_out, verdict.warnings
            row.code, row.offset, row.reason = verdict.code, verdict.offset, verdict.reason
        chunk.done, chunk.shards = True, shards
        session.flush()
        events.append(session, Dataset, dataset_id, "chunk", {"number": number, "files": len(rows)})
    return not pending_chunks(session, dataset_id)


def built_files(session: Session, dataset_id: str) -> Sequence[DatasetFile]:
    """Every file by position."""
    query = select(DatasetFile).where(DatasetFile.dataset_id == dataset_id).order_by(DatasetFile.position)
    return session.scalars(query).all()


def chunk_shards(session: Session, dataset_id: str) -> list[Any]:
    """The shards of every chunk, in order."""
    query = select(Chunk.shards).where(Chunk.dataset_id == dataset_id).order_by(Chunk.number)
    return [shard for shards in session.scalars(query) for shard in shards]


def commit_build(session: Session, dataset_id: str, digest: str, manifest_key: str) -> None:
    """The dataset is built: totals from its files, the digest of its manifest. A second call changes nothing."""
    dataset = _lock(session, dataset_id, (DatasetState.BUILDING, DatasetState.BUILT), "its build was ended")
    if dataset.state == DatasetState.BUILT:
        return
    _total(session, dataset)
    dataset.state, dataset.digest, dataset.manifest_key = DatasetState.BUILT, digest, manifest_key
    session.flush()
    session.execute(update(Dataset).where(Dataset.id == dataset_id).values(built_at=database_now()))
    data = {"digest": digest, "windows": dataset.windows, "accepted": dataset.files_accepted}
    events.append(session, Dataset, dataset_id, "built", data | {"refused": dataset.files_refused})


def fail_build(session: Session, dataset_id: str, error: str) -> None:
    """The build ended without a dataset: `error` says why. The files and their report stay."""
    dataset = _lock(session, dataset_id, (DatasetState.BUILDING,), "its build was ended")
    _total(session, dataset)
    dataset.state, dataset.error = DatasetState.FAILED, error
    session.flush()
    events.append(session, Dataset, dataset_id, "failed", {"error": error})


def stale_builds(session: Session, seconds: float) -> list[str]:
    """Datasets that are building and where nothing happened for `seconds`: their tasks may be lost. Marks them seen."""
    query = (
        update(Dataset)
        .where(Dataset.state == DatasetState.BUILDING, Dataset.updated_at < database_now(-seconds))
        .values(updated_at=database_now())
        .returning(Dataset.id)
    )
    return list(session.scalars(query))


def _lock(session: Session, dataset_id: str, states: tuple[DatasetState, ...], wanted: str) -> Dataset:
    dataset = session.scalar(
        select(Dataset).where(Dataset.id == dataset_id).with_for_update().execution_options(populate_existing=True)
    )
    if dataset is None:
        raise NotFound("dataset", dataset_id)
    if dataset.state not in states:
        raise DatasetClosed(dataset.name, dataset.state, wanted)
    return dataset


def _total(session: Session, dataset: Dataset) -> None:
    totals = session.execute(
        select(
            func.count().filter(DatasetFile.verdict == "accepted"),
            func.count().filter(DatasetFile.verdict == "refused"),
            func.coalesce(func.sum(DatasetFile.windows), 0),
            func.coalesce(func.sum(DatasetFile.notes), 0),
        ).where(DatasetFile.dataset_id == dataset.id)
    ).one()
    dataset.files_accepted, dataset.files_refused, dataset.windows, dataset.notes = (int(total) for total in totals)


def _batches(files: Sequence[NewFile], size: int = 500) -> Iterable[Sequence[NewFile]]:
    # A statement takes a bounded number of parameters.
    return (files[start : start + size] for start in range(0, len(files), size))


def _cut(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """First and last position of each chunk: at most CHUNK_FILES files and, unless one file is larger, CHUNK_BYTES."""
    chunks: list[tuple[int, int]] = []
    first = held = 0
    for position, size in enumerate(sizes):
        if position > first and (position - first >= CHUNK_FILES or held + size > CHUNK_BYTES):
            chunks.append((first, position - 1))
            first, held = position, 0
        held += size
    return [*chunks, (first, len(sizes) - 1)]
