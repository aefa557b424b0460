"""One chunk of a build: its files from the store in; shards, a page of the report and their numbers out.

A chunk may be built twice, by two workers at once: objects are named by their content, and the records take a chunk's
result once. In memory are the chunk's files, one file's windows and one shard.
"""

import contextlib
import hashlib

import structlog
from sqlalchemy.exc import DBAPIError

from pianola.codec.revision import CODEC_REVISION
from pianola.codec.verdict import Verdict
from pianola.codec.windows import Windows, no_windows
from pianola.dataset.fingerprints import Fingerprints, fingerprint, fingerprints_bytes
from pianola.dataset.labels import label_numbers
from pianola.dataset.options import DatasetOptions
from pianola.dataset.report import FileReport, page_bytes
from pianola.dataset.shard_writer import Placed, ShardWriter
from pianola.dataset.shards import BadShard
from pianola.objects import ObjectCorrupt, ObjectMissing, ObjectStore
from pianola.objects.layout import dataset_key, page_key, sidecar_key
from pianola.records import Records, builds
from pianola.records.builds import ChunkFile, ChunkResult, ChunkWork
from pianola.records.verdicts import FileVerdict
from pianola_preprocess.fetching import read_ahead, read_one
from pianola_preprocess.heartbeat import Heartbeat
from pianola_preprocess.reading.reader import Reader
from pianola_preprocess.reusing import FormerShards
from pianola_preprocess.under_way import UnderWay

_log = structlog.get_logger("build")


class OtherCodec(RuntimeError):
    """The build was planned by a Pianola whose codec reads differently."""

    def __init__(self, planned: int) -> None:
        super().__init__(
            f"the build was begun with revision {planned} of the codec, and this worker has {CODEC_REVISION}: "
            "run the same release of Pianola everywhere, then build again"
        )


def build_chunk(
    records: Records,
    store: ObjectStore,
    reader: Reader,
    dataset_id: str,
    number: int,
    under_way: UnderWay | None = None,
) -> bool:
    """Build one chunk; True when the dataset has no other chunk to do and can be committed.

    `under_way` is told which build it is of.

    Raises FileLost, OtherCodec, NotFound, DatasetClosed where the build was ended meanwhile, ReaderUnavailable,
    StoreUnavailable and DBAPIError.
    """
    with records.write() as session:
        work = builds.begin_chunk(session, dataset_id, number)
        if work is None:
            _log.info("chunk_dropped", dataset=dataset_id, number=number)
            # Done by another worker, which may have died before it asked for the commit.
            return builds.begin_commit(session, dataset_id) is not None
        known = builds.known(session, dataset_id, [file.sha256 for file in work.files])
    structlog.contextvars.bind_contextvars(build=work.build, number=number)
    if under_way is not None:
        under_way.build = work.build
    try:
        if work.codec != CODEC_REVISION:
            raise OtherCodec(work.codec)
        build = work.build
        with Heartbeat(records, lambda now: builds.heartbeat(now, dataset_id, build, number)) as heartbeat:
            result = _ChunkBuild(store, reader, work, known).run(heartbeat)
        with records.write() as session:
            last = builds.finish_chunk(session, dataset_id, number, result)
    except BaseException:
        # Ended in order, be it by a stop: only a process that dies without a word counts against the chunk.
        with contextlib.suppress(DBAPIError), records.write() as session:
            builds.release_chunk(session, dataset_id, number, work.build)
        raise
    windows = sum(verdict.windows for verdict in result.verdicts)
    counts = {"files": len(work.files), "reused": result.reused, "windows": windows, "shards": len(result.shards)}
    _log.info("chunk_built", dataset=dataset_id, number=number, **counts)
    return last


class _ChunkBuild:
    """The way of a chunk's files through reading, shards and report."""

    def __init__(self, store: ObjectStore, reader: Reader, work: ChunkWork, known: dict[str, FileVerdict]) -> None:
        self._store, self._reader, self._work, self._known = store, reader, work, known
        self._options = DatasetOptions.from_json(work.options)
        self._labels = {field: tuple(values) for field, values in work.labels.items()}
        self._former = FormerShards(store, work.folder)
        self._writer = ShardWriter(lambda key, data: store.put(dataset_key(work.folder, key), data), len(self._labels))
        self._verdicts: list[Verdict] = []
        self._fingerprints: list[Fingerprints] = []
        self._reused = 0

    def run(self, heartbeat: Heartbeat) -> ChunkResult:
        """Build every file and store what comes of them."""
        new = [file for file in self._work.files if file.sha256 not in self._known]
        with read_ahead(self._store, self._work.folder, new) as contents:
            judged = self._reader.judge_all(contents, self._options.codec)
            for file in self._work.files:
                heartbeat.check()
                self._add(file, *(self._known_result(file) or next(judged)))
        shards = self._writer.close()
        placed = {place.position: place for place in self._writer.placed}
        return ChunkResult(
            build=self._work.build,
            verdicts=[
                _verdict(file.position, verdict, placed.get(file.position))
                for file, verdict in zip(self._work.files, self._verdicts, strict=True)
            ],
            shards=[entry.to_json() for entry in shards],
            reused=self._reused,
            page=self._store_page(),
            fingerprints=self._store_fingerprints(),
            statistics=self._writer.statistics.to_json(),
        )

    def _known_result(self, file: ChunkFile) -> tuple[Verdict, Windows] | None:
        known = self._known.get(file.sha256)
        if known is None:
            return None
        try:
            windows = self._copied(known)
        except (ObjectMissing, ObjectCorrupt, BadShard) as error:
            _log.warning("former_shard_lost", dataset=self._work.dataset_id, file=file.name, error=str(error))
            return self._reader.judge(read_one(self._store, self._work.folder, file), self._options.codec)
        self._reused += 1
        return _of_records(known), windows

    def _copied(self, known: FileVerdict) -> Windows:
        if known.shard is None or known.row is None:
            return no_windows(self._options.codec.velocity)
        return self._former.windows(known.shard, known.row, known.windows)

    def _add(self, file: ChunkFile, verdict: Verdict, windows: Windows) -> None:
        self._verdicts.append(verdict)
        self._writer.add(file.position, windows, file.held_out, label_numbers(file.labels, self._labels))
        if self._options.duplicates != "keep":
            sketched = self._options.duplicates == "files"
            self._fingerprints.append(fingerprint(file.position, windows, sketched))

    def _store_page(self) -> str:
        lines = [
            FileReport(file.name, file.sha256, file.size, file.labels, file.held_out, verdict)
            for file, verdict in zip(self._work.files, self._verdicts, strict=True)
        ]
        data = page_bytes(lines)
        sha256 = hashlib.sha256(data).hexdigest()
        self._store.put(page_key(self._work.folder, sha256), data)
        return sha256

    def _store_fingerprints(self) -> str | None:
        if self._options.duplicates == "keep":
            return None
        data = fingerprints_bytes(self._fingerprints)
        sha256 = hashlib.sha256(data).hexdigest()
        self._store.put(sidecar_key(self._work.folder, sha256), data)
        return sha256


def _verdict(position: int, verdict: Verdict, placed: Placed | None) -> FileVerdict:
    shard, row = (None, None) if placed is None else (placed.shard, placed.row)
    return FileVerdict(position=position, shard=shard, row=row, **verdict.to_json())  # type: ignore[arg-type]  # the same fields


def _of_records(known: FileVerdict) -> Verdict:
    return Verdict(
        accepted=known.accepted,
        windows=known.windows,
        notes=known.notes,
        left_out=known.left_out,
        warnings=known.warnings,
        code=known.code,
        offset=known.offset,
        reason=known.reason,
    )
