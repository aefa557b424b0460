"""The build protocol: start, plan, chunks by many workers, commit. The rows decide; messages may be lost or doubled.

Every build has a number, `Dataset.builds`, that fences off what a worker of an older build still brings. A chunk's
worker says that it is at work (`heartbeat`), and its result is taken once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import delete, func, select, type_coerce, update
from sqlalchemy.orm import Session

from pianola.codec.revision import CODEC_REVISION
from pianola.dataset.labels import BadLabels
from pianola.queue import BUILD_CHUNK, COMMIT_DATASET, PLAN_BUILD, Task
from pianola.records import events, imports
from pianola.records.clock import database_now
from pianola.records.datasets import MENDABLE, lock
from pianola.records.errors import DatasetClosed, NotFound
from pianola.records.planning import plan_files
from pianola.records.states import DatasetState
from pianola.records.tables import FILES, Chunk, Dataset, Json, UtcDateTime
from pianola.records.verdicts import FileVerdict, find_verdicts, name_duplicates, write_verdicts

MAX_CHUNK_ATTEMPTS: Final = 4
"""A chunk whose process died this often without a word fails the build."""
CHUNK_LEASE_SECONDS: Final = 20.0
"""A chunk's worker that has not said anything for this long counts as gone: say `heartbeat` every 5 s."""

RATE_SECONDS: Final = 60.0
"""How far back the rate of a build looks."""

_ENDED: Final = "its build was ended"


@dataclass(frozen=True)
class ChunkFile:
    """A file to build: its place, name and content, its labels by field, and whether it is held out from training."""

    position: int
    name: str
    sha256: str
    size: int
    labels: Json
    held_out: bool


@dataclass(frozen=True)
class ChunkWork:
    """A chunk to build. `labels` is the dataset's vocabulary, `codec` the codec revision that the build is made with,
    `build` the number that the result must bear.
    """

    dataset_id: str
    number: int
    build: int
    attempts: int
    folder: str
    parent_id: str | None
    options: Json
    codec: int
    labels: dict[str, list[str]]
    files: tuple[ChunkFile, ...]


@dataclass(frozen=True)
class ChunkResult:
    """What a chunk became; its objects are stored already. `page` and `fingerprints` are sha256, `reused` counts the
    files whose result was the parent version's.
    """

    build: int
    verdicts: Sequence[FileVerdict]
    shards: list[Any]
    reused: int = 0
    page: str | None = None
    fingerprints: str | None = None
    statistics: Json | None = None


@dataclass(frozen=True)
class Committed:
    """A build's manifest and what it says. `windows` are those kept, `held_out` of them held out; `duplicates` counts
    the windows and files left out, and `duplicate_files` has the positions of those files, each with the kept one's.
    """

    build: int
    digest: str
    manifest_key: str
    windows: int
    held_out: int = 0
    duplicates: Json | None = None
    duplicate_files: Sequence[tuple[int, int]] = field(default=())
    statistics_key: str | None = None
    contact_sheet_key: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a build is. The rate is that of the last minute, and so is what the seconds left are reckoned from; both
    are None where nothing was done in it or no build is under way. `windows` are those made, or kept once built.
    """

    files: int
    files_done: int
    files_refused: int
    files_reused: int
    windows: int
    windows_per_second: float | None = None
    eta_seconds: float | None = None


def start_build(session: Session, dataset_id: str) -> list[tuple[Task, tuple[str | int, ...]]]:
    """The dataset is building; returns the tasks to send after the commit.

    One that is building already goes on: what is left to do is returned. Raises DatasetClosed when the dataset is
    built, has no files, or an import into it has not ended.
    """
    states = (*MENDABLE, DatasetState.BUILDING)
    dataset = lock(session, dataset_id, states, "a built dataset never changes; add files to make its next version")
    if dataset.state == DatasetState.BUILDING:
        return next_tasks(session, dataset_id)
    if imports.under_way(session, dataset_id):
        raise DatasetClosed(dataset.name, "importing", "wait for the import to end, then build")
    if not dataset.files:
        raise DatasetClosed(dataset.name, "empty", "add MIDI files before building it")
    session.execute(delete(Chunk).where(Chunk.dataset_id == dataset_id))
    dataset.files_accepted = dataset.files_refused = dataset.files_reused = dataset.windows = dataset.notes = 0
    dataset.state, dataset.error = DatasetState.BUILDING, None
    dataset.building_at, dataset.builds = None, dataset.builds + 1
    session.flush()
    events.append(session, Dataset, dataset_id, "building", {"files": dataset.files})
    return next_tasks(session, dataset_id)


def plan(session: Session, dataset_id: str) -> list[int]:
    """Order the files, cut them into chunks and return the numbers of those to build; a second call only returns them.

    A build whose labels cannot be used fails here, and has none. Raises NotFound, and DatasetClosed when it is ended.
    """
    dataset = lock(session, dataset_id, (DatasetState.BUILDING,), _ENDED)
    if dataset.building_at is not None:
        return pending_chunks(session, dataset_id)
    try:
        chunks, labels = plan_files(session, dataset)
    except BadLabels as error:
        fail_build(session, dataset_id, f"{error}; give it other labels, then build again")
        return []
    session.execute(
        update(Dataset)
        .where(Dataset.id == dataset_id)
        .values(labels=labels, codec=CODEC_REVISION, building_at=database_now())
    )
    events.append(session, Dataset, dataset_id, "planned", {"files": dataset.files, "chunks": chunks})
    return list(range(chunks))


def next_tasks(session: Session, dataset_id: str) -> list[tuple[Task, tuple[str | int, ...]]]:
    """What a build waits for: its plan, its chunks or its commit, each task with its arguments; else nothing."""
    dataset = session.get(Dataset, dataset_id, populate_existing=True)
    if dataset is None or dataset.state != DatasetState.BUILDING:
        return []
    if dataset.building_at is None:
        return [(PLAN_BUILD, (dataset_id,))]
    pending = pending_chunks(session, dataset_id)
    return [(BUILD_CHUNK, (dataset_id, number)) for number in pending] or [(COMMIT_DATASET, (dataset_id,))]


def pending_chunks(session: Session, dataset_id: str) -> list[int]:
    """Numbers of the chunks that are not done."""
    query = select(Chunk.number).where(Chunk.dataset_id == dataset_id, Chunk.done.is_(False)).order_by(Chunk.number)
    return list(session.scalars(query))


def begin_chunk(session: Session, dataset_id: str, number: int) -> ChunkWork | None:
    """The chunk to build, and one attempt more. None: it is done or no part of a build; drop the message.

    A message may come again while another worker is at it: both build, one result counts. After MAX_CHUNK_ATTEMPTS
    the chunk is nobody else's while its last worker may live, and fails the build once that one is gone.
    """
    dataset = session.scalar(select(Dataset).where(Dataset.id == dataset_id).with_for_update())
    chunk = session.get(Chunk, (dataset_id, number), populate_existing=True)
    if dataset is None or dataset.state != DatasetState.BUILDING or chunk is None or chunk.done:
        return None
    files = tuple(
        ChunkFile(**row)
        for row in session.execute(
            select(*(FILES.c[name] for name in ChunkFile.__dataclass_fields__))
            .where(FILES.c.dataset_id == dataset_id, FILES.c.position.between(chunk.first, chunk.last))
            .order_by(FILES.c.position)
        ).mappings()
    )
    if chunk.attempts >= MAX_CHUNK_ATTEMPTS:
        if not _is_held(session, chunk):
            fail_build(session, dataset_id, _poisonous(files))
        return None
    attempts = chunk.attempts + 1
    _set_chunk(session, dataset_id, number, attempts=attempts, lease_until=database_now(CHUNK_LEASE_SECONDS))
    _seen(session, dataset_id)
    assert dataset.codec is not None  # planned builds have it
    return ChunkWork(
        dataset_id=dataset_id,
        number=number,
        build=dataset.builds,
        attempts=attempts,
        folder=dataset.folder,
        parent_id=dataset.parent_id,
        options=dataset.options,
        codec=dataset.codec,
        labels=dataset.labels,
        files=files,
    )


def heartbeat(session: Session, dataset_id: str, build: int, number: int | None = None) -> None:
    """Somebody is at work on the chunk, or without a number on the commit: nothing of it is sent again meanwhile.

    Raises DatasetClosed where that build was ended, NotFound.
    """
    _lock_build(session, dataset_id, build)
    if number is not None:
        _set_chunk(session, dataset_id, number, lease_until=database_now(CHUNK_LEASE_SECONDS))
    _seen(session, dataset_id)


def release_chunk(session: Session, dataset_id: str, number: int, build: int) -> None:
    """The attempt ended in order and unfinished, because the store or the database was away: it does not count.

    Nothing changes where that build was ended.
    """
    same_build = select(Dataset.id).where(Dataset.id == dataset_id, Dataset.builds == build).exists()
    session.execute(
        update(Chunk)
        .where(Chunk.dataset_id == dataset_id, Chunk.number == number, Chunk.attempts > 0, same_build)
        .values(attempts=Chunk.attempts - 1, lease_until=None)
    )


def known(session: Session, dataset_id: str, sha256s: Sequence[str]) -> dict[str, FileVerdict]:
    """What the version before says of the same contents, by sha256: place, shard and row are those it has there.

    Nothing where another codec revision read them.
    """
    child = session.get(Dataset, dataset_id)
    parent = None if child is None or child.parent_id is None else session.get(Dataset, child.parent_id)
    if child is None or parent is None or parent.codec is None or parent.codec != child.codec:
        return {}
    return find_verdicts(session, parent.id, sha256s)


def finish_chunk(session: Session, dataset_id: str, number: int, result: ChunkResult) -> bool:
    """Record a chunk's result; True when it was the last one and the dataset can be committed.

    A chunk that is done already changes nothing, so a task may be delivered twice. Raises DatasetClosed where that
    build was ended, NotFound.
    """
    _lock_build(session, dataset_id, result.build)
    chunk = session.get(Chunk, (dataset_id, number), populate_existing=True)
    if chunk is not None and not chunk.done:
        write_verdicts(session, dataset_id, result.verdicts)
        accepted = sum(verdict.accepted for verdict in result.verdicts)
        counts = {
            "accepted": accepted,
            "refused": len(result.verdicts) - accepted,
            "reused": result.reused,
            "windows": sum(verdict.windows for verdict in result.verdicts),
            "notes": sum(verdict.notes for verdict in result.verdicts),
        }
        left = {name: getattr(result, name) for name in ("shards", "page", "fingerprints", "statistics")}
        _set_chunk(session, dataset_id, number, done=True, done_at=database_now(), lease_until=None, **counts, **left)
        said = {"number": number, "files": chunk.files, "refused": counts["refused"], "windows": counts["windows"]}
        events.append(session, Dataset, dataset_id, "chunk", said)
    return not pending_chunks(session, dataset_id)


def progress(session: Session, dataset_id: str) -> Progress:
    """How far the dataset's build is, as its chunks say: files are never counted one by one. Raises NotFound."""
    dataset = session.get(Dataset, dataset_id)
    if dataset is None:
        raise NotFound("dataset", dataset_id)
    if dataset.state != DatasetState.BUILDING or dataset.building_at is None:
        done = dataset.files_accepted + dataset.files_refused
        return Progress(dataset.files, done, dataset.files_refused, dataset.files_reused, dataset.windows)
    counts = (Chunk.files, Chunk.refused, Chunk.reused, Chunk.windows)
    lately = Chunk.done_at >= database_now(-RATE_SECONDS)
    sums = [func.sum(count).filter(Chunk.done.is_(True)) for count in counts]
    sums += [func.sum(count).filter(lately) for count in (Chunk.files, Chunk.windows)]
    now = type_coerce(database_now(), UtcDateTime)
    *found, read_at = session.execute(select(*sums, now).where(Chunk.dataset_id == dataset_id)).one()
    done, refused, reused, windows, files_lately, windows_lately = (int(count or 0) for count in found)
    told = Progress(dataset.files, done, refused, reused, windows)
    seconds = min((read_at - dataset.building_at).total_seconds(), RATE_SECONDS)
    if not files_lately or seconds <= 0:
        return told
    left = (dataset.files - done) * seconds / files_lately
    return replace(told, windows_per_second=windows_lately / seconds, eta_seconds=left)


def begin_commit(session: Session, dataset_id: str) -> Dataset | None:
    """The dataset, when all its chunks are done and it waits for its commit; else None: drop the message."""
    dataset = session.get(Dataset, dataset_id, populate_existing=True)
    if dataset is None or dataset.state != DatasetState.BUILDING or dataset.building_at is None:
        return None
    return None if pending_chunks(session, dataset_id) else dataset


def chunks(session: Session, dataset_id: str) -> Iterator[Chunk]:
    """Every chunk with its result, in order; some at a time are in memory."""
    query = select(Chunk).where(Chunk.dataset_id == dataset_id).order_by(Chunk.number)
    yield from session.scalars(query, execution_options={"yield_per": 50})


def commit_build(session: Session, dataset_id: str, committed: Committed) -> None:
    """The dataset is built; a second call changes nothing. Raises DatasetClosed where the build has ended, NotFound."""
    dataset = lock(session, dataset_id, (DatasetState.BUILDING, DatasetState.BUILT), _ENDED)
    if dataset.state == DatasetState.BUILT:
        return
    if dataset.builds != committed.build or pending_chunks(session, dataset_id):
        raise DatasetClosed(dataset.name, dataset.state, _ENDED)
    _total(session, dataset)
    name_duplicates(session, dataset_id, committed.duplicate_files)
    dataset.state, dataset.digest, dataset.manifest_key = DatasetState.BUILT, committed.digest, committed.manifest_key
    dataset.windows, dataset.windows_held_out = committed.windows, committed.held_out
    dataset.duplicates = committed.duplicates
    dataset.statistics_key, dataset.contact_sheet_key = committed.statistics_key, committed.contact_sheet_key
    session.flush()
    session.execute(update(Dataset).where(Dataset.id == dataset_id).values(built_at=database_now()))
    data = {"digest": dataset.digest, "windows": dataset.windows, "accepted": dataset.files_accepted}
    events.append(session, Dataset, dataset_id, "built", data | {"refused": dataset.files_refused})


def fail_build(session: Session, dataset_id: str, error: str, build: int | None = None) -> None:
    """The build ended without a dataset: `error` says why. The files and their report stay.

    `build` fences: one that has ended since is nobody's any more. None is for whoever has not begun with any. Raises
    NotFound, DatasetClosed where the build has ended.
    """
    dataset = lock(session, dataset_id, (DatasetState.BUILDING,), _ENDED)
    if build not in (None, dataset.builds):
        raise DatasetClosed(dataset.name, dataset.state, _ENDED)
    _total(session, dataset)
    dataset.state, dataset.error = DatasetState.FAILED, error
    session.flush()
    events.append(session, Dataset, dataset_id, "failed", {"error": error})


def stale_builds(session: Session, seconds: float) -> list[str]:
    """Datasets that are building and where nothing happened for `seconds`: their tasks may be lost. Marks them seen.

    One whose row is locked is at work: it is passed over, not waited for.
    """
    quiet = session.scalars(
        select(Dataset.id)
        .where(Dataset.state == DatasetState.BUILDING, Dataset.updated_at < database_now(-seconds))
        .with_for_update(skip_locked=True)
    ).all()
    for dataset_id in quiet:
        _seen(session, dataset_id)
    return list(quiet)


def _lock_build(session: Session, dataset_id: str, build: int) -> Dataset:
    dataset = lock(session, dataset_id, (DatasetState.BUILDING,), _ENDED)
    if dataset.builds != build:
        raise DatasetClosed(dataset.name, dataset.state, _ENDED)
    return dataset


def _seen(session: Session, dataset_id: str) -> None:
    session.execute(update(Dataset).where(Dataset.id == dataset_id).values(updated_at=database_now()))


def _set_chunk(session: Session, dataset_id: str, number: int, **values: Any) -> None:
    session.execute(update(Chunk).where(Chunk.dataset_id == dataset_id, Chunk.number == number).values(**values))


def _is_held(session: Session, chunk: Chunk) -> bool:
    """Whether the chunk's last worker has spoken within its lease, by the database's clock."""
    mine = (Chunk.dataset_id == chunk.dataset_id) & (Chunk.number == chunk.number)
    return session.scalar(select(Chunk.number).where(mine, Chunk.lease_until >= database_now())) is not None


def _poisonous(files: Sequence[ChunkFile]) -> str:
    span = f"from {files[0].name!r} to {files[-1].name!r}" if len(files) > 1 else f"{files[0].name!r}"
    return (
        f"{MAX_CHUNK_ATTEMPTS} workers died while they read {span}: give them more memory, or leave those files out, "
        "then build again"
    )


def _total(session: Session, dataset: Dataset) -> None:
    """What the done chunks come to; windows are those made, until the commit says which are kept."""
    counts = (Chunk.accepted, Chunk.refused, Chunk.reused, Chunk.windows, Chunk.notes)
    query = select(*(func.coalesce(func.sum(count), 0) for count in counts)).where(Chunk.dataset_id == dataset.id)
    totals = [int(total) for total in session.execute(query).one()]
    dataset.files_accepted, dataset.files_refused, dataset.files_reused, dataset.windows, dataset.notes = totals
