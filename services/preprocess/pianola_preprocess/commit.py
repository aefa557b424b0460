"""The end of a build: what is there twice is left out, the manifest written, and with its digest the dataset built.

All of it comes from what the chunks left in the records and the store, in bounded memory; it may be done twice.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from pianola.codec.window import Integers, Mask
from pianola.codec.windows import unpack
from pianola.dataset.description import describe
from pianola.dataset.duplicates import Duplicates, NearFiles, find_duplicates
from pianola.dataset.fingerprints import Fingerprints, read_fingerprints
from pianola.dataset.manifest import Manifest, manifest_bytes, manifest_digest
from pianola.dataset.options import DatasetOptions
from pianola.dataset.report import PageEntry
from pianola.dataset.shards import Shard, ShardEntry, view_shard
from pianola.dataset.statistics import Statistics, without
from pianola.evaluation.pictures import contact_sheet
from pianola.objects import ObjectStore, verified
from pianola.objects.layout import contact_sheet_key, manifest_key, shard_key, sidecar_key, statistics_key
from pianola.records import Records, builds, datasets
from pianola.records.builds import Committed
from pianola.records.tables import Dataset
from pianola.spool import Spool
from pianola_preprocess.heartbeat import Heartbeat
from pianola_preprocess.under_way import UnderWay

ROLLS_OF_SHEET = 24
SHARDS_OF_SHEET = 4
"""Shards that the contact sheet is taken from: each is read whole, while no other worker can do anything."""

_log = structlog.get_logger("build")


def commit_dataset(
    records: Records, store: ObjectStore, spool: Spool, dataset_id: str, under_way: UnderWay | None = None
) -> None:
    """Write the manifest and commit the dataset, or fail the build when no file gave a window.

    `under_way` is told which build it is of.

    Changes nothing while chunks are still to do, and nothing once the dataset is built. Raises NotFound, DatasetClosed,
    StoreUnavailable and DBAPIError.
    """
    with records.read() as session:
        dataset = builds.begin_commit(session, dataset_id)
    if dataset is None:
        _log.info("commit_dropped", dataset=dataset_id)
        return
    build = dataset.builds
    structlog.contextvars.bind_contextvars(build=build)
    if under_way is not None:
        under_way.build = build
    beat = Heartbeat(records, lambda now: builds.heartbeat(now, dataset_id, build))
    with beat as heartbeat, spool.workspace(dataset_id) as folder:
        commit = _Commit(records, store, dataset, folder)
        if not commit.stored.shards:
            fail_build(records, dataset_id, _empty(commit.stored.files), build)
            return
        committed = commit.run(heartbeat)
    with records.write() as session:
        builds.commit_build(session, dataset_id, committed)
    _log.info("dataset_built", dataset=dataset_id, digest=committed.digest, windows=committed.windows)


def fail_build(records: Records, dataset_id: str, error: str, build: int | None) -> None:
    """End the build with that number, None whichever is under way, with `error`.

    Raises NotFound, DatasetClosed where it has ended already, DBAPIError.
    """
    with records.write() as session:
        builds.fail_build(session, dataset_id, error, build)
    _log.warning("build_failed", dataset=dataset_id, error=error)


@dataclass
class _Stored:
    """What the chunks left, added up."""

    shards: list[ShardEntry]
    pages: list[PageEntry]
    fingerprints: list[str]
    statistics: Statistics
    files: int = 0
    accepted: int = 0
    notes: int = 0

    @classmethod
    def of(cls, records: Records, dataset_id: str) -> "_Stored":
        total = cls([], [], [], Statistics())
        with records.read() as session:
            for chunk in builds.chunks(session, dataset_id):
                total.shards += [ShardEntry.from_json(shard) for shard in chunk.shards]
                assert chunk.page is not None  # a done chunk has it
                assert chunk.statistics is not None
                total.pages.append(PageEntry(chunk.page, chunk.first, chunk.last))
                total.fingerprints += [] if chunk.fingerprints is None else [chunk.fingerprints]
                total.statistics += Statistics.from_json(chunk.statistics)
                total.files += chunk.files
                total.accepted += chunk.accepted
                total.notes += chunk.notes
        return total

    @property
    def windows(self) -> int:
        """In all shards."""
        return sum(shard.windows for shard in self.shards)


class _Commit:
    """One dataset's way from its chunks to its manifest."""

    def __init__(self, records: Records, store: ObjectStore, dataset: Dataset, folder: Path) -> None:
        self._records, self._store, self._dataset, self._folder = records, store, dataset, folder
        self._options = DatasetOptions.from_json(dataset.options)
        self._labels = {field: tuple(values) for field, values in dataset.labels.items()}
        self.stored = _Stored.of(records, dataset.id)

    def run(self, heartbeat: Heartbeat) -> Committed:
        """Store the manifest and what goes with it."""
        duplicates = self._duplicates()
        heartbeat.check()
        kept = _Kept(duplicates.kept, self.stored.shards)
        statistics = self._statistics(kept)
        manifest = self._manifest(duplicates, statistics)
        digest, folder = manifest_digest(manifest), self._dataset.folder
        keys = [key(folder, digest) for key in (manifest_key, statistics_key, contact_sheet_key)]
        described = describe(statistics, manifest)
        heartbeat.check()
        self._store.put(keys[1], json.dumps(described).encode("ascii"))
        self._store.put(keys[2], self._contact_sheet(kept))
        self._store.put(keys[0], manifest_bytes(manifest))
        near = duplicates.near
        counts = {"windows": duplicates.windows, "files": 0 if near is None else len(near)}
        return Committed(
            build=self._dataset.builds,
            digest=digest,
            manifest_key=keys[0],
            windows=manifest.windows,
            held_out=manifest.held_out,
            duplicates=None if self._options.duplicates == "keep" else counts,
            duplicate_files=_pairs(near),
            statistics_key=keys[1],
            contact_sheet_key=keys[2],
        )

    def _duplicates(self) -> Duplicates:
        if self._options.duplicates == "keep":
            return Duplicates(None, 0, None)
        near = self._options.duplicates == "files"
        return find_duplicates(self._fingerprints(), self.stored.windows, self._folder, near)

    def _fingerprints(self) -> Iterator[Fingerprints]:
        for sha256 in self.stored.fingerprints:
            yield read_fingerprints(verified(self._store, sidecar_key(self._dataset.folder, sha256), sha256))

    def _statistics(self, kept: "_Kept") -> Statistics:
        statistics = self.stored.statistics
        for number in kept.shards_that_lost:
            statistics = without(statistics, self._shard(number), kept.rows(number))
        return statistics

    def _manifest(self, duplicates: Duplicates, statistics: Statistics) -> Manifest:
        assert self._dataset.codec is not None  # a planned build has it
        return Manifest(
            codec=self._dataset.codec,
            options=self._options,
            files=self.stored.files,
            accepted=self.stored.accepted,
            notes=self.stored.notes,
            windows=statistics.windows,
            held_out=statistics.held_out,
            labels=self._labels,
            shards=tuple(self.stored.shards),
            report=tuple(self.stored.pages),
            kept=self._sidecar(duplicates.kept),
            duplicates=self._sidecar(None if duplicates.near is None else duplicates.near.to_bytes()),
        )

    def _sidecar(self, data: bytes | None) -> str | None:
        if data is None:
            return None
        sha256 = hashlib.sha256(data).hexdigest()
        self._store.put(sidecar_key(self._dataset.folder, sha256), data)
        return sha256

    def _contact_sheet(self, kept: "_Kept") -> bytes:
        """Windows that lie evenly over shards that lie evenly over the dataset."""
        rolls, files = [], []
        for number, rows in kept.spread(ROLLS_OF_SHEET, SHARDS_OF_SHEET):
            shard = self._shard(number).rows(rows)
            rolls.append(unpack(shard.windows))
            files += shard.file.tolist()
        with self._records.read() as session:
            names = datasets.names_at(session, self._dataset.id, files)
        return contact_sheet(
            np.concatenate(rolls), [names[file] for file in files], lowest_pitch=self._options.codec.lowest_pitch
        )

    def _shard(self, number: int) -> Shard:
        sha256 = self.stored.shards[number].sha256
        return view_shard(verified(self._store, shard_key(self._dataset.folder, sha256), sha256))


class _Kept:
    """Which windows of each shard are kept; a shard's at a time are unpacked."""

    def __init__(self, bits: bytes | None, shards: Sequence[ShardEntry]) -> None:
        self._bits = None if bits is None else np.frombuffer(bits, np.uint8)
        self._ends = np.cumsum([shard.windows for shard in shards])
        counts = [int(np.count_nonzero(self.rows(number))) for number in range(len(shards))]
        self._counts = np.array(counts)
        self.shards_that_lost = [
            number for number, (shard, count) in enumerate(zip(shards, counts, strict=True)) if count < shard.windows
        ]

    def rows(self, number: int) -> Mask:
        """Which rows of a shard are kept: bool [windows]."""
        end = int(self._ends[number])
        start = int(self._ends[number - 1]) if number else 0
        if self._bits is None:
            return np.ones(end - start, np.bool_)
        skipped = start % 8
        unpacked = np.unpackbits(self._bits[start // 8 : -(-end // 8)], count=skipped + end - start)
        return unpacked[skipped:].astype(np.bool_)

    def spread(self, windows: int, shards: int) -> Iterator[tuple[int, Integers]]:
        """At most so many windows of at most so many shards: each shard's number, and rows that are kept in it."""
        there = np.flatnonzero(self._counts)
        chosen = there[_evenly(len(there), shards)]
        ends = np.cumsum(self._counts[chosen])
        places = _evenly(int(ends[-1]), windows)
        for number, end in zip(chosen.tolist(), ends.tolist(), strict=True):
            begin = end - int(self._counts[number])
            rows = np.flatnonzero(self.rows(number))[places[(places >= begin) & (places < end)] - begin]
            if len(rows):
                yield number, rows


def _evenly(count: int, most: int) -> Integers:
    """At most so many of the places 0 to count - 1, evenly spaced, away from both ends."""
    shown = min(count, most)
    places: Integers = (2 * np.arange(shown) + 1) * count // (2 * shown)
    return places


def _pairs(near: NearFiles | None) -> Sequence[tuple[int, int]]:
    return () if near is None else list(zip(near.files.tolist(), near.kept.tolist(), strict=True))


def _empty(files: int) -> str:
    which = "the file gave no window" if files == 1 else f"none of the {files:,} files gave a window"
    return f"{which}; the report says why: add other MIDI files and build again"
