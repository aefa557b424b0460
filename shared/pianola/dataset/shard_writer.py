"""Writing a dataset's shards: files' windows collected until they fill one."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pianola.codec.windows import Windows
from pianola.dataset.shards import Shard, ShardEntry, view_shard, write_shard
from pianola.dataset.statistics import Statistics, count

SHARD_BYTES: Final = 8 * 2**20
"""A shard's windows take no more than this, packed, unless a single file's take more."""


@dataclass(frozen=True)
class Placed:
    """Where the windows of the file at `position` begin: the shard's sha256, and the row there."""

    position: int
    shard: str
    row: int


class ShardWriter:
    """Collects files' windows and stores a shard whenever the next file would make it larger than SHARD_BYTES.

    Holds one shard in memory, whatever the number of files. `put(key, data)` stores an object. The same files in the
    same order give the same shards. labels: the number of label fields.
    """

    def __init__(self, put: Callable[[str, bytes], None], labels: int = 0) -> None:
        self._put, self._labels = put, labels
        self._pending: list[Shard] = []
        self._bytes = 0
        self._last = -1
        self._entries: list[ShardEntry] = []
        self.placed: list[Placed] = []
        """Where the windows of every file stored so far begin."""
        self.statistics = Statistics()
        """Of everything stored so far."""

    def add(self, position: int, windows: Windows, held_out: bool = False, labels: Sequence[int] = ()) -> None:
        """Add a file's windows; positions must grow. labels: one number for each field, -1 for none."""
        if not len(windows):
            return
        if position <= self._last:
            raise ValueError(f"file {position} comes after file {self._last}: add files in the dataset's order")
        if len(labels) != self._labels:
            raise ValueError(f"file {position} has {len(labels)} labels, the dataset {self._labels} fields")
        if self._bytes + windows.lit.nbytes > SHARD_BYTES:
            self._flush()
        self._last = position
        self._pending.append(_shard_of(position, windows, held_out, labels))
        self._bytes += windows.lit.nbytes

    def close(self) -> list[ShardEntry]:
        """Store what is left and return the entries of all shards, in order."""
        self._flush()
        return self._entries

    def _flush(self) -> None:
        if not self._pending:
            return
        data = write_shard(*self._pending)
        shard = view_shard(data)
        entry = ShardEntry(hashlib.sha256(data).hexdigest(), len(shard), int(shard.file[0]), int(shard.file[-1]))
        self._put(entry.key, data)
        self._entries.append(entry)
        row = 0
        for file in self._pending:
            self.placed.append(Placed(int(file.file[0]), entry.sha256, row))
            row += len(file)
        self.statistics += count(shard)
        self._pending, self._bytes = [], 0


def _shard_of(position: int, windows: Windows, held_out: bool, labels: Sequence[int]) -> Shard:
    """One file's windows as a shard."""
    rows = len(windows)
    return Shard(
        windows.lit,
        np.full(rows, position, np.int32),
        windows.start,
        windows.tempo,
        windows.metre,
        np.full(rows, held_out),
        np.tile(np.array(labels, np.int16), (rows, 1)),
        windows.velocity,
    )
