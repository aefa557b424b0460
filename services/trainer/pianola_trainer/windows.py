"""A built dataset's windows, 8 steps a byte, 1,152 bytes a window: in memory where they fit, else as they are due."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pianola.codec.window import SIDE, Bytes, Integers, Mask
from pianola.codec.windows import PACKED, unpack
from pianola.dataset.shards import Origins
from pianola.models.conditions import Condition, Labels
from pianola.objects import ObjectStore
from pianola.records.tables import Dataset
from pianola_trainer.batches import MIXED, Batches, Split, excerpt
from pianola_trainer.errors import NoCondition
from pianola_trainer.reading import Shards
from pianola_trainer.streaming import StreamedWindows

_BLOCK = 256
_READERS = 8
"""Threads that read the heads of shards: what each waits for is the store."""


@dataclass(frozen=True)
class PackedWindows:
    """The windows that a dataset keeps, in its order; every array has a row for each.

    packed: uint8 [n, 96, 12]. file: int32 [n], the position of the window's file. labels: int16 [n, k], for each of the
    k fields of `vocabulary` in order the place of the value among the field's values, -1 for none. held_out: bool [n],
    the dataset's own hold-out; None where each run has its own. condition, told: the label field that a model is told,
    and what it is told of each window, int64 [n]; None for a model without conditions. ends: int64 [s], where each
    shard's windows end; None: they are no shards'. rows: int64 [n], the windows' places in the dataset, ascending; None
    where they are the whole of it.
    """

    packed: Bytes | StreamedWindows
    file: NDArray[np.int32]
    lowest_pitch: int
    labels: NDArray[np.int16]
    vocabulary: Mapping[str, tuple[str, ...]]
    held_out: Mask | None
    condition: Condition | None = None
    told: Labels | None = None
    ends: Integers | None = None
    rows: Integers | None = None

    def conditioned(self, field: str | None) -> "PackedWindows":
        """The same windows for a model that is told this field. Raises NoCondition."""
        if field is None:
            return self
        values = self.vocabulary.get(field, ())
        if len(values) < 2:
            raise NoCondition(field, list(self.vocabulary))
        told = self.labels[:, list(self.vocabulary).index(field)].astype(np.int64)
        return replace(self, condition=Condition(field, tuple(values)), told=np.where(told < 0, len(values), told))

    @property
    def conditions(self) -> int:
        """How many values the told field has; 0 for a model without conditions."""
        return 0 if self.condition is None else len(self.condition.values)

    def __len__(self) -> int:
        return len(self.packed)

    def of(self, rows: Integers) -> Bytes:
        """Windows [len(rows), 96, 96] of 0 and 1."""
        return unpack(self.packed[rows])

    def prepare(self, batches: Batches, step: int, check: Callable[[], None]) -> None:
        """Wait until the windows of step `step` are in memory. See StreamedWindows.prepare."""
        if isinstance(self.packed, StreamedWindows):
            self.packed.prepare(batches, step, check)

    def excerpt(self, sides: Split) -> tuple["PackedWindows", Split]:
        """The windows by which the dataset and the two sides of it are measured, in memory: all, or some of many.

        Which ones is told by the shards alone, not by what memory holds. Raises DatasetUnreadable, StoreUnavailable.
        """
        chosen = excerpt(sides, self.ends)
        if chosen is None:
            return self, sides
        rows, sides = chosen
        of_rows = replace(
            self,
            packed=self.packed[rows],
            file=self.file[rows],
            labels=self.labels[rows],
            held_out=None if self.held_out is None else self.held_out[rows],
            told=None if self.told is None else self.told[rows],
            ends=None,
            rows=rows,
        )
        return of_rows, sides

    def places(self, rows: Integers) -> Integers:
        """Where in the dataset these windows are."""
        return rows if self.rows is None else self.rows[rows]

    def blocks(self) -> Iterator[Bytes]:
        """All windows, some hundred at a time."""
        return (self.of(np.arange(start, min(start + _BLOCK, len(self)))) for start in range(0, len(self), _BLOCK))

    def density(self, rows: Integers) -> float:
        """The share of lit pixels in these windows."""
        lit = 0
        for start in range(0, len(rows), _BLOCK):
            lit += int(np.bitwise_count(self.packed[rows[start : start + _BLOCK]]).sum())
        return lit / (len(rows) * SIDE * SIDE)


def read_windows(store: ObjectStore, dataset: Dataset, most_bytes: int) -> PackedWindows:
    """The windows of a built dataset, every object checked against its digest. Raises DatasetUnreadable.

    They are in memory where they take at most `most_bytes` or are of at most MIXED shards, and beside them one shard
    while they are read. Of a larger set only the heads of the shards are read here; see StreamedWindows.
    """
    shards = Shards(store, dataset)
    if shards.windows_bytes > most_bytes and len(shards) > MIXED:
        with ThreadPoolExecutor(_READERS) as readers:
            origins = _collect(shards, readers.map(shards.origins, range(len(shards))))
        return _with_origins(StreamedWindows(shards, origins, most_bytes), shards, origins)
    packed = np.empty((shards.manifest.windows, SIDE, PACKED), np.uint8)

    def read() -> Iterator[Origins]:
        for number in range(len(shards)):
            shard = shards.read(number)
            packed[shards.start_of(number) : int(shards.ends[number])] = shard.windows
            yield Origins(shard.file, shard.held_out, shard.labels)

    origins = _collect(shards, read())
    return _with_origins(packed, shards, origins)


def _collect(shards: Shards, parts: Iterable[Origins]) -> Origins:
    """The origins of all windows. Raises DatasetUnreadable where they are not those that the manifest counts."""
    windows, fields = shards.manifest.windows, len(shards.manifest.labels)
    file, held_out = np.empty(windows, np.int32), np.empty(windows, np.bool_)
    labels = np.empty((windows, fields), np.int16)
    for number, part in enumerate(parts):
        rows = slice(shards.start_of(number), int(shards.ends[number]))
        file[rows], held_out[rows], labels[rows] = part.file, part.held_out, part.labels
    if np.count_nonzero(held_out) != shards.manifest.held_out:
        raise shards.refuse(f"its shards do not have the {shards.manifest.held_out} windows held out of its manifest")
    return Origins(file, held_out, labels)


def _with_origins(packed: Bytes | StreamedWindows, shards: Shards, origins: Origins) -> PackedWindows:
    manifest = shards.manifest
    own = origins.held_out if manifest.options.held_out else None
    lowest_pitch = manifest.options.codec.lowest_pitch
    return PackedWindows(packed, origins.file, lowest_pitch, origins.labels, manifest.labels, own, ends=shards.ends)
