"""A dataset's build: files from the store in, shards and verdicts out, and the manifest that closes it.

Every step may be done twice, by two workers at once: objects are named by their content, and the records take a chunk's
result and a dataset's digest once. Never more than one file and one shard are in memory.
"""

import structlog

from pianola.codec.options import CodecOptions
from pianola.codec.shards import Manifest, ShardEntry, ShardWriter, manifest_bytes, manifest_digest
from pianola.codec.verdict import Verdict, judge
from pianola.codec.windows import unpack
from pianola.objects import ObjectCorrupt, ObjectMissing, ObjectStore, verified
from pianola.objects.layout import dataset_key, file_key, manifest_key
from pianola.records import Records, datasets
from pianola.records.datasets import FileVerdict
from pianola.records.states import DatasetState
from pianola.records.tables import DatasetFile

_log = structlog.get_logger("build")


class FileLost(RuntimeError):
    """The store no longer holds a file's bytes as they were uploaded."""

    def __init__(self, name: str, reason: object) -> None:
        super().__init__(
            f"the uploaded file {name!r} cannot be read back ({reason}): upload it again, then build again"
        )
        self.name = name


def build_chunk(records: Records, store: ObjectStore, dataset_id: str, number: int) -> bool:
    """Build one chunk; True when the dataset has no other chunk to do and can be committed.

    Raises FileLost, NotFound, DatasetClosed where the build was ended meanwhile, StoreUnavailable and DBAPIError.
    """
    with records.read() as session:
        options = CodecOptions.from_json(datasets.get(session, dataset_id).options)
        files = datasets.chunk_files(session, dataset_id, number)
    if not files:
        return _all_done(records, dataset_id)
    writer = ShardWriter(lambda name, data: store.put(dataset_key(dataset_id, name), data))
    verdicts = [_build_file(store, file, options, writer) for file in files]
    shards = [entry.to_json() for entry in writer.close()]
    with records.write() as session:
        if _cut(datasets.chunk_files(session, dataset_id, number)) != _cut(files):
            # Done by another worker, or part of another build by now: a failed dataset was mended meanwhile.
            _log.info("chunk_dropped", dataset=dataset_id, number=number)
            return not datasets.pending_chunks(session, dataset_id)
        last = datasets.finish_chunk(session, dataset_id, number, verdicts, shards)
    windows = sum(verdict.windows for verdict in verdicts)
    _log.info("chunk_built", dataset=dataset_id, number=number, files=len(files), windows=windows, shards=len(shards))
    return last


def commit_dataset(records: Records, store: ObjectStore, dataset_id: str) -> None:
    """Write the manifest and commit the dataset, or fail the build when no file gave a window.

    Changes nothing while chunks are still to do, and nothing once the dataset is built. Raises NotFound, DatasetClosed,
    StoreUnavailable and DBAPIError.
    """
    with records.read() as session:
        dataset = datasets.get(session, dataset_id)
        if dataset.state != DatasetState.BUILDING or datasets.pending_chunks(session, dataset_id):
            return
        files = datasets.built_files(session, dataset_id)
        shards = datasets.chunk_shards(session, dataset_id)
    if not shards:
        _fail_empty(records, dataset_id, len(files))
        return
    manifest = Manifest(
        options=dataset.options,
        files=tuple(file.sha256 for file in files),
        file_windows=tuple(file.windows for file in files),
        notes=sum(file.notes for file in files),
        shards=tuple(ShardEntry.from_json(shard) for shard in shards),
    )
    digest = manifest_digest(manifest)
    key = manifest_key(dataset_id, digest)
    store.put(key, manifest_bytes(manifest))
    with records.write() as session:
        datasets.commit_build(session, dataset_id, digest, key)
    _log.info("dataset_built", dataset=dataset_id, digest=digest, windows=manifest.windows, shards=len(shards))


def fail_build(records: Records, dataset_id: str, error: str) -> None:
    """End the build with `error`. Raises NotFound, DatasetClosed where it has ended already, DBAPIError."""
    with records.write() as session:
        datasets.fail_build(session, dataset_id, error)
    _log.warning("build_failed", dataset=dataset_id, error=error)


def _build_file(store: ObjectStore, file: DatasetFile, options: CodecOptions, writer: ShardWriter) -> FileVerdict:
    assert file.position is not None  # a chunk's files have their places
    try:
        data = verified(store, file_key(file.dataset_id, file.sha256), file.sha256)
    except (ObjectMissing, ObjectCorrupt) as error:
        raise FileLost(file.name, error) from error
    verdict, windows = judge(data, options)
    writer.add(file.position, unpack(windows.lit))
    return _at(file.position, verdict)


def _at(position: int, verdict: Verdict) -> FileVerdict:
    return FileVerdict(
        position=position,
        accepted=verdict.accepted,
        windows=verdict.windows,
        notes=verdict.notes,
        left_out=dict(verdict.left_out),
        warnings=list(verdict.warnings),
        code=verdict.code,
        offset=verdict.offset,
        reason=verdict.reason,
    )


def _cut(files: list[DatasetFile]) -> list[tuple[str, int | None]]:
    return [(file.id, file.position) for file in files]


def _all_done(records: Records, dataset_id: str) -> bool:
    """Whether a chunk without work was the last one, done by a worker that may have died before it said so."""
    with records.read() as session:
        building = datasets.get(session, dataset_id).state == DatasetState.BUILDING
        return building and not datasets.pending_chunks(session, dataset_id)


def _fail_empty(records: Records, dataset_id: str, files: int) -> None:
    which = "the file gave no window" if files == 1 else f"none of the {files:,} files gave a window"
    fail_build(records, dataset_id, f"{which}; the report says why: add other MIDI files and build again")
