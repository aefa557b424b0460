"""A built dataset in memory: its windows, 8 steps a byte, 1,152 bytes a window."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pianola.codec.options import CodecOptions
from pianola.codec.shards import BadManifest, BadShard, read_manifest, read_shard
from pianola.codec.window import SIDE, Bytes, Integers
from pianola.codec.windows import unpack
from pianola.objects import ObjectCorrupt, ObjectMissing, ObjectStore, verified
from pianola.objects.layout import dataset_key
from pianola.records.tables import Dataset
from pianola_trainer.errors import DatasetUnreadable
from pianola_trainer.patience import patiently

_BLOCK = 256


@dataclass(frozen=True)
class PackedWindows:
    """Windows in the dataset's order: packed uint8 [n, 96, 12], and the position of each one's file, int32 [n]."""

    packed: Bytes
    file: NDArray[np.int32]
    lowest_pitch: int

    def __len__(self) -> int:
        return len(self.packed)

    def of(self, rows: Integers) -> Bytes:
        """Windows [len(rows), 96, 96] of 0 and 1."""
        return unpack(self.packed[rows])

    def blocks(self) -> Iterator[Bytes]:
        """All windows, some hundred at a time."""
        return (unpack(self.packed[start : start + _BLOCK]) for start in range(0, len(self), _BLOCK))

    def density(self, rows: Integers) -> float:
        """The share of lit pixels in these windows."""
        lit = 0
        for start in range(0, len(rows), _BLOCK):
            lit += int(np.bitwise_count(self.packed[rows[start : start + _BLOCK]]).sum())
        return lit / (len(rows) * SIDE * SIDE)


def read_windows(store: ObjectStore, dataset: Dataset) -> PackedWindows:
    """The windows of a built dataset, every object checked against its digest. Raises DatasetUnreadable."""
    assert dataset.digest is not None and dataset.manifest_key is not None  # a run's dataset is built
    try:
        return _read(store, dataset.id, dataset.manifest_key, dataset.digest)
    except (ObjectMissing, ObjectCorrupt, BadManifest, BadShard) as error:
        raise DatasetUnreadable(dataset.name, error) from error


def _read(store: ObjectStore, dataset_id: str, manifest_key: str, digest: str) -> PackedWindows:
    manifest = read_manifest(patiently(lambda: verified(store, manifest_key, digest)))
    packed = np.empty((manifest.windows, SIDE, SIDE // 8), np.uint8)
    file = np.empty(manifest.windows, np.int32)
    filled = 0
    for entry in manifest.shards:
        shard = read_shard(patiently(partial(verified, store, dataset_key(dataset_id, entry.key), entry.sha256)))
        end = filled + len(shard.windows)
        packed[filled:end], file[filled:end] = shard.windows, shard.file
        filled = end
    return PackedWindows(packed, file, CodecOptions.from_json(manifest.options).lowest_pitch)
